"""Scores of one criterion as a table, and their mean.

Shapes: ``S`` systems, ``P`` participants, ``I`` items. Scores that nobody gave are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.answers import Rating

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreTable:
    """Scores of one criterion, first hearings only."""

    systems: tuple[str, ...]
    items: tuple[str, ...]
    participants: tuple[str, ...]
    scores: Scores
    """(S, P, I)."""

    def of(self, system: str) -> Scores:
        """Scores (P, I) of one system."""
        return self.scores[self.systems.index(system)]

    def item_means(self, system: str) -> list[float | None]:
        """Mean over participants of each item; None where nobody scored it."""
        means = _means(self.of(system))
        return [float(mean) if np.isfinite(mean) else None for mean in means]

    @property
    def by_rater(self) -> Scores:
        """Scores (P, S * I): a row for each participant, a column for each track."""
        return self.scores.transpose(1, 0, 2).reshape(len(self.participants), -1)


def score_table(
    criterion: str, ratings: Sequence[Rating], systems: Sequence[str], items: Sequence[str]
) -> ScoreTable:
    """The scores of one criterion; second hearings of a track do not count."""
    participants = tuple(sorted({rating.participant for rating in ratings}))
    scores = np.full((len(systems), len(participants), len(items)), np.nan)
    for rating in ratings:
        if not rating.is_repeat and criterion in rating.scores:
            row = participants.index(rating.participant)
            scores[systems.index(rating.system), row, items.index(rating.item)] = rating.scores[
                criterion
            ]
    return ScoreTable(
        systems=tuple(systems), items=tuple(items), participants=participants, scores=scores
    )


def mean_of(scores: Scores) -> float:
    """The mean over items of their means over participants, of scores (P, I).

    Items count alike, however many participants scored them.

    Raises:
        MeasureError: if there is no score at all.
    """
    means = _means(scores)
    if not np.isfinite(means).any():
        raise MeasureError("there are no scores to take the mean of: collect more answers")
    return float(np.nanmean(means))


def _means(scores: Scores) -> Scores:
    """Mean over participants of each item (I,); NaN where nobody scored it."""
    given = np.isfinite(scores)
    counts = given.sum(axis=0)
    sums = np.where(given, scores, 0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
