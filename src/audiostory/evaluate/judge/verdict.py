"""What a judge thinks of one track: scores, how far its answers spread, and what failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from audiostory.evaluate.judge.answers import Marks
from audiostory.evaluate.judge.cost import Usage
from audiostory.evaluate.judge.rubric import Rubric


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A question that has no answer, and so no score."""

    item: str
    rubric: str
    repeat: int | None
    """None where it could not even be asked."""
    why: str


@dataclass(frozen=True)
class Scores:
    """A judge's answers to one rubric on one track."""

    rubric: Rubric
    marks: tuple[Marks, ...]
    """Of the repeats that were answered, in order."""

    @property
    def overall(self) -> float | None:
        """Mean of the overall scores; None if there is no answer."""
        return _mean([one.overall.score for one in self.marks])

    @property
    def spread(self) -> float | None:
        """Standard deviation of the overall scores over repeats; None below two answers."""
        scores = [one.overall.score for one in self.marks]
        return stdev(scores) if len(scores) > 1 else None

    @property
    def criteria(self) -> dict[str, float | None]:
        """Mean of each criterion's scores."""
        keys = [one.key for one in self.rubric.criteria]
        return {key: _mean([one.criteria[key].score for one in self.marks]) for key in keys}

    def as_json(self) -> dict[str, Any]:
        """For a file: means, spread, and every single score with its reason."""
        return {
            "score": self.overall,
            "spread": self.spread,
            "criteria": self.criteria,
            "answers": [
                {
                    "repeat": one.repeat,
                    "model": one.answer.model,
                    "overall": one.overall.model_dump(),
                    "criteria": {key: mark.model_dump() for key, mark in one.criteria.items()},
                }
                for one in self.marks
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a judge thinks of one track."""

    item: str
    scores: tuple[Scores, ...]
    """One for each rubric, empty ones included."""
    failures: tuple[Failure, ...]
    without_plan: tuple[str, ...]
    """Rubrics on the plan, where the system made none: no failure, and no score."""
    gain_db: float
    """0, or what the track was lowered by because it would have clipped on its way."""
    used: Usage
    """Asked now."""
    kept: Usage
    """What the answers took that were kept from an earlier run."""

    def values(self) -> dict[str, float | None]:
        """A score for each column's key; None where there is none."""
        return {one.rubric.column: one.overall for one in self.scores}

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "item": self.item,
            "gain_db": self.gain_db,
            "rubrics": {one.rubric.key: one.as_json() for one in self.scores},
            "without_plan": list(self.without_plan),
            "failures": [
                {"rubric": one.rubric, "repeat": one.repeat, "why": one.why}
                for one in self.failures
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A rubric over a set of tracks."""

    rubric: Rubric
    score: float | None
    """Mean of the tracks' scores; None if no track has one."""
    num_scored: int
    """Tracks that have one."""
    spread: float | None
    """How far answers to the same question lie apart: standard deviation over repeats, pooled over
    tracks; None without repeats."""
    spread_of_means: float | None
    """Standard deviation, over repeats, of the mean of the tracks that have all repeats: how much
    ``score`` would move if one repeat were asked anew; None without repeats."""
    criteria: dict[str, float | None]
    """Mean of each criterion."""


def summary_of(rubric: Rubric, verdicts: Sequence[Verdict], repeats: int) -> Summary:
    """A rubric's scores over the verdicts on a set; tracks without a score do not count."""
    all_scores = [one for verdict in verdicts for one in verdict.scores if one.rubric == rubric]
    scored = [one for one in all_scores if one.marks]
    spreads = [(len(one.marks) - 1, one.spread) for one in scored]
    known = [(weight, spread) for weight, spread in spreads if spread is not None]
    whole = [one for one in scored if len(one.marks) == repeats]
    means = [
        mean(one.marks[turn].overall.score for one in whole) for turn in range(repeats) if whole
    ]
    keys = [one.key for one in rubric.criteria]
    return Summary(
        rubric=rubric,
        score=_mean([one.overall for one in scored]),
        num_scored=len(scored),
        spread=_pooled(known),
        spread_of_means=stdev(means) if len(means) > 1 else None,
        criteria={key: _mean([one.criteria[key] for one in scored]) for key in keys},
    )


def _pooled(spreads: Sequence[tuple[int, float]]) -> float | None:
    """One standard deviation of many, each with its degrees of freedom."""
    total = sum(weight for weight, _ in spreads)
    return math.sqrt(sum(w * spread**2 for w, spread in spreads) / total) if total else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None
