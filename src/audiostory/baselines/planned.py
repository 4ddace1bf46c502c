"""A planner and a text-to-audio model as one generator: the baselines of Table 1.

The planner says which captions sound for how long; each is sounded on its own, and the clips are
concatenated (Sec. 5.1). ``docs/baselines.md`` has what the paper leaves open, and what is done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from audiostory.audio.crossfade import linear_crossfade
from audiostory.audio.join import Placement, assemble, lengths_to_render
from audiostory.audio.loudness import normalize
from audiostory.audio.waveform import Waveform
from audiostory.baselines.planners import Planned, Planner, asked_duration, end_to_end
from audiostory.baselines.text_to_audio import Remarking, TextToAudio
from audiostory.errors import ConfigError, InstructionError
from audiostory.generate.narration import Generator, Narration
from audiostory.story.plan import (
    TOLERANCE_S,
    Plan,
    PlanModel,
    PlanSettings,
    derive_seed,
    plan_of,
)
from audiostory.story.types import Instruction

MAX_OVERLAP_S = 10.0
"""The longest overlap that a plan can say."""


@dataclass(frozen=True, kw_only=True)
class PlannedConfig:
    """What is done where the paper's protocol leaves a choice."""

    join: Literal["concatenate", "crossfade"] = "concatenate"
    """Clips put end to end, as Sec. 5.1 says, or our equal-power crossfade (``audio/join.py``)."""
    long_events: Literal["split", "shorten", "refuse"] = "split"
    """What becomes of an event that is longer than the model's longest clip, which the paper does
    not say: equal parts, each sounded with the event's caption; the longest clip, so that all that
    follows comes earlier; or an error. What was done is in the plan's notes."""
    overlap_s: float = 0.5
    """How long neighbours of a crossfade sound together, in seconds."""

    def __post_init__(self) -> None:
        """Check the names and the overlap.

        Raises:
            ConfigError: if a name is unknown or the overlap is no length.
        """
        for field, names in (("join", JOINS), ("long_events", LONG_EVENTS)):
            if getattr(self, field) not in names:
                raise ConfigError(
                    f"no {field} {getattr(self, field)!r}; there are {', '.join(names)}"
                )
        if not 0 <= self.overlap_s <= MAX_OVERLAP_S:
            raise ConfigError(f"an overlap of {self.overlap_s} s: give 0 to {MAX_OVERLAP_S:g} s")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One call of the text-to-audio model: a clip of the plan, or an equal part of a long one."""

    clip_index: int
    """Which clip of the plan it belongs to, from 0."""
    caption: str
    start_s: float
    """When it begins in the track."""
    duration_s: float
    """How long it lasts, overlaps left out."""
    seed: int

    @property
    def placement(self) -> Placement:
        """Where it sits in the track."""
        return Placement(start_s=self.start_s, duration_s=self.duration_s)


class PlannedGenerator(Generator, Protocol):
    """A planner and what sounds its stories, as one generator."""

    @property
    def name(self) -> str:
        """How tables call it: planner and model."""
        ...

    @property
    def sounded_by(self) -> str:
        """The part of the name that is not the planner's."""
        ...


