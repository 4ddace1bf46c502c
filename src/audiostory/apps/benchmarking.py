"""The benchmark's commands: ``audiostory evaluate run`` and ``report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps.options import Debug, Device
from audiostory.apps.work import mistakes_told, screen
from audiostory.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from audiostory.apps.systems import System
    from audiostory.data.sets.item import Item, ItemSet
    from audiostory.evaluate.benchmark.cluster import Worker
    from audiostory.evaluate.benchmark.folder import RunFolder
    from audiostory.evaluate.benchmark.judging import JudgeMetric
    from audiostory.evaluate.benchmark.results import Results
    from audiostory.evaluate.benchmark.run import Unscored
    from audiostory.evaluate.benchmark.suite import Suite
    from audiostory.evaluate.metric import ItemMetric

REFERENCE = "reference"
REPORT = "report"
"""Folder of the report, beside those of the systems."""

SystemName = Annotated[
    str,
    typer.Argument(
        help="[PLANNER+]MODEL[=LOCATION]: nano, a folder of weights, reference, retrieval, noise, "
        "captions+nano, llm+tangoflux=DIR ...; planners: direct, captions, llm. "
        "docs/benchmark.md lists all.",
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
        str, typer.Option(help="Type of a baseline's weights: float32, bfloat16, float16.")
    ] = "float32",
    limit: Annotated[
        int | None,
        typer.Option(min=2, help="Ask only the first so many items.", show_default="all"),
    ] = None,
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
            help="Prices of chat models, JSON (docs/benchmark.md); without, costs are unknown.",
            show_default=False,
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            help="What the judge may cost, in the prices' currency; what it said is kept.",
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
            device=device,
            dtype=dtype,
            chat=chat,
            protocol=protocol,
            encoders=tuple(encoder or ()),
            evaluator=evaluator,
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
        unscored = asked.evaluate(built, folder)
        if built.item_set.has_references and not built.system.card.is_reference:
            hear_references(asked, built, out)
        screen().print()
        typer.echo(markdown(results_of([folder], reference_in(out))))
        if built.judge is not None:
            keep_verdicts(built.judge, folder)
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


@dataclass(frozen=True)
class Built:
    """What a run needs, loaded."""

    system: System
    suite: Suite
    item_set: ItemSet
    judge: JudgeMetric | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command ``run`` was asked, in a form that other machines can be given."""

    system: str
    item_set: str
    corpus: Path | None
    limit: int | None
    device: str
    dtype: str
    chat: str | None
    protocol: str | None
    encoders: tuple[str, ...]
    evaluator: Path | None
    judge: str | None
    judge_repeats: int
    prices: Path | None
    max_cost: float | None
    out: Path
    ray: str | None

    def __post_init__(self) -> None:
        """Refuse a limit that several machines would each keep for themselves."""
        if self.ray is not None and self.max_cost is not None:
            raise ConfigError(
                "--max-cost is counted on one machine: leave --ray out to judge what was answered "
                "on the cluster"
            )

    def build(self) -> Built:
        """Everything, loaded; names that mean nothing are told first.

        Raises:
            AudioStoryError: if something that was named does not exist or cannot be used.
        """
        from audiostory.apps.systems import parse_system

        parse_system(self.system)
        item_set = loaded_set(self.item_set, self.corpus, self.limit)
        judge = judge_of(self.judge, self.out, self.judge_repeats, self.max_cost, self.prices)
        suite = suite_of(self.protocol, self.encoders, self.device, self.evaluator, judge)
        return Built(self.system_of(item_set), suite, item_set, judge)

    def system_of(self, item_set: ItemSet) -> System:
        """The system, loaded.

        Raises:
            AudioStoryError: if it does not exist or cannot be used.
        """
        from audiostory.apps.systems import SystemOptions, build_system, parse_system

        options = SystemOptions(
            device=self.device, dtype=self.dtype, chat=self.chat, corpus=self.corpus
        )
        return build_system(parse_system(self.system), item_set, options)

    def worker(self) -> Worker:
        """What another machine needs to take part."""
        from audiostory.evaluate.benchmark.cluster import Worker

        built = self.build()
        return Worker(answer=built.system.answer, suite=built.suite, item_set=built.item_set)

    def evaluate(self, built: Built, folder: RunFolder) -> tuple[Unscored, ...]:
        """Answer and measure all items, here or on the cluster; what could not be scored."""
        from audiostory.evaluate.benchmark.run import answer_items, measure_items

        items = built.item_set.items
        if self.ray is not None:
            from audiostory.evaluate.benchmark.cluster import evaluate_on_cluster

            folder.keep_measures(built.suite)
            done = evaluate_on_cluster(
                self.worker,
                [item.id for item in items],
                folder,
                address=self.ray,
                has_gpu=self.device == "cuda",
            )
            return tuple(one for each in done for one in each.unscored)
        is_reference = built.system.card.is_reference
        remark_of = built.item_set.remark_of if is_reference else no_remark
        for _ in answer_items(built.system.answer, items, folder, tell, remark_of=remark_of):
            pass
        if built.judge is not None:
            tell_estimate(built.judge, built.suite, built.item_set, folder)
        return measure_items(built.suite, built.item_set, folder, tell)


