import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.frechet import (
    Gaussian,
    fit,
    frechet_distance,
    gaussian_distance,
    nuclear_norm,
)


def samples(seed, num, dimension, scale=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((dimension, dimension)) / np.sqrt(dimension)
    return scale * rng.standard_normal((num, dimension)) @ mixing + shift


def by_square_root_of_the_product(own, reference):
    one, other = np.cov(own, rowvar=False), np.cov(reference, rowvar=False)
    root = scipy.linalg.sqrtm(one @ other)
    means = own.mean(axis=0) - reference.mean(axis=0)
    return means @ means + np.trace(one) + np.trace(other) - 2 * np.trace(root).real


@pytest.mark.parametrize(("num", "dimension"), [(60, 8), (9, 8), (8, 8), (5, 40)])
def test_a_set_is_at_no_distance_from_itself(num, dimension):
    own = samples(0, num, dimension)
    assert abs(frechet_distance(own, own).value) < 1e-6 * own.var(axis=0).sum()


def test_the_definition_with_a_matrix_square_root_gives_the_same():
    own, reference = samples(1, 300, 12), samples(2, 200, 12, scale=1.7, shift=0.3)
    expected = by_square_root_of_the_product(own, reference)
    assert frechet_distance(own, reference).value == pytest.approx(expected, rel=1e-9)


def test_one_dimension_has_a_closed_form():
    own, reference = np.array([[0.0], [2.0]]), np.array([[10.0], [10.5], [11.0]])
    expected = (1.0 - 10.5) ** 2 + (np.sqrt(2.0) - 0.5) ** 2
    assert frechet_distance(own, reference).value == pytest.approx(expected, rel=1e-12)


def test_independent_dimensions_have_a_closed_form():
    one = Gaussian(np.array([1.0, 2.0, 0.0]), np.diag([4.0, 9.0, 0.0]))
    other = Gaussian(np.array([1.0, 0.0, 0.0]), np.diag([1.0, 9.0, 25.0]))
    assert gaussian_distance(one, other) == pytest.approx(4.0 + 1.0 + 0.0 + 25.0, rel=1e-9)


def test_a_shift_costs_its_squared_length():
    own = samples(3, 50, 6)
    shift = np.array([3.0, 4.0, 0.0, 0.0, 0.0, 0.0])
    assert frechet_distance(own, own + shift).value == pytest.approx(25.0, rel=1e-9)


@pytest.mark.parametrize(("num", "others", "dimension"), [(40, 30, 5), (6, 30, 10), (5, 6, 30)])
def test_samples_and_their_statistics_are_equally_far(num, others, dimension):
    own, reference = samples(4, num, dimension), samples(5, others, dimension, shift=0.2)
    expected = gaussian_distance(fit(own), fit(reference))
    assert frechet_distance(own, reference).value == pytest.approx(expected, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), num=st.integers(2, 12), dimension=st.integers(1, 8))
def test_order_and_direction_do_not_matter_and_nothing_is_nearer_than_the_means(
    seed, num, dimension
):
    rng = np.random.default_rng(seed)
    own, reference = samples(seed, num, dimension), samples(seed + 1, 7, dimension, shift=1.0)
    distance = frechet_distance(own, reference).value
    assert frechet_distance(rng.permutation(own), reference).value == pytest.approx(distance)
    assert frechet_distance(reference, own).value == pytest.approx(distance)
    means = own.mean(axis=0) - reference.mean(axis=0)
    assert distance >= means @ means - 1e-9


def test_rotating_both_sets_changes_nothing():
    own, reference = samples(6, 20, 5), samples(7, 20, 5, scale=2.0)
    rotation, _ = np.linalg.qr(np.random.default_rng(8).standard_normal((5, 5)))
    turned = frechet_distance(own @ rotation, reference @ rotation).value
    assert turned == pytest.approx(frechet_distance(own, reference).value)


def test_covariances_in_different_planes_share_nothing():
    own = np.array([[1.0, 0.0], [-1.0, 0.0]])
    reference = np.array([[0.0, 3.0], [0.0, -3.0]])
    assert frechet_distance(own, reference).value == pytest.approx(2.0 + 18.0)


def test_few_samples_of_many_dimensions_come_with_a_warning():
    few = frechet_distance(samples(9, 10, 64), samples(10, 12, 64))
    assert (few.num_own, few.num_reference, few.dimension) == (10, 12, 64)
    assert "10 samples of 64 dimensions" in few.warning
    assert not frechet_distance(samples(9, 80, 4), samples(10, 90, 4)).warning


def test_a_single_sample_has_no_covariance():
    with pytest.raises(MeasureError, match="measure more items"):
        frechet_distance(np.ones((1, 3)), np.ones((5, 3)))


def test_a_sample_that_is_no_number_is_refused():
    own = np.ones((4, 3))
    own[1, 2] = np.nan
    with pytest.raises(MeasureError, match="sample 1"):
        frechet_distance(own, np.ones((4, 3)))


def test_sets_of_different_width_are_refused():
    with pytest.raises(MeasureError, match="one encoder"):
        frechet_distance(np.ones((4, 3)), np.ones((4, 2)))
    with pytest.raises(MeasureError, match="one encoder"):
        gaussian_distance(fit(samples(0, 9, 3)), fit(samples(0, 9, 2)))


def test_a_matrix_that_no_samples_have_is_refused():
    with pytest.raises(MeasureError, match="no samples have such a covariance"):
        gaussian_distance(
            Gaussian(np.zeros(2), np.diag([1.0, -0.5])), Gaussian(np.zeros(2), np.eye(2))
        )
    with pytest.raises(MeasureError, match="give"):
        gaussian_distance(Gaussian(np.zeros(3), np.eye(2)), Gaussian(np.zeros(3), np.eye(3)))


def test_the_nuclear_norm_sums_singular_values():
    assert nuclear_norm(np.array([[3.0, 0.0], [0.0, -4.0]])) == pytest.approx(7.0)
