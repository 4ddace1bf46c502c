"""Folders of runs read back as numbers: values with intervals, by system, column and stratum.

Nothing is measured here: scores and features lie on disk, and the same folders give the same
numbers. Systems are compared on the items that both answered, drawn alike for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import Question, RunCard, RunFolder
from audiostory.evaluate.benchmark.suite import Skipped
from audiostory.evaluate.encoders.encoder import EncoderCard, Features
from audiostory.evaluate.metric import Column, SetMetric
from audiostory.evaluate.quality import FrechetDistance
from audiostory.evaluate.statistics.comparison import compare, compare_scores, holm
from audiostory.evaluate.statistics.resampling import interval
from audiostory.evaluate.statistics.samples import Indices, Resampled

SetMetricsOf = Callable[[EncoderCard], Sequence[SetMetric]]
"""The metrics of whole sets that an encoder's features serve."""


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """How intervals and comparisons are computed."""

    resamples: int = 1_000
    """Draws of items behind each interval and comparison."""
    seed: int = 0
    level: float = 0.95
    """Confidence of the intervals; systems differ where p is below one minus this."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of one system."""

    value: float
    low: float
    high: float
    num_items: int
    """Items behind it."""
    by_stratum: Mapping[str, float] = field(default_factory=dict)
    """The same over the items of each stratum; for item metrics only."""
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
    scores: Mapping[str, tuple[float | None, ...]] = field(repr=False, default_factory=dict)
    """Scores of item metrics by column, item by item; None where an item has none."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Whether two systems differ in one column."""

    column: str
    first: str
    second: str
    difference: float
    """First less second."""
    low: float
    high: float
    p_value: float
    """Two-sided, corrected (Holm) for all pairs of the column."""
    num_items: int


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

    def best(self, column: Column) -> tuple[str, ...]:
        """Names of the systems that no other beats for certain, the best first.

        The references themselves take no part. None for columns where no way is better.
        """
        if column.better == "neither":
            return ()
        sign = -1.0 if column.better == "higher" else 1.0
        ranked = sorted(
            (sign * one.cells[column.key].value, one.card.system)
            for one in self.systems
            if column.key in one.cells and not one.card.is_reference
        )
        if not ranked:
            return ()
        leader = ranked[0][1]
        beaten = {
            each.second if each.first == leader else each.first
            for each in self.differences
            if each.column == column.key
            and leader in (each.first, each.second)
            and each.p_value < 1 - self.config.level
        }
        return tuple(name for _, name in ranked if name == leader or name not in beaten)


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
        MeasureError: if the runs are of different sets, or two are of one system.
    """
    config = config or ReportConfig()
    runs = [_Run(folder) for folder in folders]
    _check_alike([run.card for run in runs])
    questions = runs[0].questions
    item_columns = _merged(column for run in runs for column in run.item_columns)
    encoders = _encoders_of(runs)
    set_metrics = [metric for card in encoders for metric in set_metrics_of(card)]
    sets = _SetNumbers(runs, references, set_metrics)
    systems = tuple(_system(run, item_columns, sets, config) for run in runs)
    columns = (*item_columns, *(metric.column for metric in set_metrics))
    return Results(
        set_name=runs[0].card.set_name,
        set_version=runs[0].card.set_version,
        set_notes=_notes(runs, references),
        questions=questions,
        columns=columns,
        systems=systems,
        differences=tuple(
            each for column in columns for each in _differences(column, runs, systems, sets, config)
        ),
        skipped=tuple(dict.fromkeys(one for run in runs for one in run.skipped)),
        encoders=encoders,
        config=config,
    )


def _notes(runs: Sequence[_Run], references: RunFolder | None) -> tuple[str, ...]:
    """What is to be known of the set, each once, and which references are not the published."""
    notes = [note for run in runs for note in run.card.set_notes]
    if references is not None:
        records = (references.kept_record(one.id) for one in references.questions())
        remarks = [f"{one.item}: {one.remark}" for one in records if one and one.remark]
        if remarks:
            notes.append(f"{len(remarks)} references: {'; '.join(remarks)}")
    return tuple(dict.fromkeys(notes))


class _Run:
    """One folder, read once."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.card = folder, folder.card()
        self.questions = folder.questions()
        measures = folder.measures()
        self.skipped = measures.skipped
        self.item_columns = [column for columns in measures.columns.values() for column in columns]
        records = {one.id: folder.kept_record(one.id) for one in self.questions}
        self.records = {key: one for key, one in records.items() if one is not None}
        self.answered = [
            one.id
            for one in self.questions
            if (kept := self.records.get(one.id)) and kept.has_track
        ]
        digests = {
            column.key: digest for digest, columns in measures.columns.items() for column in columns
        }
        kept = {one: folder.scores(one) for one in self.answered}
        self.scores: dict[str, tuple[float | None, ...]] = {
            key: tuple(kept.get(one.id, {}).get(digest, {}).get(key) for one in self.questions)
            for key, digest in digests.items()
        }


