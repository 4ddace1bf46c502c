"""A track as a judge hears it: mono, at a stated rate, whole, as one file in memory."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile

from audiostory.audio.waveform import Waveform, resample, to_mono
from audiostory.chat import AudioPart
from audiostory.errors import AudioError

_FORMATS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III")}


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """How a track is sent."""

    sample_rate_hz: int = 16_000
    """What Gemini and Qwen2.5-Omni listen at."""
    format: Literal["wav", "mp3", "flac"] = "wav"
    """``flac`` is smaller, and as exact, but OpenAI does not take it; ``mp3`` loses sound."""
    max_bytes: int = 14_000_000
    """Longest file; Gemini takes requests of 20 MB, in which a file grows by a third. At 16 kHz
    this is 7 minutes of wav, and about twice that of flac."""

    @property
    def described(self) -> str:
        """For the header of a column."""
        return f"{self.sample_rate_hz / 1000:g} kHz mono {self.format}"


@dataclass(frozen=True)
class Heard:
    """A track ready to be sent."""

    part: AudioPart
    duration_s: float
    gain_db: float
    """0, or what a track that would clip was lowered by."""


def heard(waveform: Waveform, hearing: Hearing) -> Heard:
    """The whole track as a file.

    A track that passes full scale as mono at this rate is lowered to it, and the result says so.

    Raises:
        AudioError: if there is nothing to hear, or the file would be longer than may be sent.
    """
    if not waveform.num_samples:
        raise AudioError("the track holds no samples: there is nothing to judge")
    sound = resample(to_mono(waveform), hearing.sample_rate_hz)
    peak = max(1.0, float(np.abs(sound.samples).max()))
    data = _encoded(sound.samples[0] / np.float32(peak), hearing)
    if len(data) > hearing.max_bytes:
        raise AudioError(
            f"a track of {waveform.duration_s:.0f} s is {len(data) / 1e6:.1f} MB as "
            f"{hearing.described}, and at most {hearing.max_bytes / 1e6:.1f} MB are sent: choose "
            "flac, a lower rate, or a larger max_bytes if the API takes it; nothing is cut off"
        )
    part = AudioPart(data=data, format=hearing.format)
    gain_db = -20 * math.log10(peak) if peak > 1 else 0.0
    return Heard(part, waveform.duration_s, gain_db)


def _encoded(samples: np.ndarray, hearing: Hearing) -> bytes:
    """The file's bytes, the same for the same samples."""
    kind, subtype = _FORMATS[hearing.format]
    file = io.BytesIO()
    try:
        soundfile.write(file, samples, hearing.sample_rate_hz, subtype, format=kind)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"no {hearing.described} can be written ({error}): choose another rate or format"
        ) from error
    return file.getvalue()
