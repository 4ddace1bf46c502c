from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.audio.waveform import load
from audiostory.errors import AudioError, OutputError
from audiostory.generate.batch.folder import BatchFolder
from audiostory.generate.batch.many import Job, narrate_many
from audiostory.generate.batch.together import SharedRenderer
from audiostory.generate.narration import NarrationReady
from audiostory.generate.renderer import Renderer
from audiostory.story.plan import PlanSettings
from audiostory.story.plan_file import load_plan
from audiostory.story.types import Instruction

LATENTS = Renderer.latents


def rain(number: int, duration_s: float = 2.0, **settings) -> Job:
    texts = ("Rain falls", "A dog barks, a bell rings", "Wind howls")
    source = Instruction(text=texts[number % 3], duration_s=duration_s + number)
    return Job(id=f"rain{number}", source=source, seed=number, settings=PlanSettings(**settings))


JOBS = [rain(number) for number in range(4)]


class Watched:
    """A pipeline that counts stories as they are finished, and fails where it is told to."""

    def __init__(self, pipeline, failures=()):
        self.pipeline, self.failures, self.told = pipeline, dict(failures), []
        self.name, self.model, self.renderer = pipeline.name, pipeline.model, pipeline.renderer
        self.fingerprint = pipeline.fingerprint

    def stream(self, source, *, seed=0, **rest):
        for step in self.pipeline.stream(source, seed=seed, **rest):
            if seed in self.failures:
                raise self.failures.pop(seed)
            if isinstance(step, NarrationReady):
                self.told.append(seed)
            yield step


@pytest.fixture
def folder(tmp_path, pipeline) -> BatchFolder:
    made = BatchFolder(path=tmp_path / "out", fingerprint=pipeline.fingerprint)
    made.make()
    return made


@pytest.fixture(autouse=True)
def _bound_stays(pipeline, monkeypatch):
    """What a test shrinks is as before afterwards; no thread outlives it."""
    monkeypatch.setattr(pipeline.renderer, "max_batch_frames", pipeline.renderer.max_batch_frames)
    monkeypatch.setattr(pipeline.renderer, "has_shrunk", False)
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """Sizes of the batches that are denoised."""
    sizes = []

    def watched(self, takes, conditions, settings):
        sizes.append(len(takes))
        return LATENTS(self, takes, conditions, settings)

    monkeypatch.setattr(Renderer, "latents", watched)
    return sizes


def too_small_for(monkeypatch, does_not_fit) -> None:
    """Memory does not suffice for those batches."""

    def small(self, takes, conditions, settings):
        if does_not_fit(takes):
            raise torch.OutOfMemoryError
        return LATENTS(self, takes, conditions, settings)

    monkeypatch.setattr(Renderer, "latents", small)


def told(pipeline, jobs, folder, together=3):
    with closing(narrate_many(pipeline, jobs, folder, together=together)) as records:
        return {record.id: record for record in records}


@pytest.fixture
def at_once(monkeypatch):
    """Three stories ask for their first sound at the same moment, however busy the machine."""
    meeting, render, met = threading.Barrier(3, timeout=60), SharedRenderer.render, set()

    def together(self, takes, conditions, settings):
        if threading.get_ident() not in met and len(met) < 3:
            met.add(threading.get_ident())
            meeting.wait()
        return render(self, takes, conditions, settings)

    monkeypatch.setattr(SharedRenderer, "render", together)


def test_stories_told_together_are_those_told_alone(folder, pipeline, batches, at_once):
    alone = replace(folder, path=folder.path.parent / "alone")
    alone.make()
    told(pipeline, JOBS[:3], alone, together=1)
    most_alone = max(batches)
    records = told(pipeline, JOBS[:3], folder)
    assert {record.status for record in records.values()} == {"done"}
    assert max(batches) > most_alone  # takes of several stories shared a batch
    for job in JOBS[:3]:
        one, other = load_plan(alone.plan(job.id)), load_plan(folder.plan(job.id))
        assert (one.clips, one.storyline) == (other.clips, other.storyline)
        first, second = (load(each.track(job.id)).samples for each in (alone, folder))
        np.testing.assert_allclose(second, first, atol=2e-4)  # 16 bits: a step is 3e-5


