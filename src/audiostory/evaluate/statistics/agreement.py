"""How far raters agree beyond chance: Krippendorff's alpha, Cohen's kappa.

1 is full agreement, 0 what chance would give, below 0 disagreement. Where chance alone would agree
fully, because all ratings are the same, neither is defined, and that is said instead of a number.

Shapes: ``R`` raters, ``N`` items, ``V`` different values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.resampling import Interval, interval
from audiostory.evaluate.statistics.samples import Indices

Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]
Ratings = Sequence[Sequence[float | None]] | NDArray[np.float64]
"""One row a rater, one column an item; None or NaN where a rater gave none."""


def krippendorff_alpha(ratings: Ratings, level: Level) -> float:
    """Krippendorff's alpha of ratings (R, N), of which some may be missing.

    Items rated once are left out: nobody can agree on them.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.

    Args:
        ratings: one row a rater.
        level: ``nominal`` names kinds, ``ordinal`` ranks, ``interval`` measures distances.

    Raises:
        MeasureError: if there are fewer than two raters, no item has two ratings, or all ratings
            are the same.
    """
    table = _table(ratings)
    table = table[:, np.isfinite(table).sum(axis=0) >= 2]
    if len(table) < 2 or not table.size:
        raise MeasureError(
            "no item has ratings of two raters, so nobody can agree: have a second rater rate "
            "the same items"
        )
    values, coincidences = _coincidences(table)
    if len(values) < 2:
        raise MeasureError(
            f"all ratings are {values[0]:g}: agreement beyond chance is not defined without "
            "variation; rate items that differ, or report the raw agreement"
        )
    totals = coincidences.sum(axis=0)
    differences = _differences(values, totals, level)
    observed = float((coincidences * differences).sum())
    expected = float(totals @ differences @ totals) / (totals.sum() - 1)
    return 1 - observed / expected


def cohen_kappa(
    first: Sequence[float],
    second: Sequence[float],
    *,
    categories: Sequence[float],
    weights: Weights = "none",
) -> float:
    """Cohen's kappa of two raters' categories for the same items.

    Args:
        first: the first rater's category of each item.
        second: the second's.
        categories: all that can be given, in order; ``binned`` makes categories of scores.
        weights: how bad a disagreement is: ``none`` counts all alike, ``linear`` by how many
            categories lie between, ``quadratic`` by its square (Cohen 1968).

    Raises:
        MeasureError: if the raters rated different numbers of items, a rating is no category, or
            both gave one and the same category throughout.
    """
    codes, others = _codes(first, categories), _codes(second, categories)
    if len(codes) != len(others) or not len(codes):
        raise MeasureError(
            f"{len(codes)} and {len(others)} ratings are no pairs: give both raters' categories of "
            "the same items"
        )
    together = np.zeros((len(categories), len(categories)))
    np.add.at(together, (codes, others), 1 / len(codes))
    chance = np.outer(together.sum(axis=1), together.sum(axis=0))
    steps = np.abs(np.subtract.outer(np.arange(len(categories)), np.arange(len(categories))))
    cost = {"none": steps > 0, "linear": steps, "quadratic": steps**2}[weights]
    expected = float((cost * chance).sum())
    if expected == 0:
        raise MeasureError(
            "both raters gave one and the same category throughout: kappa is not defined without "
            "variation; report the raw agreement"
        )
    return 1 - float((cost * together).sum()) / expected


def binned(scores: Sequence[float], edges: Sequence[float]) -> tuple[int, ...]:
    """The bin of each score, from 0: how many edges it has reached.

    Args:
        scores: real scores.
        edges: inner edges in rising order; a score on an edge is in the bin above. The caller
            states them, since kappa depends on them.

    Raises:
        MeasureError: if the edges do not rise, or a score is NaN.
    """
    values, bounds = np.asarray(scores, dtype=float), np.asarray(edges, dtype=float)
    if not len(bounds) or (np.diff(bounds) <= 0).any():
        raise MeasureError(f"edges {list(edges)} make no bins: give rising numbers")
    if np.isnan(values).any():
        raise MeasureError("a score is NaN: leave that item out for both raters")
    return tuple(int(each) for each in np.searchsorted(bounds, values, side="right"))


def agreement_interval(
    measure: Callable[[NDArray[np.float64]], float],
    ratings: Ratings,
    *,
    resamples: int = 1_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """An agreement, with its percentile bootstrap interval over items.

    Args:
        measure: the agreement of ratings (R, N), such as
            ``lambda table: krippendorff_alpha(table, "ordinal")``.
        ratings: one row a rater.
        resamples: how often items are drawn anew; draws without variation have no agreement and
            are counted in ``Interval.undefined``.
        seed: of the draws.
        confidence: of the interval.

    Raises:
        MeasureError: as ``measure`` does, or ``interval``.
    """
    table = _table(ratings)

    def of_items(items: Indices) -> float:
        return measure(table[:, items])

    return interval(of_items, table.shape[1], resamples=resamples, seed=seed, level=confidence)


def _table(ratings: Ratings) -> NDArray[np.float64]:
    """The ratings (R, N), NaN where there is none."""
    if len({len(row) for row in ratings}) != 1:
        raise MeasureError(
            f"raters have {[len(row) for row in ratings]} ratings: give one row a rater, all of "
            "the same items, with None where a rater gave none"
        )
    table = np.array([list(row) for row in ratings], dtype=np.float64)
    if np.isinf(table).any():
        raise MeasureError("a rating is infinite: give None where a rater gave none")
    return table


def _coincidences(table: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """The values given (V,) and how often each pair of them meets in an item (V, V).

    Each ordered pair of two raters' values counts 1 / (ratings of the item - 1).
    """
    values = np.unique(table[np.isfinite(table)])
    given = (table[None] == values[:, None, None]).sum(axis=1).astype(np.float64)  # (V, N)
    share = 1 / (given.sum(axis=0) - 1)
    return values, (given * share) @ given.T - np.diag(given @ share)


def _differences(values: NDArray, totals: NDArray, level: Level) -> NDArray:
    """Squared difference between each two values (V, V), at a level of measurement."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    places = values if level == "interval" else np.cumsum(totals) - totals / 2
    return np.subtract.outer(places, places) ** 2


def _codes(ratings: Sequence[float], categories: Sequence[float]) -> Indices:
    """Places of the ratings among the categories (N,)."""
    places = {category: place for place, category in enumerate(categories)}
    if len(places) < len(categories) or len(places) < 2:
        raise MeasureError(f"categories {list(categories)} are not two or more different ones")
    unknown = next((each for each in ratings if each not in places), None)
    if unknown is not None:
        raise MeasureError(
            f"the rating {unknown} is none of the categories {list(categories)}: bin the scores "
            "with binned, or name all categories"
        )
    return np.array([places[each] for each in ratings], dtype=np.intp)
