"""All stages of a recipe in one go: what has ended is passed over, what was stopped goes on.

A stage's run is a folder of its own (``run_folder.py``), so a course keeps nothing beside them: a
command that is given again finds out from the folders where it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from audiostory.data.preferences import PreferencePairs
from audiostory.data.sounds import load_rows
from audiostory.data.stories import StoryFile
from audiostory.data.understanding.catalogue import rows_of_lists
from audiostory.errors import TrainingError
from audiostory.models.audiostory import AudioStoryConfig
from audiostory.models.bridge import TargetKind
from audiostory.train.execution import Execution
from audiostory.train.paths import Paths
from audiostory.train.readiness import asks, needs_of, sounds_stories, unready
from audiostory.train.run_folder import has_ended
from audiostory.train.stages import StageConfig
from audiostory.train.teachers import text_encoder_of
from audiostory.train.watchers import Watcher
from audiostory.train.workbench import Workbench, check_beginning


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One stage of a course, and the model it is run with."""

    stage: StageConfig
    config: AudioStoryConfig


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a course is."""

    leg: Leg
    number: int
    """Which of the stages, from 1."""
    count: int
    """How many there are."""
    state: Literal["had ended", "begins", "ended", "stopped"]
    seconds: float = 0.0
    """What the stage has taken since it began in this command."""


@dataclass(frozen=True)
class Course:
    """Stages in their order, run by one command."""

    name: str
    """The recipe's."""
    legs: Sequence[Leg]
    paths: Paths

    @property
    def remaining(self) -> list[Leg]:
        """The stages that have not been run to their end.

        Raises:
            TrainingError: if a folder holds another stage or schedule.
            CheckpointError: if it is damaged.
        """
        return [leg for leg in self.legs if not self._has_ended(leg)]

    def _has_ended(self, leg: Leg) -> bool:
        return has_ended(leg.stage, self.paths.run(leg.stage.name))

    def check(self) -> None:
        """Refuse a course that would stop later for what can be told now.

        Raises:
            TrainingError: naming all that the stages lack, as ``readiness.check_ready``; or as
                ``remaining`` and ``workbench.check_beginning``.
            CorpusError: if clips, stories, pairs or lists of questions cannot be read, or are none.
            CheckpointError: if the teacher is no text encoder, or another one, or the foundation
                holds no sound configuration.
        """
        remaining = self.remaining
        lacks = _by_lack(remaining)
        missing = [f"{', '.join(names)}: {lack}" for lack, names in lacks.items()]
        needs = dict.fromkeys(need for leg in remaining for need in needs_of(leg.stage))
        if lacking := [f"--{need}" for need in needs if getattr(self.paths, need) is None]:
            missing.append(f"give {', '.join(lacking)} (docs/training.md)")
        if missing:
            raise TrainingError(f"{self.name} cannot run: {'; '.join(missing)}")
        for leg in remaining:
            check_beginning(leg.stage, leg.config, self.paths)
        if "pairs" in needs:
            pairs = PreferencePairs(self.paths.need("pairs"))
            _ = pairs.about, pairs.rows  # which are read when they are asked for
        if "corpus" in needs:
            load_rows(self.paths.need("corpus"), split="train")
        if "stories" in needs:
            is_heard = any(sounds_stories(leg.stage) for leg in remaining)
            StoryFile(self.paths.need("stories"), sounding=is_heard)
        if "teacher" in needs:
            kinds: set[TargetKind] = {
                leg.config.bridge.target for leg in remaining if "teacher" in needs_of(leg.stage)
            }
            for kind in kinds:
                text_encoder_of(self.paths.need("teacher"), kind)
        if self.paths.questions and any(asks(leg.stage) for leg in remaining):
            rows_of_lists(self.paths.questions)

    def run(
        self,
        *,
        execution: Execution | None = None,
        watchers: Callable[[], Sequence[Watcher]] = tuple,
    ) -> Iterator[Place]:
        """Run what has not ended, stage by stage; each place once it is reached.

        Args:
            execution: how to compute; its ``stop_after_s`` counts from the first stage.
            watchers: makes those who are told how a stage goes.

        Raises:
            AudioStoryError: as ``Workbench.train`` and ``remaining``.
        """
        execution = execution or Execution()
        began = time.monotonic()
        for number, leg in enumerate(self.legs, start=1):
            place = partial(Place, leg=leg, number=number, count=len(self.legs))
            if self._has_ended(leg):
                yield place(state="had ended")
                continue
            yield place(state="begins")
            started = time.monotonic()
            weights = Workbench(leg.config, self.paths).train(
                leg.stage,
                execution=_with_time_left(execution, started - began),
                watchers=watchers(),
            )
            seconds = time.monotonic() - started
            yield place(state="ended" if weights else "stopped", seconds=seconds)
            if weights is None:
                return


def _by_lack(legs: Sequence[Leg]) -> dict[str, list[str]]:
    """What stages lack, whatever they are given, and the names of those that lack it."""
    lacks: dict[str, list[str]] = {}
    for leg in legs:
        for lack in unready(leg.stage, leg.config):
            lacks.setdefault(lack, []).append(leg.stage.name)
    return lacks


def _with_time_left(execution: Execution, spent_s: float) -> Execution:
    """The execution of a stage that begins so late; one that is out of time takes a step."""
    if execution.stop_after_s is None:
        return execution
    return replace(execution, stop_after_s=max(0.0, execution.stop_after_s - spent_s))
