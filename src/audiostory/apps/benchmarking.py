"""The benchmark's commands: ``audiostory evaluate run`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps.benchmark_request import Asked, hear_references
from audiostory.apps.options import Debug, Device
from audiostory.apps.systems import REFERENCE
from audiostory.apps.work import mistakes_told, screen, tell
from audiostory.errors import OutputError

if TYPE_CHECKING:
    from audiostory.evaluate.benchmark.folder import RunFolder
    from audiostory.evaluate.benchmark.judging import JudgeMetric
    from audiostory.evaluate.benchmark.results import Results

REPORT = "report"
"""Folder of the report, beside those of the systems."""

SystemName = Annotated[
    str,
    typer.Argument(
        help="[PLANNER+]MODEL[=LOCATION]: nano, a folder of weights, reference, retrieval, noise, "
        "captions+nano, llm+tangoflux=DIR, llm+tangoflux-windowed=DIR ...; planners: direct, "
        "captions, llm. docs/benchmark.md lists all.",
        metavar="SYSTEM",
        show_default=False,
    ),
]
SetName = Annotated[
    str,
    typer.Option(
        "--set", help="nano-stories, audiocaps, clotho, unav-100 or audiostory-10k.", metavar="SET"
    ),
]
Corpus = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the set: its lists and sounds; for nano-stories the corpus whose test "
        "split the references are mixed from. Without it nothing is compared with references.",
        metavar="DIR",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Folder of the benchmark; a run goes on with what is there.",
        metavar="DIR",
    ),
]


def run(  # noqa: PLR0913 - one parameter per option
    system: SystemName,
    *,
    item_set: SetName = "nano-stories",
    out: Out = Path("benchmark"),
    corpus: Corpus = None,
    device: Device = "cpu",
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Type of the weights: float32, bfloat16, float16.",
            show_default="float32; of AudioStory, what suits the device",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=2, help="Ask only the first so many items.", show_default="all"),
    ] = None,
    max_missing: Annotated[
        int,
        typer.Option(min=0, help="So many items may lack their sounds; they are left out."),
    ] = 0,
    retry_refused: Annotated[
        bool,
        typer.Option("--retry-refused", help="Ask items again that the system refused before."),
    ] = False,
    chat: Annotated[
        str | None,
        typer.Option(
            help="Chat model of the llm planner: gemini:MODEL, openai:MODEL or "
            "openai:MODEL@http://host:port/v1.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Published encoders' numbers, too: standard or paper-compat; weights are fetched.",
            show_default=False,
        ),
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="Weights of an encoder of the protocol; may be given several times.",
            metavar="NAME=PATH",
            show_default=False,
        ),
    ] = None,
    evaluator: Annotated[
        Path | None,
        typer.Option(
            help="Folder of another embedded evaluator.", metavar="DIR", show_default="shipped"
        ),
    ] = None,
    grounder: Annotated[
        str,
        typer.Option(
            help="Who finds named sounds for the narrative metrics: embedded or yamnet, which are "
            "shipped; clap or ast, whose weights are fetched, or those of --encoder."
        ),
    ] = "embedded",
    judge: Annotated[
        str | None,
        typer.Option(
            help="Chat model that hears and scores tracks (0 to 5), written as --chat is.",
            show_default=False,
        ),
    ] = None,
    judge_repeats: Annotated[
        int, typer.Option(min=1, help="How often the judge is asked the same.")
    ] = 1,
    prices: Annotated[
        Path | None,
        typer.Option(
            help="Prices of chat models, TOML (docs/benchmark.md); without, costs are unknown.",
            show_default=False,
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            help="What the judge may cost, over all runs of this benchmark, in the currency of the "
            "prices; what it said is kept.",
            show_default=False,
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="auto|local|ADDRESS",
            help="Share the work over a Ray cluster, as batch does; all machines must share DIR.",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Ask a system every question of a set and measure its answers; goes on where it stopped."""
    with mistakes_told(debug=debug):
        from audiostory.evaluate.benchmark.folder import RunFolder
        from audiostory.evaluate.benchmark.report.tables import markdown

        asked = Asked(
            system=system,
            item_set=item_set,
            corpus=corpus,
            limit=limit,
            max_missing=max_missing,
            retry_refused=retry_refused,
            device=device,
            dtype=dtype,
            chat=chat,
            protocol=protocol,
            encoders=tuple(encoder or ()),
            evaluator=evaluator,
            grounder=grounder,
            judge=judge,
            judge_repeats=judge_repeats,
            prices=prices,
            max_cost=max_cost,
            out=out,
            ray=ray,
        )
        built = asked.build()
        folder = RunFolder(out / built.system.card.system)
        folder.open(built.system.card, built.item_set.items)
        try:
            unscored = asked.evaluate(built, folder)
        finally:
            if built.judge is not None:
                keep_verdicts(built.judge, folder)
        if built.item_set.has_references and not built.system.card.is_reference:
            hear_references(asked, built, out)
        screen().print()
        typer.echo(markdown(results_of([folder], reference_in(out))))
        for one in unscored:
            typer.echo(f"not scored, the next run tries again: {one.item}: {one.why}")
        typer.echo(f"all systems side by side: audiostory evaluate report {out}")


