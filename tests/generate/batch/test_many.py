from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
import torch

from audiostory.errors import AudioError, CheckpointError, OutputError
from audiostory.generate.batch import many
from audiostory.generate.batch.folder import BatchFolder
from audiostory.generate.batch.many import Job, narrate_many
from audiostory.generate.narration import NarrationReady
from audiostory.generate.sounding import Sounding
from audiostory.story.plan_file import load_plan
from audiostory.story.types import Instruction


def rain(number: int, duration_s: float = 3.0) -> Job:
    source = Instruction(text="Rain falls", duration_s=duration_s)
    return Job(id=f"rain{number}", source=source, seed=number)


class Watched:
    """A pipeline that counts stories as they are finished, and fails where it is told to."""

    def __init__(self, pipeline, failures=()):
        self.pipeline, self.failures, self.told = pipeline, dict(failures), []
        self.name, self.model = pipeline.name, pipeline.model
        self.fingerprint = pipeline.fingerprint

    def stream(self, source, *, seed=0, **rest):
        if seed in self.failures:
            raise self.failures.pop(seed)
        for step in self.pipeline.stream(source, seed=seed, **rest):
            if isinstance(step, NarrationReady):
                self.told.append(seed)
            yield step


@pytest.fixture
def folder(tmp_path, pipeline) -> BatchFolder:
    made = BatchFolder(path=tmp_path / "out", fingerprint=pipeline.fingerprint)
    made.make()
    return made


def test_each_job_gives_a_track_a_plan_and_a_record(folder, pipeline):
    (record,) = narrate_many(pipeline, [rain(0)], folder)
    assert (record.id, record.status, record.track) == ("rain0", "done", "rain0.wav")
    assert (record.duration_s, record.device) == (3.0, "cpu")
    assert record.planning_s > 0
    assert load_plan(folder.plan("rain0")).settings.level is not None
    assert folder.finished(rain(0)) == record


def test_a_plan_is_sounded_as_it_is(folder, pipeline):
    plan = pipeline.plan(rain(0).source, seed=5)
    (record,) = narrate_many(pipeline, [Job(id="a", source=plan)], folder)
    assert record.planning_s < 0.1
    assert load_plan(folder.plan("a")).clips == plan.clips


def test_what_is_finished_is_not_made_again_and_what_changed_is(folder, pipeline):
    watched = Watched(pipeline)
    first = list(narrate_many(watched, [rain(0), rain(1)], folder))
    changed = replace(rain(1), source=Instruction(text="Wind howls", duration_s=3.0))
    again = list(narrate_many(watched, [rain(0), changed], folder))
    assert watched.told == [0, 1, 1]
    assert again[0] == first[0]
    assert again[1] != first[1]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (AudioError("too loud: lower the gain"), "too loud: lower the gain"),
        (torch.OutOfMemoryError("CUDA out of memory"), "CUDA out of memory"),
        (MemoryError(), "not enough memory"),
    ],
    ids=["ours", "gpu", "host"],
)
def test_a_story_that_fails_stops_no_other_and_is_tried_again(folder, pipeline, failure, told):
    watched = Watched(pipeline, failures={0: failure})
    records = list(narrate_many(watched, [rain(0), rain(1)], folder))
    assert [record.status for record in records] == ["failed", "done"]
    assert told in records[0].error
    assert [r.status for r in narrate_many(watched, [rain(0), rain(1)], folder)] == ["done"] * 2
    assert watched.told == [1, 0]


def test_a_bug_is_no_failed_story(folder, pipeline):
    with pytest.raises(ZeroDivisionError):
        list(narrate_many(Watched(pipeline, {0: ZeroDivisionError()}), [rain(0)], folder))


def test_a_place_that_cannot_be_written_stops_the_run_and_finished_stories_stay(folder, pipeline):
    full = OutputError("No space left on device")
    records = narrate_many(Watched(pipeline, {1: full}), [rain(0), rain(1), rain(2)], folder)
    assert next(records).status == "done"
    with pytest.raises(OutputError, match="No space left"):
        next(records)
    assert folder.finished(rain(0)) is not None
    assert folder.recorded(rain(1)) is None
    assert list((folder.path / "records").glob("*.claim")) == []


def test_an_interrupted_story_goes_on_with_its_plan_and_clips_to_the_same_bytes(
    folder, pipeline, monkeypatch
):
    job = rain(0, duration_s=20.0)
    elsewhere = replace(folder, path=folder.path.parent)
    elsewhere.make()
    list(narrate_many(pipeline, [job], elsewhere))
    whole = folder.path.parent / "rain0.wav"
    track = Sounding.track
    with monkeypatch.context() as killed:
        killed.setattr(Sounding, "track", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            list(narrate_many(pipeline, [job], folder))
    assert Sounding.track is track
    assert list(folder.workshop("rain0").glob("*/*.wav"))
    monkeypatch.setattr(Sounding, "_render", None)  # nothing may be rendered
    monkeypatch.setattr(pipeline, "plan_steps", None)  # nor planned
    (record,) = narrate_many(pipeline, [job], folder)
    assert record.status == "done"
    assert folder.track("rain0").read_bytes() == whole.read_bytes()
    assert not folder.workshop("rain0").exists()


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr(many, "POLL_S", 0.01)


def test_a_story_that_somebody_else_makes_comes_last_and_from_them(folder, pipeline):
    watched = Watched(pipeline)
    held = folder.claim(rain(0))
    records = narrate_many(watched, [rain(0), rain(1)], folder)
    assert next(records).id == "rain1"
    elsewhere = replace(folder, path=folder.path / "theirs")
    elsewhere.make()
    (theirs,) = narrate_many(watched, [rain(0)], elsewhere)

    def finish():
        time.sleep(0.05)
        folder.begin(rain(0))
        for name in ("rain0.wav", "rain0.story.json"):
            (folder.path / "theirs" / name).rename(folder.path / name)
        folder.conclude(theirs)
        held.release()

    thread = threading.Thread(target=finish)
    thread.start()
    assert list(records) == [theirs]
    thread.join()
    assert watched.told == [1, 0]


def test_a_story_that_somebody_else_left_is_taken_over(folder, pipeline):
    held = folder.claim(rain(0))
    threading.Timer(0.05, held.release).start()
    (record,) = narrate_many(pipeline, [rain(0)], folder)
    assert record.status == "done"


def test_two_runs_at_once_make_each_story_once(folder, pipeline):
    watched = Watched(pipeline)
    jobs = [rain(number) for number in range(4)]
    both = [[], []]
    runs = [
        threading.Thread(target=lambda into=into: into.extend(narrate_many(watched, jobs, folder)))
        for into in both
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(watched.told) == [0, 1, 2, 3]
    assert sorted(both[0], key=lambda record: record.id) == sorted(
        both[1], key=lambda record: record.id
    )


def test_another_model_than_the_batchs_is_refused(folder, pipeline):
    with pytest.raises(CheckpointError, match="not the one this batch was begun with"):
        next(narrate_many(pipeline, [rain(0)], replace(folder, fingerprint="other")))
