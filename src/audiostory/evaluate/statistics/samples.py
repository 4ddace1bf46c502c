"""What the statistics take in: samples in rows, and items drawn again.

Shapes: ``N`` samples, ``D`` dimensions, ``I`` items (tracks), each with one sample or more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiostory.errors import MeasureError

Rows = NDArray[np.float64]
Indices = NDArray[np.intp]
Resampled = Callable[[Indices], float]
"""A statistic of the items at some indices, of which some may come more than once."""


def checked(rows: ArrayLike, *, minimum: int = 1) -> Rows:
    """The samples as finite float64 (N, D).

    Args:
        rows: one sample a row.
        minimum: how few samples the statistic can do with.

    Raises:
        MeasureError: if they are no matrix, too few, or hold NaN or infinity.
    """
    samples = np.asarray(rows, dtype=np.float64)
    if samples.ndim != 2 or not samples.shape[1]:
        raise MeasureError(
            f"samples have shape {samples.shape}: give one sample a row, (samples, dimensions)"
        )
    if len(samples) < minimum:
        raise MeasureError(
            f"{len(samples)} sample(s) where at least {minimum} are needed: measure more items, "
            "or pool windows instead of items"
        )
    if not np.isfinite(samples).all():
        row = int(np.flatnonzero(~np.isfinite(samples).all(axis=1))[0])
        raise MeasureError(
            f"sample {row} of {len(samples)} holds NaN or infinity: look at the track it comes "
            "from, and leave that item out of both sets or render it anew"
        )
    return samples


def same_width(one: Rows, other: Rows) -> None:
    """Nothing, if both sets have the same number of dimensions.

    Raises:
        MeasureError: if they do not: then two encoders heard them.
    """
    if one.shape[1] != other.shape[1]:
        raise MeasureError(
            f"samples of {one.shape[1]} and of {other.shape[1]} dimensions cannot be compared: "
            "take the features of both sets from one encoder"
        )


@dataclass(frozen=True, eq=False)
class ItemSamples:
    """The samples of all items, one item after the other."""

    rows: Rows
    """(N, D)."""
    starts: Indices
    """Where each item's samples begin (I,)."""

    @property
    def sizes(self) -> Indices:
        """How many samples each item has (I,)."""
        return np.diff(np.append(self.starts, len(self.rows)))

    def drawn(self, counts: Rows) -> Rows:
        """How often each sample (N,) comes where items come ``counts`` (I,) times."""
        return np.repeat(counts, self.sizes)


def stacked(items: Sequence[ArrayLike], *, minimum: int = 1) -> ItemSamples:
    """The samples (n, D) of each item in one matrix.

    Raises:
        MeasureError: if there are no items, an item has no samples, or ``checked`` refuses them.
    """
    pieces = [np.asarray(each) for each in items]
    sizes = [len(piece) for piece in pieces]
    if not sizes or min(sizes) == 0:
        raise MeasureError("there are no items, or an item has no samples: nothing can be measured")
    rows = checked(np.concatenate(pieces), minimum=minimum)
    return ItemSamples(rows, np.cumsum([0, *sizes[:-1]], dtype=np.intp))


def stacked_pairs(
    own: Sequence[ArrayLike], reference: Sequence[ArrayLike], *, minimum: int = 2
) -> tuple[ItemSamples, ItemSamples]:
    """The samples of a system's items and of the references' in the same order.

    Raises:
        MeasureError: if the sets differ in items or width, or ``stacked`` refuses one.
    """
    if len(own) != len(reference):
        raise MeasureError(
            f"{len(own)} tracks and {len(reference)} references: items are drawn from both "
            "together, so give one reference a track"
        )
    ours, others = stacked(own, minimum=minimum), stacked(reference, minimum=minimum)
    same_width(ours.rows, others.rows)
    return ours, others


def counts_of(items: Indices, num_items: int) -> Rows:
    """How often each of ``num_items`` items was drawn (I,)."""
    return np.bincount(items, minlength=num_items).astype(np.float64)
