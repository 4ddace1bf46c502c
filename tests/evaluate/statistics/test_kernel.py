import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics import kernel
from audiostory.evaluate.statistics.kernel import (
    SCALE,
    bandwidth_of,
    kernel_distance,
    resampled_kernel,
)


def mmd_of_gaussians(shift, deviation, bandwidth, dimension):
    """Squared MMD of N(0, I) and N(shift, deviation^2 I), each coordinate shifted alike."""

    def mean_kernel(variance, distance):
        spread = bandwidth**2 + variance
        return (bandwidth**2 / spread) ** (dimension / 2) * np.exp(-(distance**2) / (2 * spread))

    apart = np.sqrt(dimension) * shift
    return (
        mean_kernel(2.0, 0.0)
        + mean_kernel(2 * deviation**2, 0.0)
        - 2 * mean_kernel(1 + deviation**2, apart)
    )


def by_loops(own, reference, bandwidth):
    def k(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2 * bandwidth**2))

    def mean_within(rows):
        pairs = [k(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
        return np.mean(pairs)

    between = np.mean([k(a, b) for a in own for b in reference])
    return 100 * (mean_within(own) + mean_within(reference) - 2 * between)


def test_the_definition_by_loops_gives_the_same(monkeypatch):
    monkeypatch.setattr(kernel, "_BLOCK", 4)
    own, reference = np.random.default_rng(0).standard_normal((2, 9, 3))
    expected = by_loops(own, reference[:7] + 1, bandwidth=1.3)
    found = kernel_distance(own, reference[:7] + 1, bandwidth=1.3)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("shift", "deviation"), [(0.0, 1.0), (0.5, 1.0), (0.0, 1.6)])
def test_it_is_unbiased_for_gaussians_even_with_few_samples(shift, deviation):
    rng = np.random.default_rng(1)
    found = [
        kernel_distance(
            shift + deviation * rng.standard_normal((6, 4)),
            rng.standard_normal((6, 4)),
            bandwidth=2.0,
        )
        for _ in range(1_500)
    ]
    expected = SCALE * mmd_of_gaussians(shift, deviation, 2.0, 4)
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - expected) < 3.5 * error


def test_the_bandwidth_is_the_median_distance_of_the_reference():
    assert bandwidth_of([[0.0], [1.0], [3.0]]) == pytest.approx(2.0)
    own, reference = np.random.default_rng(2).standard_normal((2, 8, 3))
    given = kernel_distance(own, reference, bandwidth=bandwidth_of(reference))
    assert kernel_distance(own, reference) == pytest.approx(given, rel=1e-12)


def test_a_large_reference_is_represented_by_evenly_spaced_samples(monkeypatch):
    reference = np.arange(100.0)[:, None]
    monkeypatch.setattr(kernel, "MAX_BANDWIDTH_SAMPLES", 3)
    assert bandwidth_of(reference) == pytest.approx(50.0, abs=1.0)


def test_sets_of_one_kind_scatter_around_zero_on_both_sides():
    rng = np.random.default_rng(3)
    found = [kernel_distance(*rng.standard_normal((2, 20, 3))) for _ in range(60)]
    assert min(found) < 0 < max(found)


def test_a_set_and_itself_differ_by_the_pairs_with_oneself_alone():
    own = np.random.default_rng(4).standard_normal((12, 2))
    mean = by_loops(own, own + 1e6, 1.0) / 200  # mean k of different samples, twice
    expected = 100 * (2 * mean - 2 * (11 * mean + 1) / 12)
    assert kernel_distance(own, own, bandwidth=1.0) == pytest.approx(expected)


def items(seed, sizes, shift=0.0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((size, 3)) + shift for size in sizes]


def test_each_item_once_is_the_distance_itself():
    own, reference = items(5, [3, 1, 2]), items(6, [2, 2, 4], shift=0.5)
    expected = kernel_distance(np.concatenate(own), np.concatenate(reference))
    assert resampled_kernel(own, reference)(np.arange(3)) == pytest.approx(expected, rel=1e-9)


def test_copies_of_an_item_never_meet():
    own, reference = items(7, [1, 1]), items(8, [1, 1], shift=0.5)
    distance = resampled_kernel(own, reference, bandwidth=1.0)

    def k(a, b):
        return np.exp(-np.sum((a - b) ** 2) / 2)

    within = k(own[0], own[1]) + k(reference[0], reference[1])
    crossed = 2 * (k(own[0], reference[1]) + k(own[1], reference[0]))
    own_pairs = 2 * k(own[0], reference[0]) + k(own[1], reference[1])
    expected = 100 * (within - 2 * (crossed + own_pairs) / 7)
    assert distance(np.array([0, 0, 1])) == pytest.approx(expected, rel=1e-9)


def test_drawing_items_again_does_not_bias_the_distance():
    rng = np.random.default_rng(9)
    own, reference = items(10, [2] * 30), items(11, [1] * 30)
    distance = resampled_kernel(own, reference)
    values = [distance(rng.integers(30, size=30)) for _ in range(2_000)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - distance(np.arange(30))) < 4 * error
    repeated = [np.concatenate([own[i] for i in rng.integers(30, size=30)]) for _ in range(30)]
    naive = [kernel_distance(rows, np.concatenate(reference)) for rows in repeated]
    assert np.mean(naive) > distance(np.arange(30)) + 0.5


def test_a_draw_without_pairs_is_refused():
    sets = items(12, [1, 1, 1])
    with pytest.raises(MeasureError, match="no pairs"):
        resampled_kernel(sets, sets)(np.array([1, 1, 1]))


def test_references_that_are_all_the_same_give_no_bandwidth():
    with pytest.raises(MeasureError, match="give a bandwidth"):
        kernel_distance(np.eye(3), np.ones((4, 3)))


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, float("nan")])
def test_a_kernel_without_width_is_refused(bandwidth):
    with pytest.raises(MeasureError, match="above 0"):
        kernel_distance(np.eye(3), np.eye(3), bandwidth=bandwidth)


def test_a_single_sample_has_no_pair():
    with pytest.raises(MeasureError, match="at least 2"):
        kernel_distance(np.ones((1, 2)), np.eye(2))
