from __future__ import annotations

import json
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from audiostory.config import from_json
from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.cluster import (
    Evaluated,
    Worker,
    evaluate_on_cluster,
    evaluating,
)
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.metric import UnscoredError
from audiostory.generate.batch.claims import claim
from audiostory.generate.batch.cluster import Actor, shared_token
from tests.evaluate.benchmark.systems import (
    EAR,
    ITEMS,
    SET,
    NoiseSystem,
    Peak,
    run_card,
    suite,
)

IDS = tuple(one.id for one in ITEMS)


def opened(path) -> RunFolder:
    folder = RunFolder(path)
    folder.open(run_card(), ITEMS)
    folder.lock("any").parent.mkdir()
    return folder


def worker(**fields) -> Worker:
    return Worker(**({"answer": NoiseSystem(), "suite": suite(), "item_set": SET} | fields))


def evaluated(actor: Actor, *indices: int) -> list[Evaluated]:
    answer = actor({"index": np.array(indices)})
    assert answer["trouble"] == [""] * len(indices)
    return [from_json(Evaluated, text) for text in answer["told"]]


def test_an_actor_answers_and_measures_its_items_once_and_leaves_the_others(tmp_path):
    folder, built = opened(tmp_path), []

    def build() -> Worker:
        built.append(worker(answer=NoiseSystem(refused=("item-1",))))
        return built[-1]

    with shared_token(folder.path) as token:
        actor = Actor(partial(evaluating, build, IDS, folder), token)
        first = evaluated(actor, 2, 1)
        evaluated(actor, 2)
    assert [one.item for one in first] == ["item-2", "item-1"]
    assert first[0].refusal == ""
    assert "ask for sun" in first[1].refusal
    (only,) = built
    assert only.answer.asked == ["item-2", "item-1"]
    assert only.suite.item_metrics[0].measured == ["item-2"]
    assert folder.scores("item-2")
    assert folder.features(EAR, "item-2") is not None
    assert folder.kept_record("item-0") is None
    assert list(folder.path.glob("records/*.lock")) == []


def test_a_score_that_cannot_be_had_is_told_and_does_not_stop_the_others(tmp_path):
    class Shy(Peak):
        def measure(self, subject):
            if subject.item.id == "item-0":
                raise UnscoredError("the judge slept")
            return super().measure(subject)

    folder = opened(tmp_path)
    work = evaluating(lambda: worker(suite=suite(item_metrics=(Shy(),))), IDS, folder)
    told = [from_json(Evaluated, text) for text in work([0, 1])]
    assert [one.why for one in told[0].unscored] == ["the judge slept"]
    assert told[1].unscored == ()
    assert folder.scores("item-1")


def test_what_has_to_be_said_of_an_answer_is_kept_on_any_machine(tmp_path):
    folder = opened(tmp_path)
    build = partial(worker, remark_of=lambda one: f"{one.id} is not the published one")
    evaluating(build, IDS, folder)([1])
    assert folder.record(ITEMS[1]).remark == "item-1 is not the published one"


def test_an_item_that_somebody_else_works_on_is_waited_for(tmp_path):
    folder, mine = opened(tmp_path), NoiseSystem()
    work = evaluating(lambda: worker(answer=mine), IDS, folder, poll_s=0.01)
    told = []
    held = claim(folder.lock("item-0"))
    waiting = threading.Thread(target=lambda: told.extend(work([0])))
    waiting.start()
    time.sleep(0.1)
    assert (told, mine.asked) == ([], [])
    held.release()  # lost, with nothing finished
    waiting.join(timeout=10)
    assert json.loads(told[0])["item"] == "item-0"
    assert mine.asked == ["item-0"]


def test_an_item_that_somebody_else_measures_is_not_measured_at_the_same_time(tmp_path):
    folder, one = opened(tmp_path), worker()
    work = evaluating(lambda: one, IDS, folder, poll_s=0.01)
    work([0])
    folder.keep_scores("item-0", {})
    held = claim(folder.lock("item-0"))
    waiting = threading.Thread(target=work, args=([0],))
    waiting.start()
    time.sleep(0.1)
    assert one.suite.item_metrics[0].measured == ["item-0"]
    held.release()
    waiting.join(timeout=10)
    assert one.suite.item_metrics[0].measured == ["item-0", "item-0"]


