"""The seam of text-to-audio models: one caption and a length go in, one clip of sound comes out.

``planned.py`` makes any of them a generator of whole stories. What is common to the adapters is
here too: how lengths are checked, and how what a model makes is brought to the length asked for.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np

from audiostory.audio.join import ROUNDING_SAMPLES
from audiostory.audio.waveform import Waveform, samples_in
from audiostory.errors import AudioError, InstructionError


class TextToAudio(Protocol):
    """Sounds one caption, knowing nothing of a story."""

    @property
    def name(self) -> str:
        """The model's name in plans and reports."""
        ...

    @property
    def max_duration_s(self) -> float:
        """Longest clip in seconds; infinite where there is no limit."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second of what it makes."""
        ...

    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        """The clip: ``samples_in(duration_s, sample_rate_hz)`` samples, channels as it makes them.

        The same arguments give the same samples on the same machine.

        Raises:
            InstructionError: if the clip is longer, or the caption has more words, than it can.
            AudioError: if what runs outside of this process gives no such sound.
        """
        ...


@runtime_checkable
class Remarking(Protocol):
    """A text-to-audio model with something to say of the clips it makes, such as their credits."""

    def remarks(self, caption: str, duration_s: float, *, seed: int) -> tuple[str, ...]:
        """What a reader of the plan should know of the clip that ``sound`` makes of the same."""
        ...


def check_length(model: TextToAudio, duration_s: float) -> float:
    """``duration_s`` itself, if the model makes clips of that length.

    Raises:
        InstructionError: if it is no length, or more than the model's longest clip.
    """
    if not (math.isfinite(duration_s) and samples_in(duration_s, model.sample_rate_hz) > 0):
        raise InstructionError(f"a clip of {duration_s} s: ask for a number of seconds above 0")
    num_samples = samples_in(duration_s, model.sample_rate_hz)
    if num_samples > model.max_duration_s * model.sample_rate_hz + 0.5:  # plans round to 1e-6 s
        raise InstructionError(
            f"{duration_s:g} s are asked for; {model.name} makes at most "
            f"{model.max_duration_s:.1f} s: ask for less, or split the event"
        )
    return duration_s


def of_length(waveform: Waveform, duration_s: float, name: str) -> Waveform:
    """The first ``duration_s`` seconds of a clip, to the sample.

    Models that fill a window, or whole frames, make more than is asked for: the rest is cut. Those
    that round down lack a sample or two, which are then silent.

    Args:
        waveform: what a model made.
        duration_s: what it was asked for.
        name: the model's name, for the error.

    Raises:
        AudioError: if the clip is shorter by more than ``ROUNDING_SAMPLES``.
    """
    num_samples = samples_in(duration_s, waveform.sample_rate_hz)
    missing = num_samples - waveform.num_samples
    if missing > ROUNDING_SAMPLES:
        raise AudioError(
            f"{name} made {waveform.duration_s:.3f} s where {duration_s:.3f} s were asked for: "
            "lower its max_duration_s to what it makes"
        )
    kept = waveform.samples[:, :num_samples]
    if missing > 0:
        kept = np.pad(kept, ((0, 0), (0, missing)))
    return Waveform(np.ascontiguousarray(kept), waveform.sample_rate_hz)
