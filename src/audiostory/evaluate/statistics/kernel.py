"""Kernel Audio Distance: the unbiased squared maximum mean discrepancy of two sets of samples.

KAD = 100 (mean k(x, x') + mean k(y, y') - 2 mean k(x, y)) with k(a, b) = exp(-|a - b|^2 / 2 s^2).
The means are over pairs of different samples, which makes it unbiased: it needs no more samples
than dimensions, and it may be below 0 where two sets are alike. Unlike the Frechet distance it
assumes no Gaussians.

Source: KAD, arXiv:2502.15602; the estimator is that of Gretton et al., JMLR 13 (2012), Eq. 3. The
factor 100, and s as the median distance between different samples of the reference set, are those
of the authors' toolkit (YoonjinXD/kadtk at 7ec65d7; its median of an even number of distances is
the lower of the middle two, here it is their mean, and it adds 1e-8 to 2 s^2).

Shapes: ``N`` samples, ``D`` dimensions, ``I`` items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.samples import (
    Indices,
    ItemSamples,
    Resampled,
    Rows,
    checked,
    counts_of,
    same_width,
    stacked_pairs,
)

SCALE = 100.0
MAX_BANDWIDTH_SAMPLES = 4_096  # 8.4 million distances, 64 MiB
_BLOCK = 256  # samples whose kernel values are held at once


def bandwidth_of(reference: ArrayLike) -> float:
    """The median distance between different samples of the reference set (N, D).

    Of more than 4,096 samples, 4,096 evenly spaced ones stand for all.

    Raises:
        MeasureError: if there are fewer than two samples, or more than half of them coincide.
    """
    rows = checked(reference, minimum=2)
    if len(rows) > MAX_BANDWIDTH_SAMPLES:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_BANDWIDTH_SAMPLES).round().astype(int)]
    squared = _squared_distances(rows, rows)[np.triu_indices(len(rows), k=1)]
    median = float(np.median(np.sqrt(squared)))
    if not median > 0:
        raise MeasureError(
            "most samples of the reference set coincide, so that no bandwidth can be taken from "
            "them: check that the references are different sounds, or give a bandwidth"
        )
    return median


def kernel_distance(
    own: ArrayLike, reference: ArrayLike, *, bandwidth: float | None = None
) -> float:
    """KAD of two sets of samples (N, D) and (M, D).

    Args:
        own: the system's samples, no sample twice; ``resampled_kernel`` is for drawing items anew.
        reference: samples of the references.
        bandwidth: s of the kernel; None takes ``bandwidth_of`` the reference set.

    Raises:
        MeasureError: if a set has fewer than two samples, holds NaN, or the widths differ.
    """
    rows, others = checked(own, minimum=2), checked(reference, minimum=2)
    same_width(rows, others)
    s = bandwidth_of(others) if bandwidth is None else _checked_bandwidth(bandwidth)
    whole = np.zeros(1, dtype=np.intp)
    total = _block_sums(rows, rows, s, whole, whole).item() - len(rows)
    total_other = _block_sums(others, others, s, whole, whole).item() - len(others)
    between = _block_sums(rows, others, s, whole, whole).item()
    return SCALE * (
        total / (len(rows) * (len(rows) - 1))
        + total_other / (len(others) * (len(others) - 1))
        - 2 * between / (len(rows) * len(others))
    )


def resampled_kernel(
    own: Sequence[ArrayLike],
    reference: Sequence[ArrayLike],
    *,
    bandwidth: float | None = None,
) -> Resampled:
    """KAD as a function of which items are drawn; the same items of both sets.

    An item that is drawn twice would meet itself, at distance 0, and its own reference too often:
    so no sample of one copy is ever paired with a sample of another copy of the same item, in
    either set or between them. Pairs within one copy count as in ``kernel_distance``, which this
    equals when each item is drawn once. The bandwidth stays that of all references.

    Args:
        own: samples (n, D) of each of I items.
        reference: samples (m, D) of each item's reference, in the same order.
        bandwidth: s of the kernel; None takes ``bandwidth_of`` all references' samples.

    Raises:
        MeasureError: if the sets differ in items or width, or their samples cannot be used; from
            the function returned, if a draw leaves no pair to compare.
    """
    ours, others = stacked_pairs(own, reference)
    s = bandwidth_of(others.rows) if bandwidth is None else _checked_bandwidth(bandwidth)
    within, within_other = _Pairs(ours, ours, s), _Pairs(others, others, s)
    between = _Pairs(ours, others, s)

    def distance(items: Indices) -> float:
        counts = counts_of(items, len(ours.starts))
        means = within.mean(counts) + within_other.mean(counts) - 2 * between.mean(counts)
        return SCALE * means

    return distance


class _Pairs:
    """Mean of the kernel over pairs of samples, of items drawn so many times each."""

    def __init__(self, one: ItemSamples, other: ItemSamples, bandwidth: float) -> None:
        sums = _block_sums(one.rows, other.rows, bandwidth, one.starts, other.starts)
        numbers = np.outer(one.sizes, other.sizes).astype(np.float64)
        selves = one.sizes if one is other else 0  # pairs of a sample with itself, where k is 1
        self._within = np.diag(sums) - selves
        self._num_within = np.diag(numbers) - selves
        self._between = sums - np.diag(np.diag(sums))
        self._num_between = numbers - np.diag(np.diag(numbers))

    def mean(self, counts: Rows) -> float:
        """The mean over all pairs but those of two copies of one item."""
        number = counts @ self._num_between @ counts + counts @ self._num_within
        if number <= 0:
            raise MeasureError(
                "a draw holds one item of one sample, which has no pairs: measure more items"
            )
        return float((counts @ self._between @ counts + counts @ self._within) / number)


def _checked_bandwidth(bandwidth: float) -> float:
    """The bandwidth, if a kernel can have it."""
    if not (np.isfinite(bandwidth) and bandwidth > 0):
        raise MeasureError(f"a kernel of bandwidth {bandwidth} has no width: give one above 0")
    return bandwidth


def _squared_distances(rows: Rows, others: Rows) -> Rows:
    """Squared distances (N, M); rounding below 0 is 0, as a square cannot be."""
    products = rows @ others.T
    squares = np.sum(rows**2, axis=1)[:, None] + np.sum(others**2, axis=1)[None, :]
    return np.maximum(squares - 2 * products, 0.0)


def _block_sums(
    rows: Rows, others: Rows, bandwidth: float, starts: Indices, other_starts: Indices
) -> Rows:
    """Sums of the kernel between the samples of each item and of each other item (I, J)."""
    middle = others.mean(axis=0)  # less is lost to rounding near the origin
    rows, others = rows - middle, others - middle
    by_row = np.concatenate(
        [
            np.add.reduceat(
                np.exp(_squared_distances(piece, others) / (-2 * bandwidth**2)),
                other_starts,
                axis=1,
            )
            for piece in np.split(rows, range(_BLOCK, len(rows), _BLOCK))
        ]
    )
    return np.add.reduceat(by_row, starts, axis=0)
