"""Commands of a listening study: ``audiostory evaluate study`` and ``study-score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps.benchmarking import runs_in
from audiostory.apps.options import Debug
from audiostory.apps.work import mistakes_told
from audiostory.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audiostory.evaluate.benchmark.folder import Question, RunFolder

JUDGED = {
    "instruct": "instruction_following",
    "consistency": "consistency",
    "reasoning": "reasoning_logic",
}
"""Criteria of the study by the judge's column; the judge scores no fidelity."""

Benchmark = Annotated[
    Path, typer.Argument(help="Folder of a benchmark.", metavar="DIR", show_default=False)
]


def study(  # noqa: PLR0913 - one parameter per option
    benchmark: Benchmark,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the study; must be new.", metavar="DIR")
    ],
    *,
    system: Annotated[
        list[str] | None,
        typer.Option(
            help="A system that takes part; may be given several times.",
            show_default="all but the references",
        ),
    ] = None,
    items: Annotated[int, typer.Option(min=1, help="Instructions, drawn evenly by kind.")] = 50,
    participants: Annotated[int, typer.Option(min=1, help="People who will listen.")] = 30,
    per_participant: Annotated[int, typer.Option(min=1, help="Instructions each one hears.")] = 5,
    repeats: Annotated[int, typer.Option(min=0, help="Tracks each one hears twice, untold.")] = 0,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="All sound inside the page: one file to pass on.")
    ] = False,
    title: Annotated[str, typer.Option(help="On the page; names no system.")] = "Listening study",
    contact: Annotated[str, typer.Option(help="Whom participants send their file to.")] = "",
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    debug: Debug = False,
) -> None:
    """Make a blind web page on which people score tracks of a benchmark (Sec. 5.6)."""
    with mistakes_told(debug=debug):
        from audiostory.evaluate.listening.study import StudyConfig, make_study

        chosen = chosen_runs(benchmark, system or [])
        questions = drawn_questions(list(chosen.values()), items, seed)
        made = make_study(
            {
                name: {one.id: folder.track(one.id) for one in questions}
                for name, folder in chosen.items()
            },
            {one.id: one.text for one in questions},
            out,
            seed=seed,
            participants=participants,
            per_participant=per_participant,
            config=StudyConfig(
                title=title,
                contact=contact,
                audio="embedded" if embedded else "beside",
                repeats=repeats,
            ),
        )
        for note in made.notes:
            typer.echo(f"note: {note}")
        longest = max(made.minutes.values())
        typer.echo(f"{made.page}: {made.num_bytes / 1e6:.1f} MB, up to {longest:.0f} minutes each")
        names = sorted(made.minutes)
        typer.echo(f"send {names[0]} the page with #{names[0]} at its end, and so on")
        typer.echo(f"keep {made.key_file} to yourself; then: audiostory evaluate study-score {out}")


def study_score(
    folder: Annotated[Path, typer.Argument(help="Folder of the study.", metavar="STUDY")],
    answers: Annotated[
        list[Path], typer.Argument(help="Files that participants sent.", metavar="ANSWERS...")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder of the report.", metavar="DIR", show_default="the study's"
        ),
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the benchmark, if a judge scored it: agreement with people (Table 9).",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a report.")] = False,
    debug: Debug = False,
) -> None:
    """Score a study: means, intervals, agreement of people, and with a judge (Tables 8, 9)."""
    with mistakes_told(debug=debug):
        from audiostory.evaluate.listening.report import markdown, write_report
        from audiostory.evaluate.listening.scoring import score_study

        judged = None if judge is None else judge_scores(runs_in(judge))
        report = score_study(folder, answers, judged)
        write_report(report, out or folder, overwrite=overwrite)
        typer.echo(markdown(report))


def chosen_runs(benchmark: Path, systems: Sequence[str]) -> dict[str, RunFolder]:
    """Runs by the name of their system: those named, or all but the references.

    Raises:
        OutputError: if the benchmark holds no run.
        MeasureError: if a system has none there, or no system is left.
    """
    runs = {one.card().system: one for one in runs_in(benchmark)}
    unknown = [name for name in systems if name not in runs]
    if unknown:
        raise MeasureError(
            f"{benchmark} holds no run of {', '.join(unknown)}; there are {', '.join(runs)}"
        )
    chosen = list(systems) or [name for name, one in runs.items() if not one.card().is_reference]
    if not chosen:
        raise MeasureError(f"{benchmark} holds no system but the references: run one first")
    return {name: runs[name] for name in chosen}


def drawn_questions(runs: Sequence[RunFolder], count: int, seed: int) -> list[Question]:
    """Questions that all runs answered, as many of each kind as can be.

    Raises:
        MeasureError: if there are too few.
    """
    import random

    by_kind: dict[str, list[Question]] = {}
    for one in runs[0].questions():
        records = (run.kept_record(one.id) for run in runs)
        if all(record is not None and record.has_track for record in records):
            by_kind.setdefault(one.stratum, []).append(one)
    num_known = sum(map(len, by_kind.values()))
    if num_known < count:
        raise MeasureError(
            f"only {num_known} items were answered by all these systems: ask for fewer with --items"
        )
    rng = random.Random(seed)
    decks = [rng.sample(kind, len(kind)) for kind in by_kind.values()]
    dealt = [deck[turn] for turn in range(count) for deck in decks if turn < len(deck)]
    chosen = {one.id for one in dealt[:count]}
    return [one for one in runs[0].questions() if one.id in chosen]


def judge_scores(runs: Sequence[RunFolder]) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """What a judge said of the tracks of a benchmark, by system, item and the study's criterion.

    Raises:
        MeasureError: if no judge scored anything, or more than one did, or one in different ways.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    details: dict[str, str] = {}
    for run in runs:
        name = run.card().system
        digests = _judged_by(run, details)
        for question in run.questions():
            scores = {
                JUDGED[key]: value
                for digest, metric in run.scores(question.id).items()
                for key, value in metric.items()
                if digest in digests and key in JUDGED and value is not None
            }
            if scores:
                found.setdefault(name, {})[question.id] = scores
    if not found:
        raise MeasureError("no judge has scored this benchmark: run it with --judge first")
    return found


def _judged_by(run: RunFolder, details: dict[str, str]) -> set[str]:
    """Digests of the judge's metrics as last measured; ``details`` keeps how, by column."""
    digests: set[str] = set()
    for digest, columns in run.measures().columns.items():
        for column in columns:
            if column.section != "judge" or column.key not in JUDGED:
                continue
            digests.add(digest)
            other = details.setdefault(column.key, column.detail)
            if other != column.detail:
                raise MeasureError(
                    f"two judges scored this benchmark ({other}; {column.detail}): run every "
                    "system of it with the same --judge and --judge-repeats"
                )
    return digests