class PlannedTextToAudio:
    """Any planner with any text-to-audio model, behind the seam of all generators.

    Args:
        planner: decides captions and durations.
        model: sounds them.
        config: what is done where the paper leaves a choice.
    """

    def __init__(
        self, planner: Planner, model: TextToAudio, config: PlannedConfig | None = None
    ) -> None:
        self.planner = planner
        self.model = model
        self.config = config or PlannedConfig()

    @property
    def name(self) -> str:
        """How tables call it: planner and model."""
        return f"{self.planner.name} + {self.sounded_by}"

    @property
    def sounded_by(self) -> str:
        """The model's name."""
        return self.model.name

    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The track of a planned story, as loud as it comes, its peaks under the ceiling.

        Raises:
            InstructionError: if the instruction has sound or video, cannot be planned, or an event
                is too long and ``long_events`` is ``refuse``.
            ChatError: if the planner's language model gives no usable plan.
            PlanError: if the planner's texts cannot stand in a plan.
            AudioError: if the model gives no sound.
        """
        check_media(instruction, self.name)
        began = time.perf_counter()
        plan = self._plan(instruction, seed)
        planned = time.perf_counter()
        pieces = pieces_of(plan, self._longest_s)
        overlap_s = self._overlap_s
        lengths_s = lengths_to_render([piece.placement for piece in pieces], overlap_s)
        clips = [
            self.model.sound(piece.caption, length_s, seed=piece.seed)
            for piece, length_s in zip(pieces, lengths_s, strict=True)
        ]
        track = JOINS[self.config.join](clips, pieces, overlap_s)
        waveform, loudness = normalize(track, None)
        notes = [*plan.provenance.notes, *self._remarks(pieces, lengths_s)]
        provenance = plan.provenance.model_copy(update={"notes": notes})
        return Narration(
            waveform=waveform,
            plan=plan.model_copy(update={"provenance": provenance}),
            loudness=loudness,
            planning_s=planned - began,
            rendering_s=time.perf_counter() - planned,
        )

    @property
    def _overlap_s(self) -> float:
        return self.config.overlap_s if self.config.join == "crossfade" else 0.0

    @property
    def _longest_s(self) -> float:
        """The longest event in one go: what the model makes, the overlap left out."""
        longest_s = self.model.max_duration_s - self._overlap_s
        if longest_s <= 0:
            raise ConfigError(
                f"clips overlap by {self._overlap_s:g} s, and {self.model.name} makes at most "
                f"{self.model.max_duration_s:g} s: lower overlap_s"
            )
        return longest_s

    def _plan(self, instruction: Instruction, seed: int) -> Plan:
        longest_s = self._longest_s
        planned = self.planner.plan(instruction, max_clip_s=longest_s, seed=seed)
        fitted = LONG_EVENTS[self.config.long_events](planned, longest_s, self.model.name)
        is_faded = self.config.join == "crossfade"
        return plan_of_planned(
            fitted,
            instruction,
            seed=seed,
            model=PlanModel(name=self.name),
            settings=PlanSettings(
                overlap_s=self._overlap_s,
                join="equal_power" if is_faded else "none",
                evenness=0.0,
                loudness_lufs=None,
            ),
        )

    def _remarks(self, pieces: Sequence[Piece], lengths_s: Sequence[float]) -> list[str]:
        """What the model has to say of its clips, each once."""
        if not isinstance(self.model, Remarking):
            return []
        told = (
            f"clip {piece.clip_index + 1}: {remark}"
            for piece, length_s in zip(pieces, lengths_s, strict=True)
            for remark in self.model.remarks(piece.caption, length_s, seed=piece.seed)
        )
        return list(dict.fromkeys(told))


def plan_of_planned(
    planned: Planned,
    instruction: Instruction,
    *,
    seed: int,
    model: PlanModel,
    settings: PlanSettings,
) -> Plan:
    """The plan of a planner's story; its notes say where the length is not the one asked for.

    Raises:
        PlanError: if the story's texts or lengths cannot stand in a plan.
    """
    total_s, asked_s = planned.story.duration_s, asked_duration(instruction)
    notes = list(planned.notes)
    if asked_s is not None and abs(total_s - asked_s) > TOLERANCE_S:
        notes.append(f"the track lasts {total_s:g} s; {asked_s:g} s are asked for")
    return plan_of(
        planned.story,
        instruction,
        duration_s=total_s,
        seed=seed,
        model=model,
        settings=settings,
        notes=notes,
    )


def check_media(instruction: Instruction, name: str) -> None:
    """Refuse instructions with a sound or a video: text-to-audio models take neither.

    Raises:
        InstructionError: if there is one.
    """
    if instruction.audio is not None or instruction.video is not None:
        raise InstructionError(
            f"{name} takes text alone: leave the sound or video out, or ask AudioStory"
        )


def pieces_of(plan: Plan, longest_s: float) -> list[Piece]:
    """The pieces of a plan's clips: each clip in as few equal parts as are not too long.

    The first part of a clip has the clip's own seed, the others have seeds derived from it.
    """
    pieces: list[Piece] = []
    for index, clip in enumerate(plan.clips):
        count = num_parts(clip.duration_s, longest_s)
        pieces += [
            Piece(
                clip_index=index,
                caption=clip.caption,
                start_s=clip.start_s + clip.duration_s * number / count,
                duration_s=clip.duration_s / count,
                seed=derive_seed(clip.seed, number) if number else clip.seed,
            )
            for number in range(count)
        ]
    return pieces


def num_parts(duration_s: float, longest_s: float) -> int:
    """How many equal parts of at most ``longest_s`` seconds there are; plans round to 1e-6 s."""
    return max(1, math.ceil((duration_s - 1e-6) / longest_s))


def concatenated(clips: Sequence[Waveform], pieces: Sequence[Piece], overlap_s: float) -> Waveform:
    """The clips end to end, without any fade, at the rate of the first."""
    del pieces, overlap_s
    rate_hz = clips[0].sample_rate_hz
    samples = linear_crossfade([clip.samples for clip in clips], rate_hz, 0.0).samples
    return Waveform(samples, rate_hz)


def crossfaded(clips: Sequence[Waveform], pieces: Sequence[Piece], overlap_s: float) -> Waveform:
    """The clips fading into each other as AudioStory's own do."""
    placements = [piece.placement for piece in pieces]
    return assemble(
        clips,
        placements,
        total_s=placements[-1].start_s + placements[-1].duration_s,
        sample_rate_hz=clips[0].sample_rate_hz,
        overlap_s=overlap_s,
    )


