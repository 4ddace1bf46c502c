"""Whether one system is better than another on the same items.

Items are drawn once for both systems, so what makes an item hard for both cancels out. Differences
are the first system's less the second's. Two p-values of "they do not differ" are on offer, both
two-sided and never 0: of the bootstrap, for any number of a set, and of flipping the signs of the
items' differences, for means, which is exact where items' differences are symmetric around 0.
Several systems compared at once need ``holm``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.resampling import Draws, Interval, bootstrap
from audiostory.evaluate.statistics.samples import Resampled

FLIPS = 10_000
"""Of the signs of items' differences; more than intervals need draws, since p-values are corrected
for many tests."""
_FLIPS_AT_ONCE = 1_000
_ROUNDING = 1e-12  # relative: two sums of the same numbers in another order are equal


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How two systems differ in one number of a set."""

    difference: Interval
    """First less second, with its bootstrap interval: centred for sets, percentile for means."""
    p_value: float
    """Of the bootstrap: how often a draw's difference strays from their mean by at least what the
    systems differ."""
    least_p_value: float
    """The least that ``p_value`` can be with so many draws."""


@dataclass(frozen=True, kw_only=True)
class ScoreComparison(Comparison):
    """How two systems differ in the mean of item scores."""

    flip_p_value: float
    """Of flipping the signs of the items' differences."""
    least_flip_p_value: float
    """The least that it can be with so many pairs and flips."""
    num_pairs: int
    """Items with a score of both systems: the only ones compared."""
    num_unpaired: int
    """Items left out, since a system has no score for them."""
    wins: int
    """Items where the first system's score is higher."""
    losses: int
    ties: int


def compare(
    first: Resampled,
    second: Resampled,
    num_items: int,
    *,
    resamples: int = 1_000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """The difference of two systems in a number of a set, such as their Frechet distances.

    Args:
        first: the first system's number for the items at some indices.
        second: the second's, for the same items.
        num_items: how many items both answered.
        resamples: how often items are drawn anew, for both at once.
        seed: of the draws.
        level: confidence of the interval.

    Raises:
        MeasureError: as ``interval`` does.
    """
    draws = bootstrap(
        lambda items: first(items) - second(items), num_items, resamples=resamples, seed=seed
    )
    return Comparison(
        difference=draws.interval(level, "centred"),
        p_value=_p_value(draws),
        least_p_value=1 / (1 + len(draws.values)),
    )


def compare_scores(
    first: Sequence[float | None],
    second: Sequence[float | None],
    *,
    resamples: int = 1_000,
    flips: int = FLIPS,
    seed: int = 0,
    level: float = 0.95,
) -> ScoreComparison:
    """The difference of two systems in the mean of item scores.

    Items without a score of either system are left out and counted.

    Args:
        first: the first system's scores, item by item; None where an item has none.
        second: the second's, for the same items in the same order.
        resamples: how often items are drawn anew.
        flips: how often signs are flipped.
        seed: of both.
        level: confidence of the interval.

    Raises:
        MeasureError: if the lists differ in length, a score is NaN, or fewer than two items have
            both scores.
    """
    differences = paired_differences(first, second)
    draws = bootstrap(
        lambda items: float(differences[items].mean()),
        len(differences),
        resamples=resamples,
        seed=seed,
    )
    return ScoreComparison(
        difference=draws.interval(level, "percentile"),
        p_value=_p_value(draws),
        least_p_value=1 / (1 + len(draws.values)),
        flip_p_value=sign_flip(differences, flips=flips, seed=seed),
        least_flip_p_value=least_sign_flip(len(differences), flips=flips),
        num_pairs=len(differences),
        num_unpaired=len(first) - len(differences),
        wins=int((differences > 0).sum()),
        losses=int((differences < 0).sum()),
        ties=int((differences == 0).sum()),
    )


def paired_differences(
    first: Sequence[float | None], second: Sequence[float | None]
) -> NDArray[np.float64]:
    """First less second of the items that have both scores (N,).

    Raises:
        MeasureError: if the lists differ in length, a score is NaN, or fewer than two pairs exist.
    """
    if len(first) != len(second):
        raise MeasureError(
            f"{len(first)} and {len(second)} scores: give both systems' scores of the same items, "
            "with None where there is none"
        )
    pairs = zip(first, second, strict=True)
    differences = np.array([a - b for a, b in pairs if a is not None and b is not None])
    if len(differences) < 2:
        raise MeasureError(
            f"{len(differences)} item(s) of {len(first)} have scores of both systems: at least two "
            "are needed; measure more items with both"
        )
    if not np.isfinite(differences).all():
        raise MeasureError("a score is NaN or infinite: give None where an item has no score")
    return differences


def sign_flip(differences: ArrayLike, *, flips: int = FLIPS, seed: int = 0) -> float:
    """Two-sided p-value of the mean difference being 0, by flipping the items' signs.

    All flips are tried where there are no more of them than ``flips`` (the p-value is then exact),
    else so many at random. Items without a difference change nothing and are no evidence either
    way.

    Raises:
        MeasureError: if there are no differences, or they hold NaN.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise MeasureError("signs cannot be flipped without finite differences: give (items,)")
    moving = values[values != 0]
    observed = abs(moving.sum()) * (1 - _ROUNDING)
    if 2 ** len(moving) <= flips:
        codes = np.arange(2 ** len(moving))[:, None]
        signs = 1.0 - 2.0 * ((codes >> np.arange(len(moving))) & 1)
        return float((np.abs(signs @ moving) >= observed).mean())
    rng = np.random.default_rng(seed)
    reached = 0
    for begin in range(0, flips, _FLIPS_AT_ONCE):
        size = (min(_FLIPS_AT_ONCE, flips - begin), len(moving))
        signs = 1.0 - 2.0 * rng.integers(2, size=size)
        reached += int((np.abs(signs @ moving) >= observed).sum())
    return (1 + reached) / (1 + flips)


def least_sign_flip(num_items: int, *, flips: int = FLIPS) -> float:
    """The least p-value that ``sign_flip`` can give of so many items: where all differ one way.

    Five items have 32 flips, of which two are as far from 0 as they can be: 0.0625.
    """
    return 2.0 / 2**num_items if 2**num_items <= flips else 1 / (1 + flips)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p-values, raised so that all tests together err no more often than one may.

    Source: Holm 1979; the smallest is multiplied by their number, the next by one less, and so on,
    none below a smaller one and none above 1.

    Raises:
        MeasureError: if one is not between 0 and 1.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise MeasureError(f"{list(p_values)} are no p-values: give numbers between 0 and 1")
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values))))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(raised, 1.0)
    return tuple(float(each) for each in adjusted)


def _p_value(draws: Draws) -> float:
    """How often draws stray from their mean by at least the difference; never 0."""
    strayed = np.abs(draws.values - draws.values.mean())
    reached = int((strayed >= abs(draws.estimate) * (1 - _ROUNDING)).sum())
    return (1 + reached) / (1 + len(strayed))
