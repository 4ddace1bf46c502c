"""From participants' answers to Table 8: means, differences, agreement between people.

Items are what is drawn again for intervals ("what if other instructions had been asked"); a second
interval draws participants again ("what if others had listened"). The wider of both is the honest
one to quote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import fmean

import numpy as np

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.answers import AnswerFile, Rating, ratings_of, read_answers
from audiostory.evaluate.listening.criteria import CRITERIA, MAX_SCORE
from audiostory.evaluate.listening.judge_agreement import JudgeKappa, JudgeScores, judge_kappas
from audiostory.evaluate.listening.key import KEY_FILE, Key, read_key
from audiostory.evaluate.listening.score_table import Scores, ScoreTable, mean_of, score_table
from audiostory.evaluate.statistics.agreement import (
    agreement_interval,
    cohen_kappa,
    krippendorff_alpha,
)
from audiostory.evaluate.statistics.comparison import (
    FLIPS,
    ScoreComparison,
    compare_scores,
    holm,
)
from audiostory.evaluate.statistics.resampling import Interval, interval


@dataclass(frozen=True, kw_only=True)
class Turnout:
    """How much one participant answered."""

    participant: str
    num_trials: int
    num_scored: int
    """Trials with all four scores."""
    num_unplayable: int
    """Trials whose track the browser could not play."""
    device: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class Mean:
    """One cell of Table 8."""

    system: str
    criterion: str
    mean: float | None
    """Over items of their means over participants; None where nobody scored."""
    over_items: Interval | None
    """95 % bootstrap interval, items drawn anew; None where there are fewer than two."""
    over_participants: Interval | None
    """The same, participants drawn anew."""
    num_items: int
    num_ratings: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two systems compared on the items that both were scored on."""

    criterion: str
    first: str
    second: str
    comparison: ScoreComparison | None
    p_value: float | None
    """Two-sided, of flipping the signs of the items' differences ``FLIPS`` times."""
    holm_p_value: float | None
    """The same, Holm-corrected for all differences of the study."""
    reason: str = ""
    """Why there is no comparison."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Whether participants mean the same by a score: Krippendorff's alpha, ordinal."""

    criterion: str
    alpha: float | None
    over_items: Interval | None
    """95 % bootstrap interval, tracks drawn anew."""
    num_tracks: int
    """Tracks that two participants or more scored."""
    reason: str = ""
    """Why there is no alpha, or no interval."""


@dataclass(frozen=True, kw_only=True)
class SelfConsistency:
    """Whether participants score a track alike the second time, unasked."""

    criterion: str
    num_pairs: int
    same: float
    """Share of pairs of equal scores."""
    within_one: float
    """Share of pairs that differ by at most one."""
    mean_difference: float
    """Mean absolute difference."""
    kappa: float | None
    """Cohen's kappa with quadratic weights; None where all scores are the same."""


@dataclass(frozen=True, kw_only=True)
class StudyReport:
    """What a listening study found."""

    study: str
    title: str
    systems: tuple[str, ...]
    num_items: int
    turnout: tuple[Turnout, ...]
    """Of everyone who answered."""
    absent: tuple[str, ...]
    """Participants of whom there is no file."""
    means: tuple[Mean, ...]
    differences: tuple[Difference, ...]
    agreement: tuple[Agreement, ...]
    consistency: tuple[SelfConsistency, ...]
    """Empty where no track was heard twice."""
    drift: dict[str, float]
    """By participant, the mean absolute difference between both hearings: large is careless."""
    judge: tuple[JudgeKappa, ...] = ()
    """Table 9; empty without a judge."""

    @property
    def partial(self) -> tuple[Turnout, ...]:
        """Those who answered, but not everything."""
        return tuple(one for one in self.turnout if one.num_scored < one.num_trials)


def score_study(
    folder: Path,
    answers: Sequence[Path],
    judge_scores: JudgeScores | None = None,
    *,
    resamples: int = 1_000,
    seed: int = 0,
) -> StudyReport:
    """What participants said, by system.

    Incomplete answers count as far as they go, and are named. Second hearings count for
    self-consistency only.

    Args:
        folder: as ``make_study`` made it, with its key.
        answers: the files that participants sent.
        judge_scores: by system, item and criterion, 0 to 5; None leaves Table 9 out.
        resamples: how often items, or participants, are drawn anew.
        seed: of the draws.

    Raises:
        MeasureError: if the key or any answer cannot be used, or the judge's scores do not fit.
    """
    key = read_key(folder / KEY_FILE)
    files = read_answers(answers, key)
    ratings = ratings_of(files, key)
    if not ratings:
        raise MeasureError("none of the answers holds a score: wait until somebody has listened")
    tables = {
        each.key: score_table(each.key, ratings, key.systems, tuple(key.instructions))
        for each in CRITERIA
    }
    pairs = _heard_twice(ratings)
    here = {file.participant for file in files}
    return StudyReport(
        study=key.study,
        title=key.title,
        systems=key.systems,
        num_items=len(key.instructions),
        turnout=tuple(_turnout(file, key) for file in files),
        absent=tuple(one for one in key.participants if one not in here),
        means=tuple(
            _mean(system, criterion, table.of(system), resamples, seed)
            for system in key.systems
            for criterion, table in tables.items()
        ),
        differences=_differences(tables, resamples, seed),
        agreement=tuple(_agreement(name, one, resamples, seed) for name, one in tables.items()),
        consistency=tuple(_consistency(name, pairs) for name in tables if _scores(pairs, name)),
        drift=_drift(pairs),
        judge=()
        if judge_scores is None
        else judge_kappas(tables, judge_scores, resamples=resamples, seed=seed),
    )


