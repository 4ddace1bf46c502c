"""A floor: bursts of noise that know the plan's timing and nothing of its captions.

What a measure gives such a track is what timing alone is worth to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from audiostory.audio.waveform import Waveform, samples_in
from audiostory.baselines.text_to_audio import check_length
from audiostory.data.mixing import REFERENCE_DB, filtered
from audiostory.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """What the bursts are like."""

    sample_rate_hz: int = 44_100
    """Samples per second: that of the models it stands beside."""
    lowest_hz: float = 100.0
    """Least lower edge of a burst's band."""
    highest_hz: float = 6_000.0
    """Greatest lower edge; edges are drawn evenly in octaves."""
    octaves: float = 1.0
    """Width of the band."""
    level_db: float = REFERENCE_DB
    """Root mean square level relative to full scale."""
    fade_s: float = 0.05
    """Fade at both ends, at most a quarter of the burst: each burst is heard to begin."""

    def __post_init__(self) -> None:
        """Check that the band lies within what the rate can hold.

        Raises:
            ConfigError: if it does not, or a number is no level or length.
        """
        top_hz = self.highest_hz * 2**self.octaves
        if not 20 < self.lowest_hz <= self.highest_hz < top_hz <= self.sample_rate_hz / 2:
            raise ConfigError(
                f"bands from {self.lowest_hz:g} to {top_hz:g} Hz: need edges above 20 Hz and "
                f"below half of {self.sample_rate_hz} Hz"
            )
        if not (self.fade_s >= 0 and self.level_db < 0):
            raise ConfigError("a burst needs a fade of 0 s or more and a level below 0 dB")


class NoiseTextToAudio:
    """Band-limited noise of the length asked for; mono, drawn from the seed alone."""

    name = "noise"
    max_duration_s = math.inf

    def __init__(self, config: NoiseConfig | None = None) -> None:
        self.config = config or NoiseConfig()

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self.config.sample_rate_hz

    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        """A burst; the caption has no part in it.

        Raises:
            InstructionError: if the length is none.
        """
        del caption
        check_length(self, duration_s)
        config = self.config
        rng = np.random.default_rng(seed)
        span = math.log2(config.highest_hz / config.lowest_hz)
        low_hz = config.lowest_hz * 2 ** (span * rng.random())
        num_samples = samples_in(duration_s, config.sample_rate_hz)
        white_N = rng.standard_normal(num_samples, np.float32)
        burst_N = filtered(
            white_N, low_hz, low_hz * 2**config.octaves, config.sample_rate_hz
        ) * _envelope(num_samples, samples_in(config.fade_s, config.sample_rate_hz))
        rms = float(np.sqrt(np.mean(burst_N.astype(np.float64) ** 2)))
        gain = 10 ** (config.level_db / 20) / max(rms, 1e-9)
        return Waveform((burst_N * gain).astype(np.float32)[None], config.sample_rate_hz)


def _envelope(num_samples: int, num_fade: int) -> np.ndarray:
    """Ones with a rise and a fall at the ends."""
    envelope_N = np.ones(num_samples, np.float32)
    size = min(num_fade, num_samples // 4)
    if size:
        rise = (np.arange(size, dtype=np.float32) + 0.5) / size
        envelope_N[:size] = rise
        envelope_N[-size:] = rise[::-1]
    return envelope_N
