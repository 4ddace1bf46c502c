"""What is wrong with a track as a signal, whatever it should have told.

Shapes: ``C`` channels, ``N`` samples, ``F`` bins of a Fourier transform.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from audiostory.audio.loudness import true_peak_dbtp
from audiostory.audio.waveform import CHUNK_SAMPLES, Samples, Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.metric import Column, Subject
from audiostory.evaluate.narrative.repetition import repetition_of

SOURCE = "ours; true peak: ITU-R BS.1770-4, Annex 2"
_column = partial(Column, source=SOURCE, section="narrative")
SILENCE_DBFS = -60.0
SILENCE_FRAME_S = 0.05
CLIPPED_RUN = 4
"""Equal samples in a row that make a flat top."""
CLIPPED_SHARE = 0.98
"""Of its channel's peak that a flat top reaches."""
CLIPPED_STEP = 1e-3
"""Of the peak that the signal jumps into or out of a flat top; a rounded slow sine does not."""
ROLL_OFF = 0.95
SPECTRUM_SIZE = 4_096


class DefectMetric:
    """Silence, clipping, offset, bandwidth, repetition and channels of a track.

    NaN and infinity need no number: ``Waveform`` refuses them, so no track has any.

    - ``silence_share`` in [0, 1] and ``longest_silence_s``: frames of 50 ms whose root mean square
      is under -60 dBFS in every channel; lower is better, where no silence was asked for.
    - ``clipped_share`` in [0, 1], lower is better: share of samples in flat tops, runs of at least
      ``CLIPPED_RUN`` equal samples at 98 % of the channel's peak or more, entered or left by a
      step of 0.1 % of the peak. Clipping before a lossy codec or a resampler is no longer flat,
      and not seen.
    - ``true_peak_dbtp``: BS.1770's, in dB re full scale; above 0 it will clip when played.
    - ``dc_offset`` in [0, 1]: largest magnitude of a channel's mean, full scale 1; lower is better.
    - ``bandwidth_hz``: frequency under which 95 % of the power lies, of the mean spectrum. No
      direction: rumble is low by nature.
    - ``repeated_share``, ``copied_share`` in [0, 1], lower is better: share of the track that
      nearly, or sample for sample, repeats an earlier stretch of 2 s (``repetition``). A looped
      ambience is a repetition, too; so is, nearly, a machine or a clock that ticks evenly.
    - ``channels``, and ``channel_correlation`` in [-1, 1] of the first two: 1 is mono twice, below
      0 partly vanishes in mono. No direction.

    None: ``true_peak_dbtp`` and ``bandwidth_hz`` of a track of zeros; ``channel_correlation`` of
    mono, or where a channel does not vary; the two shares of repetition for less than 4 s, or
    where nothing varies that could be recognised again.

    Raises:
        AudioError: from ``measure``, if the track holds no samples.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        """Faults first, facts last."""
        return (
            _column(
                key="silence_share",
                title="Silence",
                better="lower",
                detail="50 ms frames under -60 dBFS",
            ),
            _column(
                key="longest_silence_s",
                title="Longest silence (s)",
                better="lower",
                detail="under -60 dBFS",
                decimals=2,
            ),
            _column(
                key="clipped_share",
                title="Clipped",
                better="lower",
                detail="share of samples in flat tops",
                decimals=5,
            ),
            _column(
                key="true_peak_dbtp",
                title="True peak (dBTP)",
                better="neither",
                detail="BS.1770",
                decimals=1,
            ),
            _column(
                key="dc_offset",
                title="DC offset",
                better="lower",
                detail="full scale 1",
                decimals=5,
            ),
            _column(
                key="repeated_share",
                title="Repeated",
                better="lower",
                detail="nearly, 2 s and more",
            ),
            _column(
                key="copied_share",
                title="Copied",
                better="lower",
                detail="sample for sample, 2 s and more",
            ),
            _column(
                key="bandwidth_hz",
                title="Bandwidth (Hz)",
                better="neither",
                detail="95 % of the power",
                decimals=0,
            ),
            _column(key="channels", title="Channels", better="neither", detail="", decimals=1),
            _column(
                key="channel_correlation",
                title="Channel correlation",
                better="neither",
                detail="first two",
            ),
        )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """What is found in the item's track."""
        waveform = subject.waveform
        if not waveform.num_samples:
            raise AudioError("the track holds no samples: there is nothing to measure")
        silence_share, longest_silence_s = _silence(waveform)
        peak_dbtp = true_peak_dbtp(waveform)
        repetition = repetition_of(waveform)
        return {
            "silence_share": silence_share,
            "longest_silence_s": longest_silence_s,
            "clipped_share": clipped_share(waveform),
            "true_peak_dbtp": peak_dbtp if math.isfinite(peak_dbtp) else None,
            "dc_offset": float(np.abs(waveform.samples.mean(axis=1, dtype=np.float64)).max()),
            "repeated_share": None if repetition is None else repetition.repeated_share,
            "copied_share": None if repetition is None else repetition.copied_share,
            "bandwidth_hz": _bandwidth_hz(waveform),
            "channels": float(waveform.channels),
            "channel_correlation": _channel_correlation(waveform),
        }