def _turnout(file: AnswerFile, key: Key) -> Turnout:
    """How much one participant answered."""
    return Turnout(
        participant=file.participant,
        num_trials=len(key.trials_of(file.participant)),
        num_scored=sum(len(answer.scores) == len(CRITERIA) for answer in file.answers),
        num_unplayable=sum(bool(answer.problem) for answer in file.answers),
        device=file.device,
        comment=file.comment,
    )


def _mean(system: str, criterion: str, scores: Scores, resamples: int, seed: int) -> Mean:
    """One cell, from scores (P, I)."""
    given = np.isfinite(scores)
    heard, present = given.any(axis=0), given.any(axis=1)
    scores = scores[present][:, heard]
    return Mean(
        system=system,
        criterion=criterion,
        mean=mean_of(scores) if scores.size else None,
        over_items=interval(
            lambda items: mean_of(scores[:, items]), scores.shape[1], resamples=resamples, seed=seed
        )
        if scores.shape[1] > 1
        else None,
        over_participants=interval(
            lambda rows: mean_of(scores[rows]), scores.shape[0], resamples=resamples, seed=seed
        )
        if scores.shape[0] > 1
        else None,
        num_items=int(heard.sum()),
        num_ratings=int(given.sum()),
    )


def _differences(
    tables: Mapping[str, ScoreTable], resamples: int, seed: int
) -> tuple[Difference, ...]:
    """Every two systems on every criterion; p-values corrected for all of them at once."""
    found: list[Difference] = []
    for criterion, table in tables.items():
        for first, second in combinations(table.systems, 2):
            means = table.item_means(first), table.item_means(second)
            comparison, p_value, reason = None, None, ""
            try:
                comparison = compare_scores(*means, resamples=resamples, flips=FLIPS, seed=seed)
                p_value = comparison.flip_p_value
            except MeasureError as error:
                reason = str(error)
            found.append(
                Difference(
                    criterion=criterion,
                    first=first,
                    second=second,
                    comparison=comparison,
                    p_value=p_value,
                    holm_p_value=None,
                    reason=reason,
                )
            )
    corrected = iter(holm([one.p_value for one in found if one.p_value is not None]))
    return tuple(
        one if one.p_value is None else replace(one, holm_p_value=next(corrected)) for one in found
    )


def _agreement(criterion: str, table: ScoreTable, resamples: int, seed: int) -> Agreement:
    """Alpha of one criterion."""
    ratings = table.by_rater
    given = np.isfinite(ratings)
    alpha, bounds, reason = None, None, ""
    try:
        alpha = krippendorff_alpha(ratings, "ordinal")
        bounds = agreement_interval(
            lambda drawn: krippendorff_alpha(drawn, "ordinal"),
            ratings[:, given.sum(axis=0) > 1],
            resamples=resamples,
            seed=seed,
        )
    except MeasureError as error:
        reason = str(error)
    return Agreement(
        criterion=criterion,
        alpha=alpha,
        over_items=bounds,
        num_tracks=int((given.sum(axis=0) > 1).sum()),
        reason=reason,
    )


@dataclass(frozen=True)
class _Pair:
    """Both hearings of one track by one participant."""

    first: Rating
    second: Rating


def _heard_twice(ratings: Sequence[Rating]) -> list[_Pair]:
    """Every hidden repeat with the first hearing, where both were scored."""
    once = {(r.participant, r.system, r.item): r for r in ratings if not r.is_repeat}
    return [
        _Pair(once[which], again)
        for again in ratings
        if again.is_repeat and (which := (again.participant, again.system, again.item)) in once
    ]


def _scores(pairs: Sequence[_Pair], criterion: str) -> list[tuple[int, int]]:
    """Both scores of a criterion, where both were given."""
    return [
        (pair.first.scores[criterion], pair.second.scores[criterion])
        for pair in pairs
        if criterion in pair.first.scores and criterion in pair.second.scores
    ]


def _consistency(criterion: str, pairs: Sequence[_Pair]) -> SelfConsistency:
    """How alike both hearings were scored."""
    scores = _scores(pairs, criterion)
    gaps = [abs(first - second) for first, second in scores]
    kappa = None
    if len({score for pair in scores for score in pair}) > 1:
        first, second = zip(*scores, strict=True)
        kappa = cohen_kappa(first, second, categories=range(MAX_SCORE + 1), weights="quadratic")
    return SelfConsistency(
        criterion=criterion,
        num_pairs=len(scores),
        same=fmean(gap == 0 for gap in gaps),
        within_one=fmean(gap <= 1 for gap in gaps),
        mean_difference=fmean(gaps),
        kappa=kappa,
    )


def _drift(pairs: Sequence[_Pair]) -> dict[str, float]:
    """By participant, the mean absolute difference over all criteria."""
    gaps: dict[str, list[int]] = {}
    for pair in pairs:
        for criterion in pair.first.scores.keys() & pair.second.scores.keys():
            gap = abs(pair.first.scores[criterion] - pair.second.scores[criterion])
            gaps.setdefault(pair.first.participant, []).append(gap)
    return {name: fmean(each) for name, each in gaps.items()}
