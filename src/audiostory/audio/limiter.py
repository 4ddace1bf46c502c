"""A look-ahead limiter: gains that keep peaks under a ceiling without shaping the wave itself.

It works on frames of one millisecond (``K`` of them), linked over channels so that the stereo
picture stays. The gain falls before a peak arrives, holds over half a period of the lowest tones
so that steady sounds get a steady gain, and recovers at once from a lone click but slowly from
what lasts, like thunder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiostory.audio.meter import Frames, frame_edges
from audiostory.audio.waveform import CHUNK_SAMPLES, Waveform


@dataclass(frozen=True, kw_only=True)
class LimiterConfig:
    """How a limiter moves its gain; all times in frames, that is in milliseconds."""

    name: str
    look_ahead: int
    """Half the time in which the gain falls."""
    hold: int
    """How long a gain is kept after the peak that asked for it."""
    release: float
    """Time constant of the recovery from a short peak, exponential in dB."""
    sustain: int
    """Peaks that fill this much time are recovered from slowly."""
    slow_release: float
    """Time constant of that slow recovery."""


SMOOTH = LimiterConfig(
    name="smooth", look_ahead=5, hold=20, release=20.0, sustain=200, slow_release=300.0
)
"""Unheard on most material; steady down to 25 Hz."""
FAST = LimiterConfig(name="fast", look_ahead=1, hold=3, release=6.0, sustain=60, slow_release=60.0)
"""For clicks, whose loudness is in their decay: lifts it right behind the peak."""


def limiter_gains(peaks_K: Frames, ceiling: float, config: LimiterConfig) -> Frames:
    """Gain at the middle of every frame that keeps every peak at or below the ceiling.

    Gains between two middles may be interpolated linearly: the ceiling holds there too.

    Args:
        peaks_K: highest magnitude in each frame, over all channels.
        ceiling: highest magnitude allowed.
        config: how the gain moves.
    """
    reduction_db = 20 * np.log10(np.maximum(peaks_K / ceiling, 1.0))
    reach = config.look_ahead + 1  # one frame more, for the interpolation between middles
    held_db = _highest_around(reduction_db, before=reach + config.hold, after=reach)
    asked_db = _highest_around(reduction_db, before=reach, after=reach)
    lasting_db = _mean_of_last(asked_db, config.sustain)
    reduction_db = np.maximum(
        _released(held_db, config.release), _released(lasting_db, config.slow_release)
    )
    # a mean of gains that each suffice, suffices
    weights = np.hanning(2 * config.look_ahead + 3)[1:-1]
    gains = np.pad(10 ** (-reduction_db / 20), config.look_ahead, mode="edge")
    return np.convolve(gains, weights / weights.sum(), mode="valid").astype(np.float64)


def apply_gains(waveform: Waveform, gains_K: Frames) -> Waveform:
    """The waveform times gains given at the middles of its frames, interpolated between them."""
    edges = frame_edges(waveform.num_samples, waveform.sample_rate_hz)
    middles = (edges[:-1] + edges[1:] - 1) / 2
    scaled = np.empty_like(waveform.samples)
    for first in range(0, waveform.num_samples, CHUNK_SAMPLES):
        chunk = waveform.samples[:, first : first + CHUNK_SAMPLES]
        gains = np.interp(np.arange(first, first + chunk.shape[1]), middles, gains_K)
        np.multiply(chunk, gains.astype(np.float32), out=scaled[:, first : first + CHUNK_SAMPLES])
    return Waveform(scaled, waveform.sample_rate_hz)


def _highest_around(values_K: Frames, *, before: int, after: int) -> Frames:
    """For each frame, the highest value from ``before`` frames earlier to ``after`` later."""
    padded = np.pad(values_K, (before, after))
    highest, width = padded, 1
    while 2 * width <= before + after + 1:
        highest = np.maximum(highest[:-width], highest[width:])
        width *= 2
    rest = before + after + 1 - width
    return np.maximum(highest[: len(highest) - rest], highest[rest:])


def _mean_of_last(values_K: Frames, num_frames: int) -> Frames:
    """For each frame, the mean over it and the frames before it, ``num_frames`` in all."""
    sums = np.cumsum(np.pad(values_K, (num_frames, 0)))
    return np.maximum(sums[num_frames:] - sums[:-num_frames], 0.0) / num_frames


def _released(values_K: Frames, time_constant: float) -> Frames:
    """The lowest curve over ``values_K`` that falls no faster than exponentially."""
    decay_K = np.arange(len(values_K)) / time_constant
    with np.errstate(divide="ignore"):
        return np.exp(np.maximum.accumulate(np.log(values_K) + decay_K) - decay_K)
