from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.audio.waveform import load, silence
from audiostory.errors import OutputError
from audiostory.generate.batch.folder import BatchFolder, Manifest
from audiostory.generate.batch.many import Job, Record
from audiostory.story.plan import PlanSettings
from audiostory.story.types import Instruction
from tests.story.plans import plan_from, two_events

JOB = Job(id="rain", source=Instruction(text="Rain falls", duration_s=10.0))


@pytest.fixture
def folder(tmp_path) -> BatchFolder:
    made = BatchFolder(path=tmp_path / "out", fingerprint="weights")
    made.make()
    return made


def record_of(folder: BatchFolder, job: Job = JOB, **rest) -> Record:
    return Record(
        **({"id": job.id, "status": "done", "device": "cpu"} | rest), digest=folder.digest(job)
    )


def tell(folder: BatchFolder, job: Job = JOB) -> Record:
    folder.begin(job)
    folder.publish(job, silence(10.0, 8000), plan_from(two_events()))
    record = record_of(folder, job)
    folder.conclude(record)
    return record


def test_a_story_is_finished_once_its_record_is_there(folder):
    folder.begin(JOB)
    folder.publish(JOB, silence(10.0, 8000), plan_from(two_events()))
    assert folder.finished(JOB) is None
    folder.conclude(record_of(folder))
    assert folder.finished(JOB) == record_of(folder)
    assert load(folder.track("rain")).duration_s == 10.0
    assert not folder.workshop("rain").exists()
    assert {path.name for path in folder.path.iterdir()} == {
        "rain.wav",
        "rain.story.json",
        "records",
    }


@pytest.mark.parametrize("lost", ["track", "plan", "record"])
def test_a_story_without_one_of_its_files_is_not_finished(folder, lost):
    tell(folder)
    getattr(folder, lost)("rain").unlink()
    assert folder.finished(JOB) is None


@pytest.mark.parametrize("text", ["", "{}", '{"id": "rain"', "[]"])
def test_a_record_that_is_none_of_ours_counts_as_missing(folder, text):
    tell(folder)
    folder.record("rain").write_text(text)
    assert folder.finished(JOB) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, seed=1),
        replace(JOB, settings=PlanSettings(steps=3)),
        replace(JOB, source=Instruction(text="Rain falls", duration_s=11.0)),
        replace(JOB, source=plan_from(two_events())),
    ],
    ids=["seed", "settings", "instruction", "plan"],
)
def test_a_row_that_changed_is_another_story(folder, other):
    tell(folder)
    assert folder.finished(other) is None


def test_another_model_temperature_or_kind_of_file_makes_other_stories(folder):
    ways = ({"fingerprint": "others"}, {"temperature": 1.0}, {"suffix": ".flac"})
    assert len({replace(folder, **way).digest(JOB) for way in ({}, *ways)}) == 4


def test_a_failed_story_keeps_what_is_finished_of_it(folder):
    folder.begin(JOB)
    folder.conclude(record_of(folder, status="failed", error="too loud"))
    assert folder.finished(JOB) is None
    assert folder.recorded(JOB).error == "too loud"
    assert folder.workshop("rain").is_dir()


def test_a_story_that_is_begun_anew_has_no_record_of_what_it_was(folder):
    tell(folder)
    folder.begin(replace(JOB, seed=1))
    assert not folder.record("rain").exists()
    assert folder.track("rain").exists()


def test_files_that_no_batch_made_are_seen(folder):
    assert folder.foreign(JOB) is None
    folder.track("rain").touch()
    assert folder.foreign(JOB) == folder.track("rain")
    folder.workshop("rain").mkdir()  # as a kill between track and record leaves it
    assert folder.foreign(JOB) is None


def test_a_full_disk_leaves_the_old_track_whole(folder, monkeypatch):
    tell(folder)
    before = folder.track("rain").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("audiostory.audio.waveform._write_all", full)
    folder.begin(JOB)
    with pytest.raises(OutputError, match="No space left"):
        folder.publish(JOB, silence(10.0, 8000), plan_from(two_events()))
    assert folder.track("rain").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        BatchFolder(path=tmp_path / "out", fingerprint="weights").make()


def test_the_manifest_is_in_the_order_of_the_jobs_and_knows_earlier_records(folder):
    jobs = [replace(JOB, id=name) for name in ("c", "a", "b")]
    tell(folder, jobs[1])
    manifest = Manifest(folder, jobs)
    manifest.add(record_of(folder, jobs[2]))
    manifest.add(record_of(folder, jobs[0], status="failed", error="é"))
    manifest.write()
    lines = [json.loads(line) for line in manifest.path.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["c", "a", "b"]
    assert lines[0]["error"] == "é"
    assert [path.name for path in folder.path.glob(".*")] == []


def test_writing_a_long_manifest_takes_no_more_than_its_share(folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("audiostory.generate.batch.folder.time.monotonic", lambda: now[0])
    jobs = [replace(JOB, id=str(number)) for number in range(500)]
    manifest = Manifest(folder, jobs)
    writes = []

    def slow(text: str, path: Path) -> None:
        writes.append(text)
        path.write_text(text)
        now[0] += 1.0

    monkeypatch.setattr("audiostory.generate.batch.folder.write", slow)
    for job in jobs:
        now[0] += 1.0
        manifest.add(record_of(folder, job))
    assert len(writes) == pytest.approx(0.02 * now[0], abs=2)
