"""Frechet distance of items drawn again and again, at a fraction of what each would cost.

A bootstrap asks a thousand times for the distance of the same items with other counts. What does
not change is computed once: where samples are fewer than dimensions, their inner products (then a
resample costs nothing that grows with D); otherwise each item's sum and outer products.

Shapes: ``N`` samples, ``D`` dimensions, ``I`` items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.frechet import (
    distance_of_factors,
    factor_of_covariance,
    nuclear_norm,
)
from audiostory.evaluate.statistics.samples import (
    Indices,
    ItemSamples,
    Resampled,
    Rows,
    counts_of,
    stacked_pairs,
)

MAX_STORED = 2**25  # float64 of outer products kept per set (256 MiB); beyond, rows are weighted


def resampled_frechet(own: Sequence[ArrayLike], reference: Sequence[ArrayLike]) -> Resampled:
    """The distance as a function of which items are drawn; the same items of both sets.

    Args:
        own: samples (n, D) of each of I items.
        reference: samples (m, D) of each item's reference, in the same order.

    Returns:
        A function of item indices that equals ``frechet_distance`` of those items' samples, one
        after the other. A draw of a single sample raises MeasureError.

    Raises:
        MeasureError: if the sets differ in items or width, or their samples cannot be used.
    """
    ours, others = stacked_pairs(own, reference)
    middle = others.rows.mean(axis=0)  # distances do not change, and less is lost to rounding
    sides = [ItemSamples(each.rows - middle, each.starts) for each in (ours, others)]
    if max(len(each.rows) for each in sides) <= len(middle):
        return _by_inner_products(*sides)
    return _by_moments(*sides)


def _total(weights: Rows) -> float:
    """How many samples were drawn, if they are enough for a covariance."""
    total = float(weights.sum())
    if total < 2:
        raise MeasureError(
            "a draw holds a single sample, which has no covariance: measure more items"
        )
    return total


def _by_inner_products(own: ItemSamples, reference: ItemSamples) -> Resampled:
    """The distance of draws, from the inner products of all samples with each other."""
    rows, others = own.rows, reference.rows
    within, within_other, between = rows @ rows.T, others @ others.T, rows @ others.T

    def distance(items: Indices) -> float:
        counts = counts_of(items, len(own.starts))
        weights, other_weights = own.drawn(counts), reference.drawn(counts)
        total, other_total = _total(weights), _total(other_weights)
        share, other_share = weights / total, other_weights / other_total
        mean_own, mean_reference = between @ other_share, share @ between
        squares = (
            share @ within @ share,
            other_share @ within_other @ other_share,
            share @ mean_own,
        )
        traces = total / (total - 1) * (share @ np.diag(within) - squares[0])
        traces += (
            other_total / (other_total - 1) * (other_share @ np.diag(within_other) - squares[1])
        )
        centred = between - mean_own[:, None] - mean_reference[None, :] + squares[2]
        drawn, other_drawn = weights > 0, other_weights > 0
        scaled = (
            np.sqrt(weights[drawn] / (total - 1))[:, None]
            * centred[np.ix_(drawn, other_drawn)]
            * np.sqrt(other_weights[other_drawn] / (other_total - 1))
        )
        means = squares[0] + squares[1] - 2 * squares[2]
        return float(means + traces - 2 * nuclear_norm(scaled))

    return distance


def _by_moments(own: ItemSamples, reference: ItemSamples) -> Resampled:
    """The distance of draws, from means and covariances of what was drawn."""
    one, other = _Moments(own), _Moments(reference)

    def distance(items: Indices) -> float:
        counts = counts_of(items, len(own.starts))
        mean, factor = one.of(counts)
        other_mean, other_factor = other.of(counts)
        return distance_of_factors(mean - other_mean, factor, other_factor)

    return distance


class _Moments:
    """The mean and covariance of items that were drawn so many times each."""

    def __init__(self, samples: ItemSamples) -> None:
        self._samples = samples
        self._sums = np.add.reduceat(samples.rows, samples.starts, axis=0)
        self._products: Rows | None = None
        if len(samples.starts) * samples.rows.shape[1] ** 2 <= MAX_STORED:
            pieces = np.split(samples.rows, samples.starts[1:])
            self._products = np.stack([piece.T @ piece for piece in pieces])

    def of(self, counts: Rows) -> tuple[Rows, Rows]:
        """Mean (D,) and covariance's factor (D, D) of items drawn ``counts`` (I,) times."""
        weights = self._samples.drawn(counts)
        total = _total(weights)
        mean = counts @ self._sums / total
        if self._products is not None:
            products = np.tensordot(counts, self._products, axes=1)
        else:
            drawn = weights > 0
            scaled = np.sqrt(weights[drawn])[:, None] * self._samples.rows[drawn]
            products = scaled.T @ scaled
        covariance = (products - total * np.outer(mean, mean)) / (total - 1)
        return mean, factor_of_covariance(covariance)
