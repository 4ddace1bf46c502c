import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.answers import Rating
from audiostory.evaluate.listening.score_table import mean_of, score_table


def rating(participant, system, item, score, is_repeat=False):
    return Rating(
        participant=participant,
        system=system,
        item=item,
        is_repeat=is_repeat,
        scores={} if score is None else {"fidelity": score},
    )


RATINGS = [
    rating("P2", "a", "x", 5),
    rating("P1", "a", "x", 2),
    rating("P1", "a", "y", 0),
    rating("P1", "b", "y", 4),
    rating("P1", "a", "x", 0, is_repeat=True),
    rating("P2", "b", "x", None),
]


def table():
    return score_table("fidelity", RATINGS, ("a", "b"), ("x", "y", "z"))


def test_scores_stand_where_they_belong_and_repeats_nowhere():
    nan = np.nan
    np.testing.assert_array_equal(table().of("a"), [[2, 0, nan], [5, nan, nan]])
    np.testing.assert_array_equal(table().of("b"), [[nan, 4, nan], [nan, nan, nan]])
    np.testing.assert_array_equal(table().by_rater[0], [2, 0, nan, nan, 4, nan])


def test_an_item_nobody_scored_has_no_mean():
    assert table().item_means("a") == [3.5, 0.0, None]
    assert table().item_means("b") == [None, 4.0, None]


def test_items_count_alike_however_many_scored_them():
    assert mean_of(table().of("a")) == pytest.approx((3.5 + 0) / 2)


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(MeasureError, match="collect more answers"):
        mean_of(np.full((2, 3), np.nan))
