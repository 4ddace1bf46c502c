import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.metric import Column
from audiostory.evaluate.understanding.score import mean_score, missing_score

COLUMN = Column(key="k", title="K", better="higher")


def test_a_mean_looks_only_at_items_that_have_a_score():
    score = mean_score(COLUMN, [10.0, None, 40.0])
    assert score.value == 25.0
    assert score.per_item == (10.0, None, 40.0)
    assert score.num_items == 2
    assert score.num_units == 2


def test_an_interval_lies_around_the_mean_and_is_the_same_for_the_same_seed():
    score = mean_score(COLUMN, np.random.default_rng(0).normal(50, 10, 100).tolist())
    found = score.interval(seed=3)
    assert found is not None
    assert found.estimate == pytest.approx(score.value)
    assert found.low < score.value < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * 10 / 100**0.5, rel=0.25)
    assert score.interval(seed=3) == found


def test_items_of_one_recording_are_drawn_together():
    per_item = [0.0] * 30 + [100.0] * 30
    alone = mean_score(COLUMN, per_item).interval()
    names = [f"recording {index // 6}" for index in range(60)]
    together = mean_score(COLUMN, per_item, names)
    assert together.value == 50.0
    assert together.num_units == 10
    found = together.interval()
    assert found is not None
    assert alone is not None
    ratio = (found.high - found.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(6**0.5, rel=0.2)


def test_a_recording_without_scored_items_is_no_unit():
    score = mean_score(COLUMN, [10.0, None, 20.0], ["a", "b", "a"])
    assert score.num_units == 1
    with pytest.raises(MeasureError, match="measure two or more"):
        score.interval()


def test_what_no_item_has_is_missing_and_has_no_interval():
    score = mean_score(COLUMN, [None, None])
    assert score.value is None
    assert "no item" in score.missing
    assert score.interval() is None
    assert missing_score(COLUMN, "no Java").missing == "no Java"
