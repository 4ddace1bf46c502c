"""Whether a track repeats itself: stretches whose spectrogram, or whose very samples, came before.

Shapes: ``T`` frames of 25 ms, ``M`` bands, ``B`` blocks of 2 s, ``W`` frames of a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import fftconvolve

from audiostory.audio.waveform import Waveform
from audiostory.evaluate.narrative.bands import BandConfig, Bands, bands_of

Floats = NDArray[np.float32]

CONFIG = BandConfig(frames_per_s=40.0, window_s=0.1, num_bands=16, highest_hz=8_000.0)
"""Frames much longer than their hop, so that a copy need not fall on the same frames."""
BLOCK_S = 2.0
"""The shortest repetition that is seen."""
HOP_S = 1.0
"""From block to block: the share's own resolution."""
SKIP = 2
"""Frames of a block that are compared: every second one, for they overlap."""
RANGE_DB = 50.0
"""Levels this far below the track's loudest frame and lower count as equal."""
LEAST_SPREAD_DB = 0.3
"""A block that varies less holds nothing that could be recognised again."""
SMOOTH_S = 0.4
"""What changes more slowly is no flicker."""
NEAR = 0.8
"""Correlation of spectrograms from which a block is nearly repeated."""
EXACT = 0.98
"""Correlation of samples from which it is a copy."""
SLACK_S = 0.05
"""How far from the place that the spectrograms say a copy is looked for."""
EXCERPT_S = 0.5
"""Of the block's samples that are compared, its loudest part."""
PLACES_AT_ONCE = 4_096


@dataclass(frozen=True)
class Repeat:
    """A block that came before."""

    start_s: float
    """Where it begins."""
    earlier_s: float
    """Where the stretch begins that it is most like."""
    similarity: float
    """Correlation of the two spectrograms."""
    is_copy: bool
    """Whether samples are the same too, up to a gain."""


@dataclass(frozen=True)
class Repetition:
    """What ``repetition_of`` finds."""

    repeats: tuple[Repeat, ...]
    """Blocks of 2 s, one every second, that repeat an earlier stretch."""
    num_blocks: int
    """Blocks that vary enough to be recognised again."""

    @property
    def repeated_share(self) -> float:
        """Share of the blocks that repeat an earlier stretch, nearly or exactly."""
        return len(self.repeats) / self.num_blocks

    @property
    def copied_share(self) -> float:
        """Share of the blocks that are copies."""
        return sum(repeat.is_copy for repeat in self.repeats) / self.num_blocks


def repetition_of(waveform: Waveform) -> Repetition | None:
    """The blocks of a track that came before; None under 4 s, or where nothing varies.

    Spectrograms (16 mel bands, in dB) are reduced to their flicker: each band less its own running
    mean over ``SMOOTH_S``, less what all bands of a frame have in common, so that neither a steady
    spectrum nor a slow swell is a likeness. A block's flicker is correlated with that of every
    earlier stretch of 2 s that ends before the block begins. Two stretches of the same rain
    correlate by chance alone, about 0; a pasted stretch near 1, even if something soft sounds
    over it. The best place of each block at ``NEAR`` or more is then looked up in the samples
    (channels averaged), for a copy up to a gain.
    """
    bands = bands_of(waveform, CONFIG)
    size = round(BLOCK_S * CONFIG.frames_per_s)
    if len(bands.powers_TM) < 2 * size:
        return None
    flicker_TM = _flicker(bands)
    starts_B = np.arange(0, len(flicker_TM) - size + 1, round(HOP_S * CONFIG.frames_per_s))
    blocks, spread_B = _centred(flicker_TM, starts_B, size)
    starts_B = starts_B[spread_B >= LEAST_SPREAD_DB]
    if not len(starts_B):
        return None
    blocks = blocks[spread_B >= LEAST_SPREAD_DB]
    highest_B, places_B = _best_earlier(flicker_TM, blocks, starts_B, size)
    repeats = tuple(
        Repeat(
            start / CONFIG.frames_per_s,
            place / CONFIG.frames_per_s,
            float(similarity),
            _is_copy(waveform, start / CONFIG.frames_per_s, place / CONFIG.frames_per_s),
        )
        for start, place, similarity in zip(
            starts_B.tolist(), places_B.tolist(), highest_B, strict=True
        )
        if similarity >= NEAR
    )
    return Repetition(repeats, len(starts_B))


