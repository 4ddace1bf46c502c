"""The folder of a batch: finished stories, the records that say so, and unfinished ones aside.

    rain.wav  rain.story.json    a finished story
    results.jsonl                the manifest: one record a line, in the order of the input
    records/rain.json            its record: written last, so that what it says is there
    records/rain.claim           locked by whoever is at work on it
    rain.clips/                  its finished clips, plan and unfinished files, until it is done

Files become visible by one rename; whatever a kill leaves half-written is in ``rain.clips``.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from audiostory.audio.waveform import Waveform, save
from audiostory.config import from_json, to_dict, to_json
from audiostory.errors import ConfigError, OutputError
from audiostory.generate.batch.claims import Claim, claim
from audiostory.generate.batch.many import Job, Record
from audiostory.generate.clip_store import FolderStore, content_key
from audiostory.story.plan import Plan
from audiostory.story.plan_file import save_plan

RESULTS = "results.jsonl"
MANIFEST_SHARE = 0.02
"""Most of the time that may go into writing the manifest while stories are made."""


@dataclass(frozen=True, kw_only=True)
class BatchFolder:
    """Where a batch's stories are kept, and what makes them the stories that were asked for."""

    path: Path
    suffix: str = ".wav"
    """Kind of the tracks."""
    fingerprint: str
    """What tells the model's weights from all others."""
    temperature: float = 0.0
    """How freely the model chooses words."""

    def make(self) -> None:
        """Make the folder, if it is not there.

        Raises:
            OutputError: if it cannot be made, or is a file.
        """
        with told(self.path):
            (self.path / "records").mkdir(parents=True, exist_ok=True)

    def track(self, job_id: str) -> Path:
        """The sound of a story."""
        return self.path / f"{job_id}{self.suffix}"

    def plan(self, job_id: str) -> Path:
        """The plan of a story."""
        return self.path / f"{job_id}.story.json"

    def workshop(self, job_id: str) -> Path:
        """The folder of what is unfinished; gone once the story is done."""
        return self.path / f"{job_id}.clips"

    def record(self, job_id: str) -> Path:
        """The record of a story."""
        return self.path / "records" / f"{job_id}.json"

    def digest(self, job: Job) -> str:
        """What the job asks of this batch's model: another digest, another story."""
        return content_key(
            job=job.facts,
            model=self.fingerprint,
            temperature=self.temperature,
            suffix=self.suffix,
        )

    def recorded(self, job: Job) -> Record | None:
        """The record of exactly this job, if it has one."""
        try:
            record = from_json(Record, self.record(job.id).read_text(encoding="utf-8"))
        except (FileNotFoundError, ConfigError, UnicodeDecodeError):
            return None  # written in one piece: any other text is not ours, and is replaced
        return record if record.digest == self.digest(job) else None

    def finished(self, job: Job) -> Record | None:
        """The record of exactly this job, if it is done and its files are there."""
        record = self.recorded(job)
        if record is None or record.status != "done":
            return None
        has_files = self.track(job.id).is_file() and self.plan(job.id).is_file()
        return record if has_files else None

    def claim(self, job: Job) -> Claim | None:
        """The exclusive right to make a story; None while somebody else has it.

        Claims and records share a folder: on NFS, making the one refreshes what is known of the
        other.

        Raises:
            OutputError: if the folder cannot be written, or takes no locks.
        """
        return claim(self.path / "records" / f"{job.id}.claim")

    def foreign(self, job: Job) -> Path | None:
        """A file that this story would replace although no batch made it."""
        if self.record(job.id).exists() or self.workshop(job.id).is_dir():
            return None
        return next((p for p in (self.track(job.id), self.plan(job.id)) if p.exists()), None)

    def begin(self, job: Job) -> None:
        """Take back what an earlier record says: its files are about to be replaced.

        Raises:
            OutputError: if the folder cannot be written.
        """
        with told(self.path):
            self.workshop(job.id).mkdir(exist_ok=True)
            self.record(job.id).unlink(missing_ok=True)

    def clips(self, job: Job) -> FolderStore:
        """The story's finished clips."""
        return FolderStore(self.workshop(job.id))

    def kept_plan(self, job: Job) -> Path:
        """Where the plan is kept while its clips are made."""
        return self.workshop(job.id) / f"{self.digest(job)}.story.json"

    def publish(self, job: Job, waveform: Waveform, plan: Plan) -> None:
        """Put the plan in place, then the track.

        Raises:
            OutputError: if they cannot be written; no half of one is left.
        """
        ready = self.workshop(job.id) / f"track{self.suffix}"
        save(waveform, ready, overwrite=True)
        ready_plan = self.workshop(job.id) / "track.story.json"
        save_plan(plan, ready_plan, overwrite=True)
        with told(self.path):
            ready_plan.replace(self.plan(job.id))
            ready.replace(self.track(job.id))

    def conclude(self, record: Record) -> None:
        """Keep what came of a story; if it is done, what was kept to go on with it is removed.

        Raises:
            OutputError: if the record cannot be written.
        """
        with told(self.path):
            ready = self.workshop(record.id) / "record.json"
            write(to_json(record), ready)
            ready.replace(self.record(record.id))
        if record.status == "done":
            self.clear(record.id)

    def clear(self, job_id: str) -> None:
        """Remove what was kept to go on with a story."""
        shutil.rmtree(self.workshop(job_id), ignore_errors=True)


class Manifest:
    """The batch's ``results.jsonl``: what is known of each job, in the order of the input.

    Args:
        folder: where it is written.
        jobs: in order; the records they have already are in it from the start.
    """

    def __init__(self, folder: BatchFolder, jobs: Sequence[Job]) -> None:
        self.path = folder.path / RESULTS
        self.records: dict[str, Record | None] = {job.id: folder.recorded(job) for job in jobs}
        self._rests_until = 0.0

    @property
    def known(self) -> list[Record]:
        """The records there are, in the order of the input."""
        return [record for record in self.records.values() if record is not None]

    def add(self, record: Record) -> None:
        """Note what came of a job, on disk too unless that was just done and takes long."""
        self.records[record.id] = record
        if time.monotonic() >= self._rests_until:
            self.write()

    def write(self) -> None:
        """Replace the file by what is known now.

        Raises:
            OutputError: if it cannot be written.
        """
        began = time.monotonic()
        part = self.path.with_name(f".{RESULTS}.{os.getpid()}.part")
        lines = (json.dumps(to_dict(record), ensure_ascii=False) for record in self.known)
        with told(self.path.parent):
            try:
                write("".join(f"{line}\n" for line in lines), part)
                part.replace(self.path)
            finally:
                part.unlink(missing_ok=True)
        now = time.monotonic()
        self._rests_until = now + (now - began) / MANIFEST_SHARE


def write(text: str, path: Path) -> None:
    """Write a text so that it outlives a crash."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error with a way out."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}; make room, or choose another "
            "folder"
        ) from error