def _check_alike(cards: Sequence[RunCard]) -> None:
    if not cards:
        raise MeasureError("no runs to report: name the folder of a benchmark with one or more")
    names = [card.system for card in cards]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MeasureError(f"two runs are of the system {twice!r}: report one of them")
    sets = {(card.set_name, card.set_version) for card in cards}
    if len(sets) > 1:
        told = ", ".join(f"{name} {version}" for name, version in sorted(sets))
        raise MeasureError(f"runs on different sets ({told}) cannot stand in one report")


def _merged(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Each column once, in the order of their first appearance.

    Raises:
        MeasureError: if a column was measured in two ways.
    """
    found: dict[str, Column] = {}
    for column in columns:
        other = found.setdefault(column.key, column)
        if other != column:
            raise MeasureError(
                f"runs measured {column.title!r} in different ways ({other.detail!r} and "
                f"{column.detail!r}): measure them alike, with `audiostory evaluate run` once more"
            )
    return tuple(found.values())


def _encoders_of(runs: Sequence[_Run]) -> tuple[EncoderCard, ...]:
    """The encoders that heard the tracks of any run, by name.

    Raises:
        MeasureError: if two runs were heard by different encoders of one name.
    """
    found: dict[str, EncoderCard] = {}
    for run in runs:
        for card in run.folder.encoders():
            if found.setdefault(card.name, card) != card:
                raise MeasureError(
                    f"runs were heard by two encoders called {card.name!r} "
                    f"({found[card.name].described}; {card.described}): measure them alike"
                )
    return tuple(found.values())


class _SetNumbers:
    """Numbers of whole sets, from features on disk; what was computed once is kept."""

    def __init__(
        self, runs: Sequence[_Run], references: RunFolder | None, metrics: Sequence[SetMetric]
    ) -> None:
        self.metrics = {metric.column.key: metric for metric in metrics}
        self.folders = {run.card.system: run.folder for run in runs}
        self.references = references
        self._heard: dict[tuple[str, str], dict[str, Features]] = {}
        self._statistics: dict[tuple[str, str, tuple[str, ...]], Resampled] = {}

    def items(self, key: str, run: _Run) -> tuple[str, ...]:
        """The answered items whose tracks (and references, where needed) were heard.

        Raises:
            MeasureError: saying what is missing, if there are fewer than two.
        """
        metric = self.metrics[key]
        own = self._features(run.folder, metric, run.answered)
        known = [one for one in run.answered if one in own]
        if metric.needs_references:
            if self.references is None:
                raise MeasureError("no references: run the system `reference` on this set")
            heard = self._features(self.references, metric, known)
            known = [one for one in known if one in heard]
        if len(known) < 2:
            raise MeasureError(
                f"{len(known)} items were heard by {metric.encoder} here and among the references"
            )
        return tuple(known)

    def statistic(self, key: str, system: str, items: tuple[str, ...]) -> Resampled:
        """The number of any draw of ``items``; the same draw is computed once."""
        place = (key, system, items)
        if place not in self._statistics:
            metric = self.metrics[key]
            own = self._features(self.folders[system], metric, items)
            reference = {}
            if metric.needs_references and self.references is not None:
                reference = self._features(self.references, metric, items)
            self._statistics[place] = _remembered(
                metric.prepared(
                    [own[one] for one in items], [reference[one] for one in items if reference]
                )
            )
        return self._statistics[place]

    def warning(self, key: str, system: str, items: tuple[str, ...]) -> str:
        """What is wrong with a Frechet distance of so few samples; empty for other numbers."""
        metric = self.metrics[key]
        if not isinstance(metric, FrechetDistance) or self.references is None:
            return ""
        own = self._features(self.folders[system], metric, items)
        reference = self._features(self.references, metric, items)
        found = metric.summary([own[one] for one in items], [reference[one] for one in items])
        return found.warning or ""

    def _features(
        self, folder: RunFolder, metric: SetMetric, items: Sequence[str]
    ) -> dict[str, Features]:
        place = (str(folder.path), metric.encoder)
        kept = self._heard.setdefault(place, {})
        for card in folder.encoders():
            for one in items if card.name == metric.encoder else ():
                if one not in kept and (heard := folder.features(card, one)) is not None:
                    kept[one] = heard
        return kept


def _remembered(statistic: Resampled) -> Resampled:
    known: dict[bytes, float] = {}

    def value(items: Indices) -> float:
        place = items.tobytes()
        if place not in known:
            known[place] = statistic(items)
        return known[place]

    return value


def _system(
    run: _Run, columns: Sequence[Column], sets: _SetNumbers, config: ReportConfig
) -> SystemResults:
    cells: dict[str, Cell] = {}
    missing: dict[str, str] = {}
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
    return SystemResults(
        card=run.card,
        num_answered=len(run.answered),
        refusals={key: one.refusal for key, one in run.records.items() if one.refusal},
        duration_s=sum(run.records[one].duration_s for one in run.answered),
        cells=cells,
        missing=missing,
        scores=run.scores,
    )


def _item_cell(run: _Run, column: Column, config: ReportConfig) -> Cell:
    scores = run.scores.get(column.key, ())
    known = np.array([score for score in scores if score is not None])
    if len(known) < 2:
        raise MeasureError(f"{len(known)} items have a score")
    found = interval(
        lambda items: float(known[items].mean()),
        len(known),
        resamples=config.resamples,
        seed=config.seed,
        level=config.level,
    )
    by_stratum: dict[str, list[float]] = {}
    for question, score in zip(run.questions, scores, strict=True):
        if score is not None:
            by_stratum.setdefault(question.stratum, []).append(score)
    means = {name: float(np.mean(values)) for name, values in by_stratum.items()}
    return Cell(
        value=found.estimate,
        low=found.low,
        high=found.high,
        num_items=len(known),
        by_stratum=means if len(means) > 1 else {},
    )


def _set_cell(run: _Run, key: str, sets: _SetNumbers, config: ReportConfig) -> Cell:
    items = sets.items(key, run)
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


def _differences(
    column: Column,
    runs: Sequence[_Run],
    systems: Sequence[SystemResults],
    sets: _SetNumbers,
    config: ReportConfig,
) -> list[Difference]:
    """Every pair of systems that both have a value, p-values corrected for all of them."""
    able = [
        run
        for run, system in zip(runs, systems, strict=True)
        if column.key in system.cells and not run.card.is_reference
    ]
    found: list[Difference] = []
    for first, second in combinations(able, 2):
        try:
            found.append(_difference(column.key, first, second, sets, config))
        except MeasureError:
            continue  # fewer than two items in common: no pair, and none is listed
    corrected = holm([one.p_value for one in found]) if found else ()
    return [replace(one, p_value=p) for one, p in zip(found, corrected, strict=True)]


def _difference(
    key: str, first: _Run, second: _Run, sets: _SetNumbers, config: ReportConfig
) -> Difference:
    options = {"resamples": config.resamples, "seed": config.seed, "level": config.level}
    if key in sets.metrics:
        theirs = set(sets.items(key, second))
        items = tuple(one for one in sets.items(key, first) if one in theirs)
        names = (first.card.system, second.card.system)
        one, other = (sets.statistic(key, name, items) for name in names)
        compared = compare(one, other, len(items), **options)
        p_value, num_items = compared.p_value, len(items)
    else:
        compared = compare_scores(first.scores[key], second.scores[key], **options)
        p_value, num_items = compared.flip_p_value, compared.num_pairs
    return Difference(
        column=key,
        first=first.card.system,
        second=second.card.system,
        difference=compared.difference.estimate,
        low=compared.difference.low,
        high=compared.difference.high,
        p_value=p_value,
        num_items=num_items,
    )