def loaded_set(name: str, corpus: Path | None, limit: int | None) -> ItemSet:
    """The set of a name, or its first items.

    Raises:
        CorpusError: if there is no such set, or its files cannot be used.
    """
    from dataclasses import replace

    from audiostory.data.sets.catalogue import load_set

    found = load_set(name, corpus)
    if limit is None or limit >= len(found.items):
        return found
    note = f"only the first {limit} of {len(found.items)} items were asked"
    return replace(
        found,
        items=found.items[:limit],
        version=f"{found.version}-first-{limit}",
        notes=(*found.notes, note),
    )


def suite_of(
    protocol: str | None,
    encoders: Sequence[str],
    device: str,
    evaluator: Path | None,
    judge: ItemMetric | None,
) -> Suite:
    """What is measured.

    Raises:
        ConfigError: if something named does not exist.
        CheckpointError: if named weights cannot be used.
    """
    from audiostory.evaluate.benchmark.choice import SuiteOptions, build_suite

    weights: dict[str, str] = {}
    for one in encoders:
        name, equals, path = one.partition("=")
        if not (name and equals and path):
            raise ConfigError(f"--encoder {one}: give NAME=PATH")
        weights[name] = path
    return build_suite(
        SuiteOptions(
            protocol=protocol, encoders=weights, device=device, evaluator=evaluator, judge=judge
        )
    )


def judge_of(
    spec: str | None, out: Path, repeats: int, max_cost: float | None, prices: Path | None
) -> JudgeMetric | None:
    """The judge that was asked for, its answers kept in the benchmark's folder.

    Raises:
        ConfigError: if there is no such model, or a limit of cost without a price.
    """
    if spec is None:
        return None
    from audiostory.evaluate.benchmark.judging import JudgeMetric
    from audiostory.evaluate.judge.cost import Budget, load_prices, price_for
    from audiostory.evaluate.judge.judge import Judge
    from audiostory.evaluate.judge.question import Sampling
    from audiostory.models.remote.catalogue import build_client

    client = build_client(spec)
    price = None if prices is None else price_for(client.name, load_prices(prices))
    judge = Judge(
        client,
        out / "judge",
        sampling=Sampling(repeats=repeats),
        budget=Budget(max_cost=max_cost, price=price),
    )
    return JudgeMetric(judge)


def tell_estimate(judge: JudgeMetric, suite: Suite, item_set: ItemSet, folder: RunFolder) -> None:
    """Say what judging will take; nothing is sent."""
    from audiostory.evaluate.benchmark.judging import unjudged
    from audiostory.evaluate.judge.report import estimate

    expected = estimate(judge.judge, unjudged(judge, suite, item_set, folder))
    screen().print(f"\n{expected.in_words()}", highlight=False)


def keep_verdicts(judge: JudgeMetric, folder: RunFolder) -> None:
    """Write what was judged now, and say what it took."""
    from audiostory.evaluate.judge.report import report_on, save_report

    if judge.verdicts:
        place = folder.path / "judge.json"
        save_report(report_on(judge.judge, judge.verdicts), place, overwrite=True)
        typer.echo(f"reasons, spread and cost of what was judged now: {place}")


def hear_references(asked: Asked, built: Built, out: Path) -> None:
    """Let all encoders hear the references, once for all systems."""
    from dataclasses import replace

    from audiostory.evaluate.benchmark.folder import RunFolder
    from audiostory.evaluate.benchmark.run import answer_items, measure_items

    references = replace(asked, system=REFERENCE).system_of(built.item_set)
    folder = RunFolder(out / REFERENCE)
    folder.open(references.card, built.item_set.items)
    remark_of = built.item_set.remark_of
    for _ in answer_items(
        references.answer, built.item_set.items, folder, tell, remark_of=remark_of
    ):
        pass
    measure_items(replace(built.suite, item_metrics=()), built.item_set, folder, tell)


def no_remark(item: Item) -> str:
    """Nothing has to be said of a system's own answers."""
    del item
    return ""


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


def tell(what: str, share: float) -> None:
    """Show on standard error how far a run is."""
    screen().print(f"\r{what} {share:4.0%}", end="", highlight=False)
