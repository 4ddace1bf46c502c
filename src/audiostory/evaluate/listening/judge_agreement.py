"""How far a judge's scores agree with people's: Cohen's kappa, as in Table 9.

Kappa is of categories, and means of scores are none. The paper prints 0.91 and 0.83 and says
neither how it binned nor how it weighted, so both are stated here: people's means and the judge's
scores are each rounded to the nearest whole score, halves upwards, and kappa is given unweighted
(a miss is a miss) and with quadratic weights (a miss of one counts little).

Source: AudioStory Sec. 5.6, "Correlation between Gemini-based & human-based evaluation".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.criteria import MAX_SCORE
from audiostory.evaluate.listening.score_table import ScoreTable
from audiostory.evaluate.statistics.agreement import Weights, binned, cohen_kappa
from audiostory.evaluate.statistics.resampling import interval
from audiostory.evaluate.statistics.samples import Indices

JudgeScores = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By system, item and criterion: real scores from 0 to 5. A criterion that the judge does not give
at all is left out; one that it gives no track of a system is compared over the other systems."""
EDGES = tuple(score + 0.5 for score in range(MAX_SCORE))
"""Where one whole score ends and the next begins."""
WEIGHTS: tuple[Weights, ...] = ("none", "quadratic")
Across = Literal["models", "samples"]


@dataclass(frozen=True, kw_only=True)
class JudgeKappa:
    """One number of Table 9."""

    across: Across
    """``models``: each system's mean on each criterion is a case; ``samples``: each track's."""
    criterion: str
    """A criterion's key, or ``all``: the cases of all criteria together."""
    weights: Weights
    kappa: float | None
    """None where it does not exist."""
    same: float
    """Share of cases that fall into the same whole score."""
    num_cases: int
    low: float | None = None
    """Lower end of the 95 % bootstrap interval over items; None across models."""
    high: float | None = None
    """Upper end."""
    left_out: tuple[str, ...] = ()
    """Systems that the judge has no score of on the criterion (on ``all``: on any of them), such as
    reasoning logic of a system that makes no plan."""
    reason: str = ""
    """Why there is no kappa, or no interval."""


@dataclass(frozen=True)
class _Case:
    """One thing that both people and the judge scored."""

    system: str
    item: str
    human: float
    """Mean over participants."""
    judge: float


def judge_kappas(
    tables: Mapping[str, ScoreTable], judge: JudgeScores, *, resamples: int, seed: int
) -> tuple[JudgeKappa, ...]:
    """Agreement across models, and across samples for all criteria and for each.

    A system that the judge scored, but never on a criterion, has nothing to be compared there: it
    is left out of that criterion's cases, and named.

    Args:
        tables: people's scores by criterion.
        judge: the judge's scores; of a system on a criterion, of all tracks that people scored on
            it or of none.
        resamples: how often items are drawn anew.
        seed: of the draws.

    Raises:
        MeasureError: if the judge names what the study does not have, never heard one of its
            systems, lacks some tracks of a system on a criterion, or a score is out of range.
    """
    given = _given(judge, tables)
    found_cases = {each: _samples(each, table, judge, given) for each, table in tables.items()}
    samples = {each: cases for each, cases in found_cases.items() if cases}
    if not samples:
        raise MeasureError("people and the judge scored no criterion of the same track")
    models = [case for cases in samples.values() for case in _models(cases)]
    groups = {"all": [case for cases in samples.values() for case in cases], **samples}
    without = {each: [name for name in given if each not in given[name]] for each in samples}
    without["all"] = [name for name in given if any(name in each for each in without.values())]
    found = [_kappa("models", "all", weights, models) for weights in WEIGHTS]
    found += [
        _with_interval(_kappa("samples", name, weights, cases), cases, resamples, seed)
        for name, cases in groups.items()
        for weights in WEIGHTS
    ]
    return tuple(replace(one, left_out=tuple(without[one.criterion])) for one in found)