def test_a_machine_with_another_set_is_told_and_not_used(tmp_path):
    folder = opened(tmp_path)
    with shared_token(folder.path) as token:
        actor = Actor(partial(evaluating, worker, ("item-0", "item-9"), folder), token)
        (trouble,) = actor({"index": np.array([0])})["trouble"]
    assert "rains 1 has no item 'item-9'" in trouble
    assert "give every machine the same set" in trouble


def test_a_folder_that_was_not_opened_is_refused_before_any_cluster_is_asked(tmp_path):
    with pytest.raises(OutputError, match="not the folder of a benchmark run"):
        next(evaluate_on_cluster(worker, IDS, RunFolder(tmp_path), address="nowhere"))


def observed_builder(log: Path):
    """A picklable way to a worker that notes where each item is begun, finished and measured."""

    def build():
        import os
        import time

        import ray

        from audiostory.audio.waveform import Waveform, silence
        from audiostory.data.sets.item import Item, ItemSet
        from audiostory.evaluate.benchmark.cluster import Worker
        from audiostory.evaluate.benchmark.suite import Suite
        from audiostory.evaluate.metric import Column
        from audiostory.story.types import Instruction

        def note(what: str, item: str) -> None:
            node = ray.get_runtime_context().get_node_id()
            line = f"{what} {item} {node}\n".encode()
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, line)
            os.close(descriptor)

        class Length:
            columns = (Column(key="length", title="Length", better="neither"),)

            def measure(self, subject):
                note("measured", subject.item.id)
                return {"length": subject.waveform.duration_s}

        def answer(item: Item) -> tuple[Waveform, None]:
            note("begun", item.id)
            time.sleep(2)
            note("finished", item.id)
            return silence(1.0 + item.seed, 8_000), None

        items = tuple(
            Item(
                id=f"item-{index}", instruction=Instruction(text=f"rain falls {index}"), seed=index
            )
            for index in range(6)
        )
        rains = ItemSet(name="rains", version="1", items=items, has_references=False)
        return Worker(answer=answer, suite=Suite(item_metrics=(Length(),)), item_set=rains)

    return build


def under_way(log: Path) -> dict[str, str]:
    """Items that are begun and not finished, and the nodes at work on them."""
    nodes: dict[str, str] = {}
    for what, item, node in (line.split() for line in log.read_text().splitlines()):
        if what == "begun":
            nodes[item] = node
        elif what == "finished":
            nodes.pop(item)
    return nodes


def check_all_done_once(folder: RunFolder, log: Path, told: list[Evaluated]) -> None:
    noted = [line.split() for line in log.read_text().splitlines()]
    for done in ("finished", "measured"):
        assert sorted(item for what, item, _ in noted if what == done) == list(IDS)
    assert sorted(one.item for one in told) == list(IDS)
    for index, one in enumerate(IDS):
        (scores,) = folder.scores(one).values()
        assert scores == {"length": 1.0 + index}
    assert list(folder.path.glob("records/*.lock")) == []


@pytest.fixture
def quiet_ray(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.slow
def test_a_cluster_started_here_answers_and_measures_all_items(quiet_ray, tmp_path):
    folder, log = opened(tmp_path / "noise"), tmp_path / "log"
    told = list(evaluate_on_cluster(observed_builder(log), IDS, folder, address="local"))
    check_all_done_once(folder, log, told)


@pytest.mark.slow
def test_the_items_of_a_machine_that_dies_are_done_by_another_once(quiet_ray, tmp_path):
    from ray.cluster_utils import Cluster

    folder, log = opened(tmp_path / "noise"), tmp_path / "log"
    memory = {"object_store_memory": 80 * 1024**2}
    head = {"num_cpus": 0, "include_dashboard": False, **memory}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = [made.add_node(num_cpus=1, **memory) for _ in range(2)]
        told, killed = [], None
        build = observed_builder(log)
        for one in evaluate_on_cluster(build, IDS, folder, address=made.address):
            told.append(one)
            while killed is None:
                if at_work := under_way(log):
                    killed, node_id = next(iter(at_work.items()))
                    (node,) = (each for each in nodes if each.node_id == node_id)
                    made.remove_node(node, allow_graceful=False)
                time.sleep(0.05)
    finally:
        made.shutdown()
    check_all_done_once(folder, log, told)
    begun = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("begun")]
    assert {item for item in begun if begun.count(item) > 1} == {killed}
