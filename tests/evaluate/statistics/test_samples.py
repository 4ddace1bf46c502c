import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.samples import checked, counts_of, stacked, stacked_pairs


def test_samples_become_float64_rows():
    rows = checked(np.ones((2, 3), dtype=np.float32))
    assert rows.dtype == np.float64
    assert rows.shape == (2, 3)


@pytest.mark.parametrize("rows", [[1.0, 2.0], np.ones((2, 0)), np.ones((2, 2, 2))])
def test_what_is_no_matrix_of_samples_is_refused(rows):
    with pytest.raises(MeasureError, match="one sample a row"):
        checked(rows)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_sample_that_is_no_number_is_named_with_a_way_out(bad):
    rows = np.zeros((4, 2))
    rows[2, 1] = bad
    with pytest.raises(MeasureError, match=r"sample 2 of 4 .* render it anew"):
        checked(rows)


def test_items_keep_their_places_when_their_samples_are_stacked():
    items = stacked([np.zeros((2, 3)), np.ones((1, 3)), np.full((3, 3), 2.0)])
    assert items.starts.tolist() == [0, 2, 3]
    assert items.sizes.tolist() == [2, 1, 3]
    assert items.rows[:, 0].tolist() == [0, 0, 1, 2, 2, 2]
    assert items.drawn(np.array([0.0, 2.0, 1.0])).tolist() == [0, 0, 2, 1, 1, 1]


def test_an_item_without_samples_is_refused():
    with pytest.raises(MeasureError, match="no samples"):
        stacked([np.zeros((2, 3)), np.zeros((0, 3))])
    with pytest.raises(MeasureError, match="no items"):
        stacked([])


def test_a_track_without_a_reference_is_refused():
    with pytest.raises(MeasureError, match="2 tracks and 1 references"):
        stacked_pairs([np.zeros((1, 2))] * 2, [np.zeros((1, 2))])


def test_features_of_two_encoders_are_refused():
    with pytest.raises(MeasureError, match="one encoder"):
        stacked_pairs([np.zeros((2, 2))], [np.zeros((2, 3))])


def test_items_drawn_twice_count_twice():
    assert counts_of(np.array([1, 1, 3]), 4).tolist() == [0, 2, 0, 1]