JOINS: dict[str, Callable[[Sequence[Waveform], Sequence[Piece], float], Waveform]] = {
    "concatenate": concatenated,
    "crossfade": crossfaded,
}


def noted_parts(planned: Planned, longest_s: float, name: str) -> Planned:
    """The story as it is; its notes say which clips will be sounded in parts."""
    notes = list(planned.notes)
    for number, clip in enumerate(planned.story.clips, start=1):
        count = num_parts(clip.duration_s, longest_s)
        if count > 1:
            notes.append(
                f"clip {number}: {clip.duration_s:g} s are more than the {longest_s:g} s of "
                f"{name}: sounded in {count} equal parts with the same caption"
            )
    return replace(planned, notes=tuple(notes))


def shortened(planned: Planned, longest_s: float, name: str) -> Planned:
    """The story with long clips as long as the model makes them, all that follows earlier."""
    story, notes = planned.story, list(planned.notes)
    clips = list(story.clips)
    for index, clip in enumerate(clips):
        if num_parts(clip.duration_s, longest_s) > 1:
            clips[index] = replace(clip, duration_s=longest_s)
            notes.append(
                f"clip {index + 1}: shortened from {clip.duration_s:g} s to the {longest_s:g} s "
                f"of {name}"
            )
    line = story.storyline
    return Planned(story=end_to_end(line.summary, line.events, clips), notes=tuple(notes))


def refused(planned: Planned, longest_s: float, name: str) -> Planned:
    """The story itself, if none of its clips is too long.

    Raises:
        InstructionError: naming the first clip that is.
    """
    clips = planned.story.clips
    for number, clip in enumerate(clips, start=1):
        if num_parts(clip.duration_s, longest_s) > 1:
            raise InstructionError(
                f"clip {number} of {len(clips)} asks for {clip.duration_s:g} s; {name} makes "
                f"at most {longest_s:g} s: split the event, or set long_events to split or shorten"
            )
    return planned


LONG_EVENTS: dict[str, Callable[[Planned, float, str], Planned]] = {
    "split": noted_parts,
    "shorten": shortened,
    "refuse": refused,
}
