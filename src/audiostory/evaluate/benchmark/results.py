"""Folders of runs read back as numbers: values with intervals, by system, column and stratum.

Nothing is measured here: scores and features lie on disk, and the same folders give the same
numbers. Systems are compared on the items that both answered, drawn alike for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import Question, RunCard, RunFolder
from audiostory.evaluate.benchmark.marks import (
    Difference,
    Marks,
    Uncompared,
    marks_of,
    out_of_reach,
)
from audiostory.evaluate.benchmark.reading import (
    Run,
    check_alike,
    check_keys,
    encoders_of,
    merged_columns,
    notes_of,
)
from audiostory.evaluate.benchmark.set_numbers import SetNumbers
from audiostory.evaluate.benchmark.suite import Skipped
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.metric import Column, SetMetric
from audiostory.evaluate.statistics.comparison import FLIPS, compare, compare_scores, holm
from audiostory.evaluate.statistics.resampling import Interval, interval

SetMetricsOf = Callable[[EncoderCard], Sequence[SetMetric]]
"""The metrics of whole sets that an encoder's features serve."""


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """How intervals and comparisons are computed."""

    resamples: int = 1_000
    """Draws of items behind each interval and comparison."""
    flips: int = FLIPS
    """Of the signs of items' differences, behind the p-values of means."""
    seed: int = 0
    level: float = 0.95
    """Confidence of the intervals; systems differ where p is below one minus this."""


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """One number of one system over the items of one kind."""

    value: float
    num_items: int
    low: float | None = None
    """None, as ``high``, where a single item has it."""
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of one system."""

    value: float
    low: float
    high: float
    num_items: int
    """Items behind it."""
    by_stratum: Mapping[str, Stratum] = field(default_factory=dict)
    """Over the items of each stratum; for item metrics only."""
    warning: str = ""
    """What is wrong with so few items; empty where nothing is."""


@dataclass(frozen=True, kw_only=True)
class SystemResults:
    """All numbers of one system."""

    card: RunCard
    num_answered: int
    refusals: Mapping[str, str]
    """Why items have no track, by id."""
    duration_s: float
    """Length of all its tracks together."""
    cells: Mapping[str, Cell]
    """By column; a column that is missing has no value, and ``missing`` says why."""
    missing: Mapping[str, str]
    unmeasured: Mapping[str, int] = field(default_factory=dict)
    """Answered items that were not measured yet, by column; a column without any is left out."""
    scores: Mapping[str, tuple[float | None, ...]] = field(repr=False, default_factory=dict)
    """Scores of item metrics by column, item by item; None where an item has none."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """All numbers of all systems on one set."""

    set_name: str
    set_version: str
    set_notes: tuple[str, ...]
    questions: tuple[Question, ...]
    columns: tuple[Column, ...]
    systems: tuple[SystemResults, ...]
    differences: tuple[Difference, ...]
    skipped: tuple[Skipped, ...]
    encoders: tuple[EncoderCard, ...]
    config: ReportConfig
    uncompared: tuple[Uncompared, ...] = ()
    """Every two systems that have a column and cannot be compared in it."""

    def marks(self, column: Column) -> Marks:
        """The best system of a column and those that cannot be told from it.

        The references themselves take no part. Nobody in columns where no way is better.
        """
        cells = {
            one.card.system: one.cells[column.key]
            for one in self.systems
            if column.key in one.cells and not one.card.is_reference
        }
        compared = [one for one in self.differences if one.column == column.key]
        others = [one for one in self.uncompared if one.column == column.key]
        return marks_of(cells, column.better, compared, others, self.config.level)

    def too_few(self) -> dict[str, list[Column]]:
        """Columns in which no two systems could be told apart, by what would be needed."""
        found: dict[str, list[Column]] = {}
        for column in self.columns:
            compared = [one for one in self.differences if one.column == column.key]
            least = out_of_reach(compared, self.config.level)
            if column.better != "neither" and least is not None:
                found.setdefault(self._needed(column, len(compared), least), []).append(column)
        return found

    def _needed(self, column: Column, num_pairs: int, least: float) -> str:
        """Why no p-value of a column can be small enough, and what would let one be."""
        pairs = f"{num_pairs} pair{'s' if num_pairs > 1 else ''} of systems"
        if any(column.key in one.scores for one in self.systems):
            return (
                f"with so few items and {pairs} no p can be below {least:.2g}: ask more items, or "
                "compare fewer systems"
            )
        draws = int(num_pairs / (1 - self.config.level)) + 1
        return (
            f"with {self.config.resamples} draws and {pairs} no p can be below {least:.2g}: report "
            f"with --resamples {draws} or more, or compare fewer systems"
        )


def read_results(
    folders: Sequence[RunFolder],
    references: RunFolder | None,
    set_metrics_of: SetMetricsOf,
    config: ReportConfig | None = None,
) -> Results:
    """The numbers of runs on one set.

    Args:
        folders: one run each.
        references: where the references' features are; None leaves distances to them out.
        set_metrics_of: the metrics of whole sets for an encoder.
        config: of intervals and comparisons.

    Raises:
        OutputError: if a folder is no run's.
        MeasureError: if the runs are of different sets, two are of one system, or they were not
            measured alike.
    """
    config = config or ReportConfig()
    runs = [Run(folder) for folder in folders]
    check_alike([run.card for run in runs])
    questions = runs[0].questions
    item_columns = merged_columns(runs)
    encoders = encoders_of(runs)
    set_metrics = [metric for card in encoders for metric in set_metrics_of(card)]
    columns = (*item_columns, *(metric.column for metric in set_metrics))
    check_keys(columns)
    folders_by_name = {run.card.system: run.folder for run in runs}
    sets = SetNumbers(folders_by_name, references, set_metrics, encoders)
    systems = tuple(_system(run, item_columns, sets, config) for run in runs)
    compared = [_compared(column, runs, systems, sets, config) for column in columns]
    return Results(
        set_name=runs[0].card.set_name,
        set_version=runs[0].card.set_version,
        set_notes=notes_of(runs, references),
        questions=questions,
        columns=columns,
        systems=systems,
        differences=tuple(each for found, _ in compared for each in found),
        uncompared=tuple(each for _, lost in compared for each in lost),
        skipped=tuple(dict.fromkeys(one for run in runs for one in run.skipped)),
        encoders=encoders,
        config=config,
    )


def _system(
    run: Run, columns: Sequence[Column], sets: SetNumbers, config: ReportConfig
) -> SystemResults:
    cells: dict[str, Cell] = {}
    missing: dict[str, str] = {}
    unmeasured = dict(run.unmeasured)
    for column in columns:
        try:
            cells[column.key] = _item_cell(run, column, config)
        except MeasureError as error:
            missing[column.key] = str(error)
    for key in sets.metrics:
        try:
            cells[key] = _set_cell(run, key, sets, config)
        except MeasureError as error:
            missing[key] = str(error)
        if sets.metrics[key].encoder in run.encoders:
            unmeasured[key] = sets.num_unheard(key, run.card.system, run.answered)
    return SystemResults(
        card=run.card,
        num_answered=len(run.answered),
        refusals={key: one.refusal for key, one in run.records.items() if one.refusal},
        duration_s=sum(run.records[one].duration_s for one in run.answered),
        cells=cells,
        missing=missing,
        unmeasured={key: number for key, number in unmeasured.items() if number},
        scores=run.scores,
    )


def _item_cell(run: Run, column: Column, config: ReportConfig) -> Cell:
    scores = run.scores.get(column.key, ())
    known = [score for score in scores if score is not None]
    if len(known) < 2:
        raise MeasureError(f"{len(known)} items have a score")
    found = _mean(known, config)
    by_stratum: dict[str, list[float]] = {}
    for question, score in zip(run.questions, scores, strict=True):
        if score is not None:
            by_stratum.setdefault(question.stratum, []).append(score)
    strata = {name: _stratum(values, config) for name, values in by_stratum.items()}
    return Cell(
        value=found.estimate,
        low=found.low,
        high=found.high,
        num_items=len(known),
        by_stratum=strata if len(strata) > 1 else {},
    )


def _mean(scores: Sequence[float], config: ReportConfig) -> Interval:
    """The mean of scores and its interval."""
    known = np.array(scores)
    return interval(
        lambda items: float(known[items].mean()),
        len(known),
        resamples=config.resamples,
        seed=config.seed,
        level=config.level,
    )


def _stratum(scores: Sequence[float], config: ReportConfig) -> Stratum:
    """The mean of the scores of one kind of question; one alone has no interval."""
    if len(scores) == 1:
        return Stratum(value=scores[0], num_items=1)
    found = _mean(scores, config)
    return Stratum(value=found.estimate, num_items=len(scores), low=found.low, high=found.high)


def _set_cell(run: Run, key: str, sets: SetNumbers, config: ReportConfig) -> Cell:
    items = sets.items(key, run.card.system, run.answered)
    found = interval(
        sets.statistic(key, run.card.system, items),
        len(items),
        resamples=config.resamples,
        seed=config.seed,
        level=config.level,
        method=sets.metrics[key].interval_method,
    )
    return Cell(
        value=found.estimate,
        low=found.low,
        high=found.high,
        num_items=len(items),
        warning=sets.warning(key, run.card.system, items),
    )


def _compared(
    column: Column,
    runs: Sequence[Run],
    systems: Sequence[SystemResults],
    sets: SetNumbers,
    config: ReportConfig,
) -> tuple[list[Difference], list[Uncompared]]:
    """Every pair of systems that both have a value, p-values corrected for all of them.

    Pairs that cannot be compared come second, with the reason.
    """
    able = [
        run
        for run, system in zip(runs, systems, strict=True)
        if column.key in system.cells and not run.card.is_reference
    ]
    found: list[Difference] = []
    lost: list[Uncompared] = []
    for first, second in combinations(able, 2):
        try:
            found.append(_difference(column.key, first, second, sets, config))
        except MeasureError as error:
            names = {"first": first.card.system, "second": second.card.system}
            lost.append(Uncompared(column=column.key, **names, why=str(error)))
    corrected = holm([one.p_value for one in found]) if found else ()
    return [replace(one, p_value=p) for one, p in zip(found, corrected, strict=True)], lost


def _difference(
    key: str, first: Run, second: Run, sets: SetNumbers, config: ReportConfig
) -> Difference:
    options = {"resamples": config.resamples, "seed": config.seed, "level": config.level}
    if key in sets.metrics:
        names = (first.card.system, second.card.system)
        theirs = set(sets.items(key, names[1], second.answered))
        items = tuple(one for one in sets.items(key, names[0], first.answered) if one in theirs)
        if len(items) < 2:
            raise MeasureError(f"{len(items)} items were heard of both")
        one, other = (sets.statistic(key, name, items) for name in names)
        compared = compare(one, other, len(items), **options)
        p_value, num_items = compared.p_value, len(items)
        least_p_value = compared.least_p_value
    else:
        compared = compare_scores(
            first.scores[key], second.scores[key], flips=config.flips, **options
        )
        p_value, num_items = compared.flip_p_value, compared.num_pairs
        least_p_value = compared.least_flip_p_value
    return Difference(
        column=key,
        first=first.card.system,
        second=second.card.system,
        difference=compared.difference.estimate,
        low=compared.difference.low,
        high=compared.difference.high,
        p_value=p_value,
        num_items=num_items,
        least_p_value=least_p_value,
    )
