"""A system's answers to a set, asked and measured on many machines with Ray.

What is shared is the run's folder: an item is claimed there by whoever works on it, and is done
when its record and its scores lie there. A machine that is lost loses the item it was at work on
and no other; that item goes to another machine.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from audiostory.config import from_json, to_json
from audiostory.data.sets.item import Item, ItemSet
from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.run import Answer, Unscored, answer_items, measure_items
from audiostory.evaluate.benchmark.suite import Suite
from audiostory.generate.batch.claims import claim
from audiostory.generate.batch.cluster import Work, work_on_cluster

POLL_S = 0.5
"""How often to look whether somebody else has finished, or left, an item."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a machine needs to answer and measure items: built there, once."""

    answer: Answer
    suite: Suite
    item_set: ItemSet
    remark_of: Callable[[Item], str] = lambda _: ""
    """What has to be said of the answer just given (``ItemSet.remark_of`` of references)."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of an item; the answer and its scores are in the run's folder."""

    item: str
    refusal: str = ""
    """Why there is no track; empty where there is one."""
    unscored: tuple[Unscored, ...] = ()
    """Scores that could not be had this time."""
    machine: str = ""
    """Who looked at it last."""


def evaluate_on_cluster(
    build: Callable[[], Worker],
    item_ids: Sequence[str],
    folder: RunFolder,
    *,
    address: str,
    has_gpu: bool | None = None,
    num_actors: int | None = None,
) -> Generator[Evaluated, None, None]:
    """What came of each item, as soon as it is answered and measured.

    Items that were answered or measured before are not answered or measured again.

    Args:
        build: gives a machine its system and its metrics; picklable, such as a ``partial`` of a
            function of a module that all machines have. Called once in every actor.
        item_ids: what is asked, of the set that ``build`` gives.
        folder: of the run, opened; all machines must share it, under one name.
        address: of a running cluster; ``auto`` for the one on this machine, ``local`` to start
            one here for as long as it is needed.
        has_gpu: whether every actor needs a GPU; None if the cluster has one.
        num_actors: by default one for each GPU, without one for each machine.

    Raises:
        MissingExtraError: if Ray is not installed.
        ConfigError: if there is no such cluster, or it is too small.
        OutputError: if the folder is no run's or is not shared, or a machine met what no other
            could do better; what is finished stays.
    """
    folder.card()
    folder.lock("any").parent.mkdir(parents=True, exist_ok=True)
    told = work_on_cluster(
        partial(evaluating, build, tuple(item_ids), folder),
        len(item_ids),
        folder.path,
        address=address,
        has_gpu=has_gpu,
        num_actors=num_actors,
    )
    for text in told:
        yield from_json(Evaluated, text)


def evaluating(
    build: Callable[[], Worker], item_ids: Sequence[str], folder: RunFolder, poll_s: float = POLL_S
) -> Work:
    """The work of an actor: an index is that of an id, JSON is what came of the item.

    Raises:
        MeasureError: if the set of this machine lacks an item.
    """
    worker = build()
    items = {item.id: item for item in worker.item_set.items}
    if lacking := [one for one in item_ids if one not in items]:
        raise MeasureError(
            f"the set {worker.item_set.name} {worker.item_set.version} has no item {lacking[0]!r} "
            "here: give every machine the same set"
        )

    def evaluate(indices: Sequence[int]) -> list[str]:
        asked = [items[item_ids[index]] for index in indices]
        return [to_json(_evaluated(worker, item, folder, poll_s)) for item in asked]

    return evaluate


def _evaluated(worker: Worker, item: Item, folder: RunFolder, poll_s: float) -> Evaluated:
    """What came of an item that is answered and measured now, by us or by somebody else."""
    while (record := folder.record(item)) is None:
        if not list(answer_items(worker.answer, [item], folder, remark_of=worker.remark_of)):
            time.sleep(poll_s)  # somebody else is at work on it, and may be lost
    while (held := claim(folder.lock(item.id))) is None:
        time.sleep(poll_s)
    with held:
        alone = replace(worker.item_set, items=(item,))
        unscored = measure_items(worker.suite, alone, folder)
    machine = socket.gethostname()
    return Evaluated(item=item.id, refusal=record.refusal, unscored=unscored, machine=machine)
