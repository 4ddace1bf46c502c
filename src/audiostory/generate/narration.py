"""What a generator gives back: the finished narration, and the steps on the way to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from audiostory.audio.loudness import LoudnessReport
from audiostory.audio.waveform import Waveform
from audiostory.story.plan import Plan
from audiostory.story.types import Instruction


@dataclass(frozen=True, kw_only=True)
class Narration:
    """A story that can be heard: the track, and the plan that made it."""

    waveform: Waveform
    plan: Plan
    """Instruction, storyline, clips, seeds, model and settings, the gain for its loudness among
    them: enough to make the track again."""
    loudness: LoudnessReport
    """How loud the track is, and what was done for it."""
    planning_s: float
    """Seconds of work spent on the plan; 0 where it was given."""
    rendering_s: float
    """Seconds of work spent on the sound."""


@dataclass(frozen=True, kw_only=True)
class PassagePlanned:
    """The events up to ``until_s`` of ``total_s`` seconds are written."""

    until_s: float
    total_s: float


@dataclass(frozen=True)
class StorylineReady:
    """The plan is complete; no sound has been made yet."""

    plan: Plan


@dataclass(frozen=True, kw_only=True)
class ClipReady:
    """One clip sounds, before joins, gain and loudness."""

    index: int
    """Which clip of the plan, from 0; clips come in the plan's order."""
    total: int
    waveform: Waveform
    """At the model's own sample rate, longer than the plan's clip by the overlap of its join."""
    is_reused: bool
    """Whether it was found finished on disk."""


@dataclass(frozen=True, kw_only=True)
class CaptionReady:
    """One caption more is written; nothing that decides how its clip sounds will change."""

    index: int
    """Which clip it is, from 0."""
    plan: Plan
    """As far as it is written: later clips have placeholders for captions."""


@dataclass(frozen=True)
class NarrationReady:
    """The track is finished: the last step."""

    narration: Narration


Progress = PassagePlanned | StorylineReady | ClipReady | NarrationReady


class Generator(Protocol):
    """Any system that turns an instruction into sound, ours or a baseline (Table 1)."""

    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The finished narration; the same seed gives the same track."""
        ...
