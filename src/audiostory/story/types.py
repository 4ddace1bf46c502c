"""The nouns of a story: what was asked, what happens when, and what is to be heard.

Everything here is plain, frozen data. Times are seconds from the start of the track.
Source: AudioStory Sec. 3 (instruction, events) and Sec. 4.1, Eq. 1 (storyline, clips).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import FormatError, InstructionError

MAX_INSTRUCTION_CHARS = 8_000
MAX_DURATION_S = 4 * 3600.0
MIN_DURATION_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """What a person asked for (x_ins of Sec. 3).

    Raises:
        InstructionError: if the text is empty, too long or not Unicode (bytes that were not UTF-8
            arrive as lone surrogates), or the duration is not a number of seconds between
            ``MIN_DURATION_S`` and ``MAX_DURATION_S``.
    """

    text: str
    """What should be heard, in free words."""
    duration_s: float | None = None
    """Length of the whole track in seconds; None leaves it to the text or the default."""
    audio: Path | None = None
    """A sound file to continue (Sec. 6, audio continuation)."""
    video: Path | None = None
    """A video to dub (Sec. 6, video dubbing)."""

    def __post_init__(self) -> None:
        """Refuse what no model could follow."""
        if not self.text.strip():
            raise InstructionError("the instruction is empty: say in a sentence what should happen")
        if len(self.text) > MAX_INSTRUCTION_CHARS:
            raise InstructionError(
                f"the instruction has {len(self.text)} characters; at most {MAX_INSTRUCTION_CHARS} "
                "are read: shorten it, or split it into several stories"
            )
        if any("\ud800" <= char <= "\udfff" for char in self.text):
            raise InstructionError(
                "the instruction is not valid UTF-8 text: save or type it as UTF-8"
            )
        if self.duration_s is not None:
            check_duration(self.duration_s)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the storyline: what happens between two moments, and what it sounds like."""

    start_s: float
    end_s: float
    detail: str
    """What happens ("Story Details" in the paper's figures)."""
    sounds: str
    """What is heard ("Sound Effects" in the paper's figures)."""
    title: str = ""
    """Optional name of the event (Fig. 4, Fig. 5)."""

    def __post_init__(self) -> None:
        """Refuse events that end before they start."""
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s)):
            raise FormatError(f"an event runs from {self.start_s} s to {self.end_s} s: not a time")
        if not 0 <= self.start_s < self.end_s:
            raise FormatError(
                f"an event runs from {self.start_s} s to {self.end_s} s: it must start at or "
                "after 0 and end after it starts"
            )

    @property
    def duration_s(self) -> float:
        """Length of the event in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True)
class Storyline:
    """What the LLM thinks before it writes clips: a summary and the events in order (Sec. 4.1)."""

    summary: str
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One stretch of sound the LLM asks for: {caption}{duration} of Eq. 1."""

    caption: str
    duration_s: float

    def __post_init__(self) -> None:
        """Refuse clips without words or without length."""
        if not self.caption.strip():
            raise FormatError("a clip has no caption: say what should be heard")
        if not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise FormatError(f"a clip lasts {self.duration_s} s: it must last more than 0 s")


@dataclass(frozen=True, kw_only=True)
class Story:
    """A storyline and the clips that tell it, one clip per event (Eq. 1)."""

    storyline: Storyline
    clips: tuple[Clip, ...]

    @property
    def duration_s(self) -> float:
        """Sum of the clips' durations in seconds."""
        return sum(clip.duration_s for clip in self.clips)


def check_duration(duration_s: float) -> float:
    """``duration_s`` itself, if a track can be that long.

    Raises:
        InstructionError: for zero, negative, infinite, NaN or absurd lengths.
    """
    if not (math.isfinite(duration_s) and MIN_DURATION_S <= duration_s <= MAX_DURATION_S):
        raise InstructionError(
            f"the track is asked to last {duration_s} s: give between {MIN_DURATION_S:g} and "
            f"{MAX_DURATION_S:g} seconds"
        )
    return duration_s
