"""What a run of the benchmark was asked for, and what it then needs, loaded.

``Asked`` is plain values, so that other machines can be given the same; ``Built`` is live objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audiostory.apps.systems import REFERENCE
from audiostory.apps.work import screen, tell
from audiostory.errors import ConfigError

if TYPE_CHECKING:
    from audiostory.apps.systems import System
    from audiostory.data.sets.item import Item, ItemSet
    from audiostory.evaluate.benchmark.cluster import Worker
    from audiostory.evaluate.benchmark.folder import RunFolder
    from audiostory.evaluate.benchmark.judging import JudgeMetric
    from audiostory.evaluate.benchmark.run import Unscored
    from audiostory.evaluate.benchmark.suite import Suite
    from audiostory.evaluate.metric import ItemMetric


@dataclass(frozen=True)
class Built:
    """What a run needs, loaded."""

    system: System
    suite: Suite
    item_set: ItemSet
    judge: JudgeMetric | None

    @property
    def remark_of(self) -> Callable[[Item], str]:
        """What has to be said of an answer: of references, where they are not the published."""
        return self.item_set.remark_of if self.system.card.is_reference else no_remark


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command ``run`` was asked, in a form that other machines can be given."""

    system: str
    item_set: str
    corpus: Path | None
    limit: int | None
    max_missing: int
    retry_refused: bool
    device: str
    dtype: str | None
    chat: str | None
    protocol: str | None
    encoders: tuple[str, ...]
    evaluator: Path | None
    grounder: str
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
        item_set = loaded_set(self.item_set, self.corpus, self.limit, self.max_missing)
        judge = judge_of(self.judge, self.out, self.judge_repeats, self.max_cost, self.prices)
        suite = self.suite_with(judge)
        return Built(self.system_of(item_set), suite, item_set, judge)

    def suite_with(self, judge: ItemMetric | None) -> Suite:
        """What is measured.

        Raises:
            ConfigError: if something named does not exist.
            CheckpointError: if named weights cannot be used.
        """
        from audiostory.evaluate.benchmark.choice import SuiteOptions, build_suite

        return build_suite(
            SuiteOptions(
                protocol=self.protocol,
                encoders=weights_of(self.encoders),
                device=self.device,
                evaluator=self.evaluator,
                grounder=self.grounder,
                judge=judge,
            )
        )

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
        return Worker(
            answer=built.system.answer,
            suite=built.suite,
            item_set=built.item_set,
            remark_of=built.remark_of,
        )

    def evaluate(self, built: Built, folder: RunFolder) -> tuple[Unscored, ...]:
        """Answer and measure all items, here or on the cluster; what could not be scored."""
        from audiostory.evaluate.benchmark.run import answer_items, measure_items

        items = built.item_set.items
        if self.retry_refused:
            folder.forget_refusals(items)
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
        answers = answer_items(built.system.answer, items, folder, tell, remark_of=built.remark_of)
        for _ in answers:
            pass
        if built.judge is not None:
            tell_estimate(built.judge, built.suite, built.item_set, folder)
        return measure_items(built.suite, built.item_set, folder, tell)


def hear_references(asked: Asked, built: Built, out: Path) -> None:
    """Let all encoders hear the references, once for all systems."""
    from dataclasses import replace

    from audiostory.evaluate.benchmark.folder import RunFolder
    from audiostory.evaluate.benchmark.run import answer_items, measure_items

    references = replace(asked, system=REFERENCE).system_of(built.item_set)
    folder = RunFolder(out / REFERENCE)
    folder.open(references.card, built.item_set.items)
    remark_of = built.item_set.remark_of
    if asked.retry_refused:
        folder.forget_refusals(built.item_set.items)
    for _ in answer_items(
        references.answer, built.item_set.items, folder, tell, remark_of=remark_of
    ):
        pass
    measure_items(replace(built.suite, item_metrics=()), built.item_set, folder, tell)


def no_remark(item: Item) -> str:
    """Nothing has to be said of a system's own answers."""
    del item
    return ""


def loaded_set(name: str, corpus: Path | None, limit: int | None, max_missing: int = 0) -> ItemSet:
    """The set of a name, or its first items; so many whose sounds are missing are left out.

    Raises:
        CorpusError: if there is no such set, its files cannot be used, more are missing, or it is
            a set of which none may be.
    """
    from dataclasses import replace

    from audiostory.data.sets.catalogue import load_set

    found = load_set(name, corpus, max_missing=max_missing)
    if limit is None or limit >= len(found.items):
        return found
    note = f"only the first {limit} of {len(found.items)} items were asked"
    return replace(
        found,
        items=found.items[:limit],
        version=f"{found.version}-first-{limit}",
        notes=(*found.notes, note),
    )


def weights_of(encoders: Sequence[str]) -> dict[str, str]:
    """Weights by encoder, of texts such as ``vggish=PATH``.

    Raises:
        ConfigError: if a text is another.
    """
    weights: dict[str, str] = {}
    for one in encoders:
        name, equals, path = one.partition("=")
        if not (name and equals and path):
            raise ConfigError(f"--encoder {one}: give NAME=PATH")
        weights[name] = path
    return weights


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
