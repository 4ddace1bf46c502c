import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.agreement import (
    agreement_interval,
    binned,
    cohen_kappa,
    krippendorff_alpha,
)

PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_the_published_example_has_the_published_alphas(level, published):
    assert krippendorff_alpha(PUBLISHED, level) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_raters_who_always_agree_agree_fully(level):
    assert krippendorff_alpha([[1, 2, 5], [1, 2, 5]], level) == pytest.approx(1.0)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_raters_who_guess_agree_by_chance(level):
    ratings = np.random.default_rng(0).integers(1, 6, size=(3, 4_000)).astype(float)
    assert krippendorff_alpha(ratings, level) == pytest.approx(0.0, abs=0.03)


def test_ranks_do_not_mind_how_far_values_lie_apart():
    stretched = [[None if x is None else 10.0**x for x in row] for row in PUBLISHED]
    expected = krippendorff_alpha(PUBLISHED, "ordinal")
    assert krippendorff_alpha(stretched, "ordinal") == pytest.approx(expected)
    assert krippendorff_alpha(stretched, "interval") != pytest.approx(
        krippendorff_alpha(PUBLISHED, "interval"), abs=0.01
    )


def test_an_item_rated_once_changes_nothing():
    more = [[*row, None] for row in PUBLISHED]
    more[0][-1] = 99
    expected = krippendorff_alpha(PUBLISHED, "interval")
    assert krippendorff_alpha(more, "interval") == pytest.approx(expected)


def test_alpha_without_variation_is_refused():
    with pytest.raises(MeasureError, match="without variation"):
        krippendorff_alpha([[3, 3, None], [3, 3, 4]], "ordinal")


@pytest.mark.parametrize("ratings", [[[1, 2, 3]], [[1, None], [None, 2]]])
def test_one_rater_cannot_agree(ratings):
    with pytest.raises(MeasureError, match="second rater"):
        krippendorff_alpha(ratings, "nominal")


def test_raters_of_different_items_are_refused():
    with pytest.raises(MeasureError, match="all of the same items"):
        krippendorff_alpha([[1, 2], [1]], "nominal")


def ratings_of(table):
    pairs = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def test_kappa_worked_by_hand():
    first, second = ratings_of([[20, 5], [10, 15]])
    assert cohen_kappa(first, second, categories=[0, 1]) == pytest.approx((0.7 - 0.5) / 0.5)


def test_weighted_kappa_worked_by_hand():
    first, second = ratings_of([[2, 1, 0], [0, 1, 1], [1, 0, 2]])
    linear = 1 - (4 / 8) / (
        (3 * 2 * 1 + 3 * 3 * 2 + 2 * 3 * 1 + 2 * 3 * 1 + 3 * 3 * 2 + 3 * 2 * 1) / 64
    )
    assert cohen_kappa(first, second, categories=[0, 1, 2], weights="linear") == pytest.approx(
        linear
    )
    quadratic = 1 - (6 / 8) / ((6 + 4 * 9 + 6 + 6 + 4 * 9 + 6) / 64)
    found = cohen_kappa(first, second, categories=[0, 1, 2], weights="quadratic")
    assert found == pytest.approx(quadratic)


def test_weights_do_not_matter_between_two_categories():
    first, second = ratings_of([[7, 2], [1, 5]])
    found = {
        cohen_kappa(first, second, categories=[0, 1], weights=weights)
        for weights in ("none", "linear", "quadratic")
    }
    assert max(found) == pytest.approx(min(found))


def test_quadratic_kappa_of_many_items_nears_interval_alpha():
    rng = np.random.default_rng(1)
    first = rng.integers(0, 5, size=3_000)
    second = np.clip(first + rng.integers(-1, 2, size=3_000), 0, 4)
    kappa = cohen_kappa(first.tolist(), second.tolist(), categories=range(5), weights="quadratic")
    alpha = krippendorff_alpha(np.stack([first, second]).astype(float), "interval")
    assert kappa == pytest.approx(alpha, abs=0.005)


@pytest.mark.parametrize(
    ("first", "second", "categories", "words"),
    [
        ([1, 1], [1, 1], [1, 2], "without variation"),
        ([1, 2], [1], [1, 2], "same items"),
        ([], [], [1, 2], "same items"),
        ([1, 2.5], [1, 2], [1, 2], "binned"),
        ([1, 1], [1, 1], [1], "two or more"),
    ],
)
def test_kappa_of_what_cannot_agree_is_refused(first, second, categories, words):
    with pytest.raises(MeasureError, match=words):
        cohen_kappa(first, second, categories=categories)


def test_scores_fall_in_the_bins_that_the_caller_states():
    assert binned([0.0, 1.0, 1.9, 2.0, 7.0], [1.0, 2.0]) == (0, 1, 1, 2, 2)


@pytest.mark.parametrize("edges", [[], [2.0, 1.0], [1.0, 1.0]])
def test_edges_that_do_not_rise_make_no_bins(edges):
    with pytest.raises(MeasureError, match="rising numbers"):
        binned([1.0], edges)


def test_a_score_that_is_none_falls_in_no_bin():
    with pytest.raises(MeasureError, match="NaN"):
        binned([float("nan")], [1.0])


def test_agreement_has_an_interval_over_items():
    found = agreement_interval(lambda table: krippendorff_alpha(table, "ordinal"), PUBLISHED)
    assert found.estimate == pytest.approx(0.815, abs=5e-4)
    assert found.low < 0.815 < found.high <= 1.0