def test_no_more_stories_are_under_way_than_asked_for(folder, pipeline):
    held = []
    watched = Watched(pipeline)
    stream = watched.stream

    def counted(*given, **rest):
        held.append(len(list((folder.path / "records").glob("*.claim"))))
        yield from stream(*given, **rest)

    watched.stream = counted
    assert len(told(watched, JOBS, folder, together=2)) == 4
    assert max(held) == 2


def test_what_is_finished_is_not_made_again(folder, pipeline):
    watched = Watched(pipeline)
    first = told(watched, JOBS[:2], folder)
    again = told(watched, JOBS, folder)
    assert sorted(watched.told) == [0, 1, 2, 3]
    assert again["rain0"] == first["rain0"]


@pytest.mark.parametrize(
    "failure", [AudioError("too loud"), torch.OutOfMemoryError(), MemoryError()]
)
def test_a_story_that_fails_stops_no_other_and_is_tried_again(folder, pipeline, failure):
    watched = Watched(pipeline, failures={1: failure})
    records = told(watched, JOBS, folder)
    assert [record.id for record in records.values() if record.status == "failed"] == ["rain1"]
    assert {record.status for record in told(watched, JOBS, folder).values()} == {"done"}
    assert sorted(watched.told) == [0, 1, 2, 3]


@pytest.mark.parametrize("failure", [OutputError("No space left"), ZeroDivisionError()])
def test_what_no_story_can_help_stops_the_run_and_finished_stories_stay(folder, pipeline, failure):
    told(pipeline, JOBS[:1], folder)
    with pytest.raises(type(failure)):
        told(Watched(pipeline, failures={2: failure}), JOBS, folder)
    assert folder.finished(JOBS[0]) is not None
    assert folder.recorded(JOBS[2]) is None
    assert list((folder.path / "records").glob("*.claim")) == []
    assert len(told(pipeline, JOBS, folder)) == 4


def test_ctrl_c_ends_all_and_plans_are_kept(folder, pipeline, monkeypatch):
    def interrupted(takes):
        raise KeyboardInterrupt

    with monkeypatch.context() as hands:
        too_small_for(hands, interrupted)
        with pytest.raises(KeyboardInterrupt):
            told(pipeline, JOBS, folder)
    assert list((folder.path / "records").iterdir()) == []
    assert list(folder.path.glob("rain*.clips/*.story.json"))
    assert len(told(pipeline, JOBS, folder)) == 4


def test_who_stops_asking_leaves_no_thread_behind(folder, pipeline):
    with closing(narrate_many(pipeline, JOBS, folder, together=3)) as records:
        assert next(records).status == "done"
    assert list((folder.path / "records").glob("*.claim")) == []


def test_a_batch_that_does_not_fit_is_halved_for_all(folder, pipeline, monkeypatch, caplog):
    too_small_for(monkeypatch, lambda takes: len(takes) > 1)
    records = told(pipeline, JOBS, folder)
    assert {record.status for record in records.values()} == {"done"}
    assert "at once do not fit into the memory of cpu" in caplog.text


def test_a_take_that_does_not_fit_fails_its_own_story_alone(folder, pipeline, monkeypatch):
    bad = {take.seed for take in (pipeline.plan(JOBS[1].source, seed=1).clips)}
    too_small_for(monkeypatch, lambda takes: any(take.seed in bad for take in takes))
    records = told(pipeline, JOBS, folder)
    assert [record.id for record in records.values() if record.status == "failed"] == ["rain1"]
    assert "does not fit into the memory of cpu" in records["rain1"].error


def test_stories_with_other_settings_do_not_share_a_batch(folder, pipeline):
    jobs = [rain(0, steps=1), rain(1, steps=2), rain(2, steps=1)]
    assert {record.status for record in told(pipeline, jobs, folder).values()} == {"done"}


def test_two_runs_at_once_make_each_story_once(folder, pipeline):
    watched, both = Watched(pipeline), [[], []]
    runs = [
        threading.Thread(
            target=lambda into=into: into.extend(narrate_many(watched, JOBS, folder, together=2))
        )
        for into in both
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(watched.told) == [0, 1, 2, 3]
    assert {record.id for record in both[0]} == {record.id for record in both[1]}
