"""Small systems for the tests of baselines: a text-to-audio model that plays a tone per caption."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field

import numpy as np

from audiostory.audio.waveform import Waveform, samples_in
from audiostory.baselines.planners import Planned, end_to_end
from audiostory.baselines.text_to_audio import check_length
from audiostory.story.types import Clip, Event, Instruction, Story

RATE_HZ = 8_000


def story(*parts: tuple[str, float]) -> Story:
    """Captions and durations, end to end."""
    clips = [Clip(caption=caption, duration_s=seconds) for caption, seconds in parts]
    events = [
        Event(start_s=0.0, end_s=clip.duration_s, detail=clip.caption, sounds=clip.caption)
        for clip in clips
    ]
    return end_to_end("A story.", events, clips)


@dataclass
class Tones:
    """Plays a tone whose pitch is the caption's and whose phase is the seed's; remembers calls."""

    max_duration_s: float = 10.0
    name: str = "tones"
    sample_rate_hz: int = RATE_HZ
    channels: int = 1
    asked: list[tuple[str, float, int]] = field(default_factory=list)

    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        check_length(self, duration_s)
        self.asked.append((caption, duration_s, seed))
        times = np.arange(samples_in(duration_s, self.sample_rate_hz)) / self.sample_rate_hz
        hertz = 200 + zlib.crc32(caption.encode()) % 2_000
        samples = 0.3 * np.sin(2 * np.pi * hertz * times + seed % 628 / 100)
        stacked = np.repeat(samples.astype(np.float32)[None], self.channels, axis=0)
        return Waveform(stacked, self.sample_rate_hz)


@dataclass
class Unlimited(Tones):
    """The same without a longest clip."""

    max_duration_s: float = math.inf


@dataclass
class Remarkable(Tones):
    """The same with a remark on each clip."""

    def remarks(self, caption: str, duration_s: float, *, seed: int) -> tuple[str, ...]:
        return (f"tone for {caption}",)


@dataclass(frozen=True)
class Fixed:
    """A planner that always has the same story."""

    story: Story
    notes: tuple[str, ...] = ()
    name: str = "fixed"

    def plan(self, instruction: Instruction, *, max_clip_s: float, seed: int) -> Planned:
        return Planned(story=self.story, notes=self.notes)