def clipped_share(waveform: Waveform) -> float:
    """Share of all channels' samples that lie in flat tops."""
    num_clipped = 0
    for row_N in waveform.samples:
        peak = float(max(row_N.max(), -row_N.min()))
        if peak > 0:
            num_clipped += sum(_flat_samples(part_N, peak) for part_N in _chunks(row_N))
    return num_clipped / waveform.samples.size


def _flat_samples(part_N: Samples, peak: float) -> int:
    """Samples in the flat tops of a part of a channel."""
    is_same = np.concatenate([[False], part_N[1:] == part_N[:-1], [False]])
    starts = np.flatnonzero(is_same[1:] & ~is_same[:-1])
    ends = np.flatnonzero(is_same[:-1] & ~is_same[1:]) + 1
    is_top = (ends - starts >= CLIPPED_RUN) & (np.abs(part_N[starts]) >= CLIPPED_SHARE * peak)
    starts, ends = starts[is_top], ends[is_top]
    before = part_N[np.maximum(starts - 1, 0)]
    after = part_N[np.minimum(ends, len(part_N) - 1)]
    steps = np.maximum(np.abs(part_N[starts] - before), np.abs(part_N[starts] - after))
    return int((ends - starts)[steps >= CLIPPED_STEP * peak].sum())


def _silence(waveform: Waveform) -> tuple[float, float]:
    """Share of silent frames, and the longest run of them in seconds."""
    frame = max(1, round(SILENCE_FRAME_S * waveform.sample_rate_hz))
    edges = np.arange(0, waveform.num_samples, frame)
    lengths = np.diff(np.append(edges, waveform.num_samples))
    is_silent = np.ones(len(edges), dtype=bool)
    limit = 10 ** (SILENCE_DBFS / 10)
    per_chunk = max(1, CHUNK_SAMPLES // frame)
    for row_N in waveform.samples:
        for first in range(0, len(edges), per_chunk):
            part_N = row_N[first * frame : (first + per_chunk) * frame].astype(np.float64)
            places = edges[first : first + per_chunk] - first * frame
            energies = np.add.reduceat(np.square(part_N), places)
            is_silent[first : first + per_chunk] &= (
                energies < limit * lengths[first : first + per_chunk]
            )
    steps = np.diff(is_silent.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    moments = np.append(edges, waveform.num_samples)
    longest = int((moments[ends] - moments[starts]).max(initial=0))
    share = float(lengths[is_silent].sum()) / waveform.num_samples
    return share, longest / waveform.sample_rate_hz


def _bandwidth_hz(waveform: Waveform) -> float | None:
    """The frequency under which ``ROLL_OFF`` of the power lies; None for zeros."""
    power_F = np.zeros(SPECTRUM_SIZE // 2 + 1)
    window_N = np.hanning(SPECTRUM_SIZE + 2)[1:-1].astype(np.float32)  # no zeros at its ends
    for row_N in waveform.samples:
        for part_N in _chunks(row_N):
            whole = np.pad(part_N, (0, -len(part_N) % SPECTRUM_SIZE)).reshape(-1, SPECTRUM_SIZE)
            spectrum: NDArray[np.complex64] = np.asarray(scipy.fft.rfft(whole * window_N, axis=1))
            power_F += (np.square(spectrum.real) + np.square(spectrum.imag)).sum(axis=0)
    if not power_F.sum() > 0:
        return None
    below = np.cumsum(power_F) / power_F.sum()
    place = int(np.searchsorted(below, ROLL_OFF))
    return place * waveform.sample_rate_hz / SPECTRUM_SIZE


def _channel_correlation(waveform: Waveform) -> float | None:
    """Correlation of the first two channels; None where there is none."""
    if waveform.channels < 2:
        return None
    sums, products = np.zeros(2), np.zeros((2, 2))
    for first in range(0, waveform.num_samples, CHUNK_SAMPLES):
        part_CN = waveform.samples[:2, first : first + CHUNK_SAMPLES].astype(np.float64)
        sums += part_CN.sum(axis=1)
        products += part_CN @ part_CN.T
    covariance = products / waveform.num_samples - np.outer(sums, sums) / waveform.num_samples**2
    spread = math.sqrt(max(covariance[0, 0] * covariance[1, 1], 0.0))
    return float(covariance[0, 1]) / spread if spread > 1e-20 else None


def _chunks(row_N: Samples) -> Iterator[NDArray[np.float32]]:
    """A channel in parts, so that long tracks need little memory."""
    for first in range(0, len(row_N), CHUNK_SAMPLES):
        yield row_N[first : first + CHUNK_SAMPLES]