def report(
    out: Annotated[
        Path,
        typer.Argument(help="Folder of a benchmark: one run in each folder of it.", metavar="DIR"),
    ],
    *,
    resamples: Annotated[
        int, typer.Option(min=100, help="Draws of items behind each interval.")
    ] = 1_000,
    page: Annotated[bool, typer.Option(help="Draw the page with sounds and pictures.")] = True,
    debug: Debug = False,
) -> None:
    """Write the report of all systems asked into DIR/report: Markdown, JSON, CSV and a page."""
    with mistakes_told(debug=debug):
        from audiostory.evaluate.benchmark.report.tables import markdown
        from audiostory.evaluate.benchmark.report.write import write_report

        folders = runs_in(out)
        results = results_of(folders, reference_in(out), resamples)
        by_name = {one.card().system: one for one in folders}
        write_report(results, by_name, out / REPORT, with_page=page, progress=tell)
        screen().print()
        typer.echo(markdown(results))
        typer.echo(f"written to {out / REPORT}")


def keep_verdicts(judge: JudgeMetric, folder: RunFolder) -> None:
    """Write what the judge said of all answered items so far, and say what that took."""
    from audiostory.evaluate.benchmark.judging import judged
    from audiostory.evaluate.judge.report import save_report

    report = judged(judge, folder)
    if report.verdicts:
        place = folder.path / "judge.json"
        save_report(report, place, overwrite=True)
        typer.echo(f"judge: {report.in_words()}\nreasons, spread and cost: {place}")


def runs_in(out: Path) -> list[RunFolder]:
    """The runs of a benchmark: references last, others by name.

    Raises:
        OutputError: if there is none.
    """
    from audiostory.evaluate.benchmark.folder import RunFolder

    found = sorted(out.glob("*/run.json"), key=lambda one: (one.parent.name == REFERENCE, one))
    if not found:
        raise OutputError(
            f"{out} holds no runs: make one with `audiostory evaluate run SYSTEM --out {out}`"
        )
    return [RunFolder(one.parent) for one in found]


def reference_in(out: Path) -> RunFolder | None:
    """The references of a benchmark, if they were heard."""
    from audiostory.evaluate.benchmark.folder import RunFolder

    return RunFolder(out / REFERENCE) if (out / REFERENCE / "run.json").exists() else None


def results_of(
    folders: list[RunFolder], references: RunFolder | None, resamples: int = 1_000
) -> Results:
    """The numbers of runs."""
    from audiostory.evaluate.benchmark.choice import set_metrics_of
    from audiostory.evaluate.benchmark.results import ReportConfig, read_results

    return read_results(folders, references, set_metrics_of, ReportConfig(resamples=resamples))
