import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.divergence import (
    inception_score,
    kl_of_pairs,
    kl_sigmoid_of_pairs,
    logits_of_sigmoid,
    softmax,
)


def test_a_divergence_worked_by_hand():
    p, q = [[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]]
    expected = [0.5 * np.log(2.0) + 0.5 * np.log(2 / 3), np.log(2.0)]
    assert kl_of_pairs(p, q, epsilon=0).tolist() == pytest.approx(expected)


def test_the_toolkits_add_a_millionth_to_what_is_measured_from():
    found = kl_of_pairs([[1.0, 0.0]], [[0.0, 1.0]])
    assert found.tolist() == pytest.approx([-np.log(1e-6)])
    same = kl_of_pairs([[0.5, 0.5]], [[0.5, 0.5]])
    assert same.tolist() == pytest.approx([np.log(0.5 / 0.500001)], rel=1e-6)


def test_the_direction_matters():
    p, q = [[0.9, 0.1]], [[0.5, 0.5]]
    assert kl_of_pairs(p, q)[0] != pytest.approx(kl_of_pairs(q, p)[0])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 9))
def test_it_is_never_below_zero_and_zero_for_the_same(seed, classes):
    rows = softmax(3 * np.random.default_rng(seed).standard_normal((4, classes)))
    assert kl_of_pairs(rows, rows, epsilon=0) == pytest.approx(np.zeros(4), abs=1e-12)
    assert (kl_of_pairs(rows, rows[::-1], epsilon=0) >= -1e-12).all()


def test_multi_label_outputs_are_summed_without_their_complements():
    found = kl_sigmoid_of_pairs([[0.8, 0.5]], [[0.4, 0.9]], epsilon=0)
    assert found.tolist() == pytest.approx([0.8 * np.log(2.0) + 0.5 * np.log(5 / 9)])
    assert kl_sigmoid_of_pairs([[0.1]], [[0.9]])[0] < 0


def test_sigmoid_outputs_are_no_distribution():
    with pytest.raises(MeasureError, match="kl_sigmoid_of_pairs"):
        kl_of_pairs([[0.9, 0.8]], [[0.5, 0.5]])


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(MeasureError, match="softmax or sigmoid first"):
        kl_sigmoid_of_pairs([[0.9, -2.0]], [[0.5, 0.5]])


def test_an_infinite_divergence_is_refused():
    with pytest.raises(MeasureError, match="give an epsilon"):
        kl_of_pairs([[0.5, 0.5]], [[1.0, 0.0]], epsilon=0)


def test_tracks_without_references_are_no_pairs():
    with pytest.raises(MeasureError, match="no pairs"):
        kl_of_pairs([[1.0, 0.0]] * 2, [[1.0, 0.0]])


def test_softmax_knows_no_common_offset_and_no_overflow():
    assert softmax([[0.0, np.log(3.0)]])[0].tolist() == pytest.approx([0.25, 0.75])
    assert softmax([[1000.0, 1000.0]])[0].tolist() == pytest.approx([0.5, 0.5])


def test_logits_come_back_from_their_sigmoid():
    logits = np.array([[-12.0, -3.0, 0.0, 4.0]])
    rounded = (1 / (1 + np.exp(-logits))).astype(np.float32)
    assert logits_of_sigmoid(rounded)[0].tolist() == pytest.approx(logits[0], abs=1e-4)


def test_probabilities_that_float32_rounded_away_are_read_as_the_nearest_ones():
    found = logits_of_sigmoid(np.array([[0.0, 1.0]], dtype=np.float32))[0]
    assert found.tolist() == pytest.approx([-103.28, 17.33], abs=0.01)


def test_tracks_heard_as_the_same_score_one():
    assert inception_score([[0.7, 0.3]] * 5).mean == pytest.approx(1.0)


def test_sure_and_evenly_different_tracks_score_the_number_of_classes():
    assert inception_score(np.eye(4)).mean == pytest.approx(4.0)


def test_a_split_cannot_score_more_than_it_has_tracks():
    scored = inception_score(np.eye(8), splits=4)
    assert scored.mean == pytest.approx(2.0)
    assert scored.deviation == pytest.approx(0.0)


def test_splits_are_averaged_and_their_deviation_told():
    rows = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5]]
    scored = inception_score(rows, splits=2)
    assert scored.mean == pytest.approx((2.0 + 1.0) / 2)
    assert scored.deviation == pytest.approx(0.5)


def test_shuffling_changes_splits_but_not_the_whole():
    rows = softmax(np.random.default_rng(0).standard_normal((30, 5)))
    whole = inception_score(rows, rng=np.random.default_rng(1)).mean
    assert whole == pytest.approx(inception_score(rows).mean)
    split = inception_score(rows, splits=3, rng=np.random.default_rng(1)).mean
    assert split != pytest.approx(inception_score(rows, splits=3).mean)


@pytest.mark.parametrize("splits", [0, 6])
def test_splits_without_tracks_are_refused(splits):
    with pytest.raises(MeasureError, match="between 1 and 5"):
        inception_score(np.full((5, 2), 0.5), splits=splits)