def _flicker(bands: Bands) -> Floats:
    """What changes fast in single bands (T, M), in dB; 0 where a band is out of range."""
    levels_TM = bands.levels
    lowest_db = levels_TM.max() - np.float32(RANGE_DB)
    is_heard_TM = levels_TM > lowest_db
    levels_TM = np.maximum(levels_TM, lowest_db)
    size = round(SMOOTH_S * CONFIG.frames_per_s) | 1
    flicker_TM = (levels_TM - uniform_filter1d(levels_TM, size, axis=0)) * is_heard_TM
    num_heard_T1 = np.maximum(is_heard_TM.sum(axis=1, keepdims=True), 1)
    common_T1 = flicker_TM.sum(axis=1, keepdims=True) / num_heard_T1
    return ((flicker_TM - common_T1) * is_heard_TM).astype(np.float32)


def _best_earlier(
    flicker_TM: Floats, blocks: Floats, starts_B: NDArray[np.int64], size: int
) -> tuple[Floats, NDArray[np.int64]]:
    """For each block the correlation with the most alike earlier stretch, and where that begins."""
    highest_B = np.full(len(blocks), -1.0, np.float32)
    places_B = np.zeros(len(blocks), np.int64)
    for first in range(0, int(starts_B[-1]) - size + 1, PLACES_AT_ONCE):
        last = min(first + PLACES_AT_ONCE, int(starts_B[-1]) - size + 1)
        earlier, spread = _centred(flicker_TM, np.arange(first, last), size)
        later = int(np.searchsorted(starts_B, first + size))
        alike = blocks[later:] @ earlier.T
        alike[:, spread < LEAST_SPREAD_DB] = -1.0
        alike[np.arange(first, last) + size > starts_B[later:, None]] = -1.0
        best = alike.argmax(axis=1)
        values = alike[np.arange(len(best)), best]
        is_better = values > highest_B[later:]
        highest_B[later:][is_better] = values[is_better]
        places_B[later:][is_better] = best[is_better] + first
    return highest_B, places_B


def _centred(
    flicker_TM: Floats, starts: NDArray[np.int64], size: int
) -> tuple[Floats, NDArray[np.float32]]:
    """Flicker of blocks as unit vectors without their bands' means, and its spread in dB."""
    frames = starts[:, None] + np.arange(0, size, SKIP)
    blocks = flicker_TM[frames]
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    flat = blocks.reshape(len(starts), -1)
    lengths = np.linalg.norm(flat, axis=1)
    flat = flat / np.maximum(lengths, 1e-9)[:, None]
    return flat, lengths / np.float32(np.sqrt(flat.shape[1]))


def _is_copy(waveform: Waveform, start_s: float, earlier_s: float) -> bool:
    """Whether the loudest part of a block is found sample for sample at an earlier place."""
    block = _mono(waveform, start_s, start_s + BLOCK_S)
    size = round(EXCERPT_S * waveform.sample_rate_hz)
    parts = [block[first : first + size] for first in range(0, len(block) - size + 1, size)]
    loudest = max(range(len(parts)), key=lambda part: float(np.square(parts[part]).sum()))
    excerpt, offset_s = parts[loudest], loudest * EXCERPT_S
    from_s = max(earlier_s + offset_s - SLACK_S, 0.0)
    before = _mono(waveform, from_s, earlier_s + offset_s + EXCERPT_S + SLACK_S)
    products = fftconvolve(before, excerpt[::-1], mode="valid")
    sums = np.cumsum(np.append(0.0, np.square(before)))
    energies = (sums[size:] - sums[:-size]) * np.square(excerpt).sum()
    return bool((products / np.sqrt(np.maximum(energies, 1e-12))).max() >= EXACT)


def _mono(waveform: Waveform, start_s: float, end_s: float) -> NDArray[np.float64]:
    """The mean of the channels between two moments."""
    rate_hz = waveform.sample_rate_hz
    part_CN = waveform.samples[:, round(start_s * rate_hz) : round(end_s * rate_hz)]
    return part_CN.mean(axis=0, dtype=np.float64)
