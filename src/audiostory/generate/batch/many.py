"""Many stories: none is made twice, and a bad one does not stop the others.

Several processes may call ``narrate_many`` with the same jobs and folder: they share the work.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from audiostory.errors import AudioStoryError, CheckpointError, OutputError
from audiostory.story.plan import Plan, PlanSettings
from audiostory.story.plan_file import load_plan, save_plan
from audiostory.story.types import Instruction

if TYPE_CHECKING:
    from audiostory.generate.batch.claims import Claim
    from audiostory.generate.batch.folder import BatchFolder
    from audiostory.generate.pipeline import AudioStoryPipeline, Sharing

TYPE_MARK = "-"
"""In a fingerprint, what follows it is the type that weights are held in, not their files."""
POLL_S = 0.5
"""How often to look whether somebody else has finished, or left, a story."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One story to tell."""

    id: str
    """Names its files."""
    source: Instruction | Plan
    seed: int = 0
    """Of the plan to be made; a given plan has its own."""
    settings: PlanSettings = field(default_factory=PlanSettings)
    """Of the plan to be made; a given plan has its own."""

    @property
    def facts(self) -> dict[str, Any]:
        """What is asked for, as JSON can say it."""
        if isinstance(self.source, Plan):
            return self.source.model_dump(mode="json")
        return {
            "instruction": self.source.text,
            "duration_s": self.source.duration_s,
            "seed": self.seed,
            "settings": self.settings.model_dump(mode="json"),
        }


@dataclass(frozen=True, kw_only=True)
class Record:
    """What came of a job."""

    id: str
    status: Literal["done", "failed"]
    track: str | None = None
    """Name of the sound file in the batch's folder."""
    plan: str | None = None
    """Name of the plan there."""
    duration_s: float | None = None
    """Length of the track."""
    planning_s: float | None = None
    """Seconds of work on the plan; 0 where it was given, or kept by an interrupted run."""
    rendering_s: float | None = None
    """Seconds of work on the sound, by the run that finished it."""
    device: str
    """Where it was computed."""
    error: str | None = None
    """Why it failed."""
    digest: str
    """What was asked of which model: a job with another digest is another story."""


def narrate_many(
    pipeline: AudioStoryPipeline, jobs: Sequence[Job], folder: BatchFolder, *, together: int = 1
) -> Generator[Record, None, None]:
    """A record of each job, as soon as its files are in the folder.

    A job that is done already gives the record it has. One that somebody else is at work on is
    left until the others are done, then waited for.

    Args:
        pipeline: tells and sounds the stories.
        jobs: what to tell, ids unique.
        folder: where finished stories are looked up and kept.
        together: stories under way at once, at most.

    Raises:
        CheckpointError: if the folder's stories are made with another model.
        OutputError: if files cannot be written; finished stories stay.
    """
    if pipeline.fingerprint.partition(TYPE_MARK)[0] != folder.fingerprint:  # types may differ
        raise CheckpointError(
            f"the model {pipeline.name} is not the one this batch was begun with: give every "
            "machine the same files"
        )

    def tell(job: Job, sharing: Sharing | None = None) -> Record:
        return folder.finished(job) or _narrate(pipeline, job, folder, sharing)

    waiting = list(jobs)
    while waiting:
        held_by_others: list[Job] = []
        claimed = _claimed(waiting, folder, held_by_others)
        if together == 1:
            for job, claim in claimed:
                with claim:
                    record = tell(job)
                yield record
        else:
            from audiostory.generate.batch.together import narrate_together

            yield from narrate_together(pipeline, claimed, tell, together)
        if len(held_by_others) == len(waiting):
            time.sleep(POLL_S)
        waiting = held_by_others


def _claimed(
    jobs: Sequence[Job], folder: BatchFolder, held_by_others: list[Job]
) -> Iterator[tuple[Job, Claim]]:
    """The jobs that nobody else has, claimed one by one as they are asked for; others are noted."""
    for job in jobs:
        claim = folder.claim(job)
        if claim is None:
            held_by_others.append(job)
        else:
            yield job, claim


def _narrate(
    pipeline: AudioStoryPipeline, job: Job, folder: BatchFolder, sharing: Sharing | None
) -> Record:
    """Tell one story and keep what came of it."""
    import torch

    folder.begin(job)
    try:
        record = _narrated(pipeline, job, folder, sharing)
    except OutputError:
        raise
    except (AudioStoryError, MemoryError, torch.OutOfMemoryError) as error:
        record = Record(
            id=job.id,
            status="failed",
            device=str(pipeline.model.device),
            error=str(error) or "not enough memory",
            digest=folder.digest(job),
        )
    folder.conclude(record)
    return record


def _narrated(
    pipeline: AudioStoryPipeline, job: Job, folder: BatchFolder, sharing: Sharing | None
) -> Record:
    """The record of a story whose track and plan are in place."""
    from audiostory.generate.narration import NarrationReady, StorylineReady

    kept_plan = folder.kept_plan(job)
    steps = pipeline.stream(
        load_plan(kept_plan) if kept_plan.is_file() else job.source,
        seed=job.seed,
        settings=job.settings,
        store=folder.clips(job),
        sharing=sharing,
    )
    step = None
    for step in steps:
        if isinstance(step, StorylineReady):
            save_plan(step.plan, kept_plan, overwrite=True)
    assert isinstance(step, NarrationReady)
    narration = step.narration
    folder.publish(job, narration.waveform, narration.plan)
    return Record(
        id=job.id,
        status="done",
        track=folder.track(job.id).name,
        plan=folder.plan(job.id).name,
        duration_s=narration.waveform.duration_s,
        planning_s=round(narration.planning_s, 3),
        rendering_s=round(narration.rendering_s, 3),
        device=str(pipeline.model.device),
        digest=folder.digest(job),
    )
