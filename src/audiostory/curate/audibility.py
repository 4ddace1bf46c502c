"""Whether one sound of a mix can be heard beside the others, by its level in narrow bands.

A sound counts as heard where, in some band, it is as loud as everything else. That is cruder than
a model of masking, and stricter for noises than for tones.

Shapes: ``N`` samples, mono; ``T`` frames; ``F`` frequencies; ``K`` bands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiostory.errors import ShapeError

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

FRAME_S = 0.05
EDGES_HZ = (60, 125, 250, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 11_000)
SOUNDING_DB = 20.0
"""Bands and frames this far below a sound's loudest ones do not carry it."""
SHARE = 0.2
"""Share of its frames in which a sound has to stand out."""
FLOOR = 1e-10
"""Power below which nothing is heard."""


def prominence_db(sound_N: Samples, rest_N: Samples, sample_rate_hz: int) -> float:
    """How far a sound stands out from the rest, in dB: above 0 it can be heard.

    The ratio of powers in the band where it is highest, frame by frame. Frames and bands count
    where the sound is within ``SOUNDING_DB`` of its loudest, and the result is the level that
    ``SHARE`` of those frames reach. Minus infinity for silence.

    Raises:
        ShapeError: if the two are not equally long.
    """
    if len(sound_N) != len(rest_N):
        raise ShapeError(f"a sound of {len(sound_N)} samples beside {len(rest_N)}: give as many")
    sound_TK = _bands(sound_N, sample_rate_hz)
    loudest = sound_TK.max(initial=0.0)
    if loudest <= FLOOR:
        return -np.inf
    counts_TK = sound_TK > loudest * 10 ** (-SOUNDING_DB / 10)
    ratio_TK = sound_TK / (_bands(rest_N, sample_rate_hz) + FLOOR)
    best_T = np.where(counts_TK, ratio_TK, 0.0).max(axis=1)[counts_TK.any(axis=1)]
    return float(10 * np.log10(np.quantile(best_T, 1 - SHARE)))


def _bands(samples_N: Samples, sample_rate_hz: int) -> Floats:
    """Power (T, K) of every frame in every band."""
    size = max(2, round(FRAME_S * sample_rate_hz))
    frames_TN = samples_N[: len(samples_N) // size * size].reshape(-1, size)
    window_N = np.hanning(size)
    spectrum_TF = np.fft.rfft(frames_TN * window_N, axis=1)
    power_TF = (spectrum_TF.real**2 + spectrum_TF.imag**2) / (window_N**2).sum() / size
    starts = np.searchsorted(np.fft.rfftfreq(size, 1 / sample_rate_hz), EDGES_HZ)
    inside = [
        power_TF[:, low:high].sum(axis=1) for low, high in zip(starts[:-1], starts[1:], strict=True)
    ]
    return np.stack(inside, axis=1)