def _given(judge: JudgeScores, tables: Mapping[str, ScoreTable]) -> dict[str, set[str]]:
    """The criteria on which the judge scored each system that people scored, in their order."""
    known = {each for items in judge.values() for scores in items.values() for each in scores}
    if not known or not known <= set(tables):
        raise MeasureError(
            f"the judge scores {', '.join(sorted(known)) or 'nothing'}; people scored "
            f"{', '.join(tables)}: rename the judge's criteria to those they stand for"
        )
    scored = dict.fromkeys(
        name
        for table in tables.values()
        for name in table.systems
        if any(mean is not None for mean in table.item_means(name))
    )
    given = {
        name: {each for scores in judge.get(name, {}).values() for each in scores}
        for name in scored
    }
    if unheard := [name for name, criteria in given.items() if not criteria]:
        raise MeasureError(
            f"the judge scored no track of {', '.join(unheard)}, which people scored: judge it too"
        )
    return given


def _samples(
    criterion: str, table: ScoreTable, judge: JudgeScores, given: Mapping[str, set[str]]
) -> list[_Case]:
    """Each track that people scored, with the judge's score of it, by systems that have one."""
    return [
        _Case(system, item, human, _judged(judge, system, item, criterion))
        for system in table.systems
        if criterion in given.get(system, ())
        for item, human in zip(table.items, table.item_means(system), strict=True)
        if human is not None
    ]


def _judged(judge: JudgeScores, system: str, item: str, criterion: str) -> float:
    """The judge's score of one track."""
    score = judge.get(system, {}).get(item, {}).get(criterion)
    if score is None:
        raise MeasureError(
            f"the judge has no {criterion} of {system}, {item}, which people scored, but of other "
            "tracks of that system: judge that track too"
        )
    if not 0 <= score <= MAX_SCORE:
        raise MeasureError(
            f"the judge gives {criterion} {score} to {system}, {item}: scores are 0 to {MAX_SCORE}"
        )
    return float(score)


def _models(samples: Sequence[_Case]) -> list[_Case]:
    """Each system's means over its tracks."""
    systems = dict.fromkeys(case.system for case in samples)
    return [
        _Case(
            system,
            "",
            fmean(case.human for case in samples if case.system == system),
            fmean(case.judge for case in samples if case.system == system),
        )
        for system in systems
    ]


def _kappa(across: Across, criterion: str, weights: Weights, cases: Sequence[_Case]) -> JudgeKappa:
    """Kappa of cases, without an interval."""
    human, judge = _binned(cases)
    kappa, reason = None, ""
    try:
        kappa = cohen_kappa(human, judge, categories=range(MAX_SCORE + 1), weights=weights)
    except MeasureError as error:
        reason = str(error)
    return JudgeKappa(
        across=across,
        criterion=criterion,
        weights=weights,
        kappa=kappa,
        same=fmean(a == b for a, b in zip(human, judge, strict=True)),
        num_cases=len(cases),
        reason=reason,
    )


def _with_interval(
    found: JudgeKappa, cases: Sequence[_Case], resamples: int, seed: int
) -> JudgeKappa:
    """The same with an interval over items, whose tracks by all systems are drawn together."""
    if found.kappa is None:
        return found
    human, judge = _binned(cases)
    items = list(dict.fromkeys(case.item for case in cases))
    places = [[k for k, case in enumerate(cases) if case.item == item] for item in items]

    def of_items(drawn: Indices) -> float:
        chosen = [place for index in drawn for place in places[index]]
        return cohen_kappa(
            [human[k] for k in chosen],
            [judge[k] for k in chosen],
            categories=range(MAX_SCORE + 1),
            weights=found.weights,
        )

    try:
        bounds = interval(of_items, len(items), resamples=resamples, seed=seed)
    except MeasureError as error:
        return replace(found, reason=str(error))
    return replace(found, low=bounds.low, high=bounds.high)


def _binned(cases: Sequence[_Case]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """People's and the judge's scores as whole scores."""
    human = binned([case.human for case in cases], EDGES)
    return human, binned([case.judge for case in cases], EDGES)
