from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from audiostory.errors import ConfigError, MissingExtraError, OutputError
from audiostory.generate.batch.claims import claim
from audiostory.generate.batch.cluster import (
    Actor,
    Crew,
    check_shared,
    connected,
    crew_for,
    narrate_on_cluster,
    narrating,
    shared_token,
    work_on_cluster,
)
from audiostory.generate.batch.folder import BatchFolder, Manifest
from audiostory.generate.batch.many import Job
from audiostory.generate.pipeline import fingerprint_of
from audiostory.models.model_folder import save_pretrained
from audiostory.story.types import Instruction
from tests.tiny import tiny_model, tiny_tokenizer


def rain(number: int) -> Job:
    return Job(
        id=f"rain{number}", source=Instruction(text="Rain falls", duration_s=3.0), seed=number
    )


@pytest.fixture
def folder(tmp_path, pipeline) -> BatchFolder:
    made = BatchFolder(path=tmp_path / "out", fingerprint=pipeline.fingerprint)
    made.make()
    return made


@pytest.mark.parametrize(
    ("nodes", "asked", "crew"),
    [
        ([{"CPU": 1}, {"CPU": 1}], {}, Crew(num_actors=2, num_cpus=1)),
        ([{"CPU": 8}, {"CPU": 4}, {}], {}, Crew(num_actors=2, num_cpus=4)),
        ([{"CPU": 8}], {"num_actors": 3}, Crew(num_actors=3, num_cpus=2)),
        ([{"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 1}], {}, Crew(num_actors=3, num_gpus=1)),
        ([{"CPU": 8, "GPU": 2}], {"num_actors": 1}, Crew(num_actors=1, num_gpus=1)),
        ([{"CPU": 8, "GPU": 2}], {"has_gpu": False}, Crew(num_actors=1, num_cpus=8)),
    ],
)
def test_a_crew_has_an_actor_per_gpu_or_else_per_machine(nodes, asked, crew):
    assert crew_for(nodes, **({"has_gpu": None, "num_actors": None} | asked)) == crew


@pytest.mark.parametrize(
    ("nodes", "asked", "told"),
    [
        ([{"CPU": 2}], {"has_gpu": True}, "the cluster has 0 GPUs"),
        ([{"CPU": 2, "GPU": 1}], {"num_actors": 2}, "the cluster has 1 GPUs"),
        ([{"CPU": 2}], {"num_actors": 3}, "3 actors are wanted, the cluster has 2 CPUs"),
        ([{}], {}, "the cluster has 0 CPUs"),
    ],
)
def test_a_crew_that_does_not_fit_is_refused(nodes, asked, told):
    with pytest.raises(ConfigError, match=told):
        crew_for(nodes, **({"has_gpu": None, "num_actors": None} | asked))


def test_a_folder_that_is_not_shared_is_told(tmp_path):
    with pytest.raises(OutputError, match="all machines must share it"):
        check_shared(tmp_path / "out" / "records" / "token-1")


def test_a_folder_whose_locks_are_not_shared_is_told(folder):
    token = folder.path / "records" / "token-1"
    token.touch()
    with pytest.raises(OutputError, match="its locks are not"):
        check_shared(token)


def test_a_token_is_seen_and_leaves_nothing_behind(folder):
    (folder.path / "records" / "token-of-a-killed-driver").touch()
    with shared_token(folder.path) as token:
        check_shared(token)
    assert list((folder.path / "records").iterdir()) == []


def test_an_actor_loads_the_model_once_and_tells_each_story_once(folder, pipeline):
    loads = []
    jobs = [rain(0), rain(1)]
    with shared_token(folder.path) as token:
        build = partial(narrating, lambda: loads.append(1) or pipeline, jobs, folder, 1)
        actor = Actor(build, token)
        first = actor({"index": np.array([1])})
        again = actor({"index": np.array([0, 1])})
    assert loads == [1]
    assert [json.loads(text)["id"] for text in again["told"]] == ["rain0", "rain1"]
    assert again["told"][1] == first["told"][0]
    assert again["trouble"] == ["", ""]


def test_an_actor_does_any_work_and_builds_it_once(folder):
    built = []

    def build():
        built.append(1)
        return lambda indices: [f"{type(index).__name__} {index}" for index in indices]

    with shared_token(folder.path) as token:
        actor = Actor(build, token)
        assert actor({"index": np.array([2, 0])})["told"] == ["int 2", "int 0"]
        assert actor({"index": np.array([1])}) == {"told": ["int 1"], "trouble": [""]}
    assert built == [1]


def test_no_items_need_no_cluster(folder):
    told = work_on_cluster(lambda: list, 0, folder.path, address="nowhere")
    assert list(told) == []


def test_an_actor_that_cannot_go_on_says_where_and_why(tmp_path, folder, pipeline):
    build = partial(narrating, lambda: pipeline, [rain(0)], folder, 1)
    actor = Actor(build, tmp_path / "none" / "records" / "token")
    (trouble,) = actor({"index": np.array([0])})["trouble"]
    assert trouble.startswith("on ")
    assert "all machines must share it" in trouble


def test_without_ray_the_way_out_is_named(folder, monkeypatch):
    import importlib

    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="ray")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"audiostory\[cluster\]"):
        next(narrate_on_cluster(lambda: None, [rain(0)], folder, address="auto"))


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:1", "ray://127.0.0.1:1", "h:6379x"])
def test_an_address_without_a_cluster_is_told_at_once(address):
    pytest.importorskip("ray")
    with pytest.raises(ConfigError, match="no Ray cluster can be reached"), connected(address):
        pass


def observed_loader(model_dir: Path, log: Path):
    """A picklable way to the tiny model that notes where each story is begun and finished."""

    def load():
        import time

        import ray

        from audiostory.generate.narration import NarrationReady
        from audiostory.generate.pipeline import AudioStoryPipeline
        from audiostory.generate.reasoner import ReasonerConfig
        from audiostory.story.grammar import GrammarLimits

        limits = GrammarLimits(max_events=3, max_words_tokens=2)
        pipeline = AudioStoryPipeline.from_pretrained(
            str(model_dir), reasoner=ReasonerConfig(limits=limits)
        )
        stream = pipeline.stream

        def note(what: str, seed: int) -> None:
            node = ray.get_runtime_context().get_node_id()
            with log.open("a") as file:
                file.write(f"{what} rain{seed} {node}\n")

        def observed(source, *, seed=0, **rest):
            note("begun", seed)
            for step in stream(source, seed=seed, **rest):
                if isinstance(step, NarrationReady):
                    time.sleep(3)
                    note("finished", seed)
                yield step

        pipeline.stream = observed
        return pipeline

    return load


def under_way(log: Path) -> dict[str, str]:
    """Stories that are begun and not finished, and the nodes at work on them."""
    nodes: dict[str, str] = {}
    for what, story, node in (line.split() for line in log.read_text().splitlines()):
        if what == "begun":
            nodes[story] = node
        else:
            nodes.pop(story)
    return nodes


@pytest.fixture
def cluster(monkeypatch):
    """A head without CPUs and two machines with one each."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 80 * 1024**2}
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **memory}
    )
    yield made, [made.add_node(num_cpus=1, **memory) for _ in range(2)]
    made.shutdown()


@pytest.mark.slow
def test_the_stories_of_a_machine_that_dies_are_told_by_another_once(cluster, tmp_path):
    made, nodes = cluster
    model_dir, log = tmp_path / "tiny", tmp_path / "log"
    save_pretrained(tiny_model(), tiny_tokenizer(), model_dir)
    folder = BatchFolder(path=tmp_path / "out", fingerprint=fingerprint_of(model_dir))
    folder.make()
    jobs = [rain(number) for number in range(6)]
    manifest = Manifest(folder, jobs)
    killed = None
    load = observed_loader(model_dir, log)
    for record in narrate_on_cluster(load, jobs, folder, address=made.address):
        manifest.add(record)
        while killed is None:
            if at_work := under_way(log):
                killed, node_id = next(iter(at_work.items()))
                (node,) = (node for node in nodes if node.node_id == node_id)
                made.remove_node(node, allow_graceful=False)
            time.sleep(0.05)
    manifest.write()

    lines = [line.split() for line in log.read_text().splitlines()]
    finished = [story for what, story, _ in lines if what == "finished"]
    begun = [story for what, story, _ in lines if what == "begun"]
    assert sorted(finished) == [job.id for job in jobs]
    assert {story for story in begun if begun.count(story) > 1} == {killed}
    assert begun.count(killed) == 2
    told = [json.loads(line) for line in manifest.path.read_text().splitlines()]
    assert [(record["id"], record["status"]) for record in told] == [
        (job.id, "done") for job in jobs
    ]
    assert all(folder.track(job.id).is_file() for job in jobs)
    assert list((folder.path / "records").glob("*.claim")) == []
    assert claim(folder.path / "records" / "token") is not None
