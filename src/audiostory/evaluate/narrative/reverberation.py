"""How fast sounds die away in a stretch of a track, heard blindly: no clean source is known.

Shapes: ``T`` frames of 10 ms, ``W`` frames of a fit, ``K`` fits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.waveform import Waveform
from audiostory.evaluate.narrative.bands import BandConfig, bands_of
from audiostory.evaluate.narrative.spans import Span

Floats = NDArray[np.float64]

CONFIG = BandConfig(
    frames_per_s=100.0, window_s=0.02, num_bands=8, lowest_hz=300.0, highest_hz=5_000.0
)
FIT_S = 0.3
"""Length of a fit: times much under it are overestimated."""
LEAST_FALL_DB = 6.0
"""Over a fit; longest time that can be seen: 60 dB / 6 dB times its length, 3 s."""
STRAIGHTNESS = 0.9
"""Share of the level's variance that the line explains: free decay is straight in dB."""
LEAST_LEVEL_DB = -90.0
MIN_FITS = 10
"""Fits, 10 ms apart, that an estimate needs: a tenth of a second of free decay."""


def decay_times(waveform: Waveform, span: Span) -> Floats:
    """Times in seconds in which sounds would fall by 60 dB, at every moment they fall freely (K,).

    A line is fitted to the level between 300 Hz and 5 kHz over every 0.3 s of the span; where it
    falls by at least 6 dB and straightly, its slope gives a time. Empty with under ``MIN_FITS``.
    A sound's own decay counts like a room's: of a bell, this is the bell's. On impulsive sounds
    and bursts in synthetic rooms of 0.5 to 2 s the median is within 20 % of the room's time (a
    test); rooms of 0.2 s come out near 0.3 s.

    Source: decay rates from the log envelope as in blind estimation, R. Ratnam et al.,
    J. Acoust. Soc. Am. 114 (2003); here by least squares on straight stretches only.

    Args:
        waveform: the track, at least as long as the span.
        span: the stretch to listen to.
    """
    rate_hz = waveform.sample_rate_hz
    part = waveform.samples[:, round(span.start_s * rate_hz) : round(span.end_s * rate_hz)]
    size = round(FIT_S * CONFIG.frames_per_s)
    if part.shape[1] < (FIT_S + CONFIG.window_s) * rate_hz:
        return np.zeros(0)
    powers_T = bands_of(Waveform(part, rate_hz), CONFIG).powers_TM.sum(axis=1, dtype=np.float64)
    levels_T = 10 * np.log10(np.maximum(powers_T, 1e-10))
    if len(levels_T) < size:
        return np.zeros(0)
    moments_W = np.arange(size) - (size - 1) / 2
    parts_KW = np.lib.stride_tricks.sliding_window_view(levels_T, size)
    parts_KW = parts_KW - parts_KW.mean(axis=1, keepdims=True)
    slopes_K = parts_KW @ moments_W / np.square(moments_W).sum()
    explained_K = np.square(slopes_K) * np.square(moments_W).sum()
    whole_K = np.maximum(np.square(parts_KW).sum(axis=1), 1e-9)
    lowest_K = np.lib.stride_tricks.sliding_window_view(levels_T, size).min(axis=1)
    is_free_K = (explained_K / whole_K >= STRAIGHTNESS) & (lowest_K > LEAST_LEVEL_DB)
    is_free_K &= -slopes_K * (size - 1) >= LEAST_FALL_DB
    times_K = 60.0 / (-slopes_K[is_free_K] * CONFIG.frames_per_s)
    return times_K if len(times_K) >= MIN_FITS else np.zeros(0)
