"""One number about a set of texts: the number, each item's own, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from audiostory.evaluate.metric import Column
from audiostory.evaluate.statistics.resampling import Interval, interval
from audiostory.evaluate.statistics.samples import Indices, Resampled

PERCENT = 100.0
"""Scores are given times 100, as Table 2 of the paper prints them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """A number of a report, or the reason why it is missing."""

    column: Column
    value: float | None
    """Over the set; None where it is missing."""
    per_item: tuple[float | None, ...] = ()
    """Of each item, in order; None for one that it does not look at. Empty where it is missing."""
    missing: str = ""
    """Why there is no value, and what would give one."""
    num_units: int = 0
    """Recordings that it looks at: what is drawn anew for an interval."""
    resampled: Resampled | None = field(default=None, repr=False)
    """The value of the recordings at some indices, some of them more than once."""

    @property
    def num_items(self) -> int:
        """Items that it looks at."""
        return sum(one is not None for one in self.per_item)

    def interval(self, *, resamples: int = 1_000, seed: int = 0) -> Interval | None:
        """The 95 % bootstrap interval over recordings; None where the number is missing.

        Raises:
            MeasureError: if fewer than two recordings have a score.
        """
        if self.resampled is None:
            return None
        return interval(self.resampled, self.num_units, resamples=resamples, seed=seed)


def mean_score(
    column: Column, per_item: Sequence[float | None], recordings: Sequence[str] | None = None
) -> Score:
    """The score that is the mean of its items' scores, if any item has one.

    Args:
        column: what it is called.
        per_item: score of each item; None for one that does not count.
        recordings: what each item is about, since items about one recording are drawn together;
            None where every item has a recording of its own.
    """
    names = recordings or [str(index) for index in range(len(per_item))]
    of_recording: dict[str, list[float]] = {}
    for name, one in zip(names, per_item, strict=True):
        if one is not None:
            of_recording.setdefault(name, []).append(one)
    if not of_recording:
        return missing_score(column, "no item of the set has this score")
    sums = np.array([sum(scores) for scores in of_recording.values()])
    counts = np.array([len(scores) for scores in of_recording.values()])

    def mean(drawn: Indices) -> float:
        return float(sums[drawn].sum() / counts[drawn].sum())

    return Score(
        column=column,
        value=mean(np.arange(len(sums))),
        per_item=tuple(per_item),
        num_units=len(sums),
        resampled=mean,
    )


def missing_score(column: Column, reason: str) -> Score:
    """A score that is not there."""
    return Score(column=column, value=None, missing=reason)
