import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics import frechet_resampling
from audiostory.evaluate.statistics.frechet import frechet_distance
from audiostory.evaluate.statistics.frechet_resampling import resampled_frechet


def items(seed, sizes, dimension, shift=0.0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((size, dimension)) + shift for size in sizes]


def drawn(sets, indices):
    return np.concatenate([sets[index] for index in indices])


@pytest.mark.parametrize("dimension", [3, 17, 40], ids=["moments", "between", "inner products"])
@pytest.mark.parametrize("indices", [[0, 1, 2, 3, 4], [4, 4, 1, 0, 4], [2, 2, 2, 2, 3]])
def test_a_draw_is_as_far_as_its_samples_one_after_the_other(dimension, indices):
    own = items(0, [3, 1, 4, 2, 5], dimension, shift=100.0)
    reference = items(1, [2, 2, 3, 4, 1], dimension, shift=101.0)
    expected = frechet_distance(drawn(own, indices), drawn(reference, indices)).value
    distance = resampled_frechet(own, reference)
    assert distance(np.array(indices)) == pytest.approx(expected, rel=1e-9)


def test_products_too_many_to_keep_are_computed_each_time(monkeypatch):
    own, reference = items(2, [9, 8, 7], 4), items(3, [5, 6, 7], 4)
    indices = np.array([0, 2, 2])
    kept = resampled_frechet(own, reference)(indices)
    monkeypatch.setattr(frechet_resampling, "MAX_STORED", 0)
    assert resampled_frechet(own, reference)(indices) == pytest.approx(kept, rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 8])
def test_a_draw_of_one_sample_is_refused(dimension):
    sets = items(4, [1, 1, 1], dimension)
    with pytest.raises(MeasureError, match="measure more items"):
        resampled_frechet(sets, sets)(np.array([1]))


def test_tracks_without_references_are_refused():
    with pytest.raises(MeasureError, match="one reference a track"):
        resampled_frechet(items(5, [2, 2], 3), items(6, [2], 3))


def test_copies_of_one_sample_have_no_spread_and_are_as_far_as_their_means():
    own, reference = items(7, [1, 1, 1], 2, shift=50.0), items(8, [1, 1, 1], 2)
    far = resampled_frechet(own, reference)(np.array([1, 1, 1]))
    assert far == pytest.approx(np.sum((own[1] - reference[1]) ** 2), rel=1e-6)
