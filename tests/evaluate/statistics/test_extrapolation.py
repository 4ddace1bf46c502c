import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.extrapolation import extrapolated
from audiostory.evaluate.statistics.frechet import (
    Gaussian,
    fit,
    frechet_distance,
    gaussian_distance,
)


def test_a_line_in_one_over_n_is_found_exactly():
    found = extrapolated(lambda items: 2.0 + 30.0 / len(items), 400, smallest=20)
    assert found.value == pytest.approx(2.0)
    assert found.slope == pytest.approx(30.0)
    assert found.r_squared == pytest.approx(1.0)
    assert (found.sizes[0], found.sizes[-1], len(found.sizes)) == (20, 400, 15)


def test_the_bias_of_few_samples_is_taken_off():
    rng = np.random.default_rng(0)
    own = rng.standard_normal((600, 12))
    truth = Gaussian(np.full(12, 0.2), np.eye(12))
    expected = 12 * 0.2**2
    found = extrapolated(
        lambda items: gaussian_distance(fit(own[items]), truth), len(own), smallest=60
    )
    biased = gaussian_distance(fit(own[:60]), truth)
    assert abs(found.value - expected) < 0.25 * abs(biased - expected)
    assert found.slope > 0


def test_subsets_hold_no_sample_twice():
    drawn = []
    extrapolated(lambda items: float(drawn.append(items) or len(items)), 50, smallest=10, steps=5)
    assert all(len(set(items)) == len(items) for items in drawn)


def test_the_same_seed_draws_the_same_subsets():
    own, reference = np.random.default_rng(1).standard_normal((2, 60, 3))
    runs = [
        extrapolated(
            lambda items: frechet_distance(own[items], reference).value, 60, smallest=10, seed=seed
        )
        for seed in (5, 5, 6)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_a_distance_that_does_not_change_is_its_own_limit():
    found = extrapolated(lambda _: 4.0, 100, smallest=10)
    assert found.value == pytest.approx(4.0)


@pytest.mark.parametrize("smallest", [1, 99, 200])
def test_too_short_a_range_is_refused(smallest):
    with pytest.raises(MeasureError, match="no range"):
        extrapolated(lambda _: 1.0, 100, smallest=smallest)


def test_two_sizes_make_no_line():
    with pytest.raises(MeasureError, match="3 or more"):
        extrapolated(lambda _: 1.0, 100, smallest=10, steps=2)


def test_a_subset_without_a_distance_is_refused():
    with pytest.raises(MeasureError, match="not a number"):
        extrapolated(lambda _: float("nan"), 100, smallest=10)
