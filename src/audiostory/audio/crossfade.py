"""Clips to one track as the release joins them: linear ramps, or none where a clip is too short.

``join.py`` is the product's way; this is the released one, number for number, with its fallback
said. It works on plain samples at any rate.

Shapes: ``C`` audio channels, ``N`` samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from audiostory.audio.waveform import Samples
from audiostory.errors import AudioError


@dataclass(frozen=True)
class Crossfaded:
    """A track, and which of its joins are none."""

    samples: Samples
    """float32 (C, N)."""
    hard_joins: tuple[int, ...]
    """Clips, by index, that follow the one before without the transition: one of the two was too
    short. All that follows is late by one transition."""


def linear_crossfade(
    clips: Sequence[Samples], sample_rate_hz: int, transition_s: float
) -> Crossfaded:
    """The clips one after another, each overlapping the track so far by the transition.

    Source: the released inference script. Ramps are linear, from exactly 1 to exactly 0; where the
    track so far or the next clip is shorter than the transition, they are put end to end.

    Args:
        clips: float32 (C, N), or (N,) for mono.
        sample_rate_hz: of all clips.
        transition_s: how long neighbours sound together; 0 puts all of them end to end.

    Raises:
        AudioError: if clips differ in their number of channels.
    """
    rows = [np.atleast_2d(clip) for clip in clips]
    if not rows:
        return Crossfaded(np.zeros((1, 0), np.float32), ())
    channels = {len(row) for row in rows}
    if len(channels) > 1:
        raise AudioError(f"clips have {sorted(channels)} channels: bring all to the same number")
    num_faded = int(transition_s * sample_rate_hz)
    lengths = [row.shape[1] for row in rows]
    overlaps = list(_overlaps(lengths, num_faded))
    track = np.zeros((channels.pop(), sum(lengths) - sum(overlaps)), np.float32)
    falling_N = np.linspace(1, 0, max(num_faded, 0), dtype=np.float32)
    rising_N = np.linspace(0, 1, max(num_faded, 0), dtype=np.float32)
    end = 0
    for row, overlap in zip(rows, overlaps, strict=True):
        start = end - overlap
        end = start + row.shape[1]
        if overlap:
            faded = track[:, start : start + overlap] * falling_N + row[:, :overlap] * rising_N
            track[:, start : start + overlap] = faded
        track[:, start + overlap : end] = row[:, overlap:]
    return Crossfaded(track, hard_joins(lengths, num_faded))


def hard_joins(lengths: Sequence[int], num_faded: int) -> tuple[int, ...]:
    """Which clips of these lengths could not be crossfaded with the track before them.

    Args:
        lengths: samples of each clip.
        num_faded: samples of the transition; without one no join is hard.
    """
    overlaps = list(_overlaps(lengths, num_faded))
    return tuple(i for i, overlap in enumerate(overlaps) if i and num_faded > 0 and not overlap)


def resampled_to_ceil(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """The samples (C, N) at another rate, as many as ``librosa.resample`` makes: rounded up.

    Source: the release resamples with librosa's default, soxr's high quality; what the converter
    makes too much is cut, and what it lacks is zeros.
    """
    if from_hz == to_hz:
        return samples
    num_samples = num_resampled(samples.shape[1], from_hz, to_hz)
    resampled = np.zeros((len(samples), num_samples), np.float32)
    for channel, row in zip(samples, resampled, strict=True):
        converted = soxr.resample(channel, from_hz, to_hz, quality="HQ")[:num_samples]
        row[: len(converted)] = converted
    return resampled


def num_resampled(num_samples: int, from_hz: int, to_hz: int) -> int:
    """How many samples there are at another rate, rounded up."""
    return math.ceil(num_samples * (to_hz / from_hz))  # the ratio first, as librosa has it


def _overlaps(lengths: Sequence[int], num_faded: int) -> Iterator[int]:
    """How many samples each clip shares with the track before it."""
    num_told = 0
    for index, length in enumerate(lengths):
        is_faded = index > 0 and 0 < num_faded <= min(num_told, length)
        overlap = num_faded if is_faded else 0
        num_told += length - overlap
        yield overlap
