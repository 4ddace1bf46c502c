"""Sound as a picture's worth of numbers: peaks per column, and power over log frequency.

Shapes: ``X`` columns of pixels, ``Y`` rows, ``F`` frequency bins. All samples are looked at, in
groups of columns, so that long tracks need little memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.waveform import Samples, Waveform

LOWEST_HZ = 40.0
WINDOW_S = 0.085  # long enough to tell low tones apart, short enough to show a door slam
RANGE_DB = 78.0  # from the brightest to black
COLUMNS_AT_ONCE = 32

# Dark violet over red to pale yellow, equal steps of lightness (after matplotlib's magma).
_COLOURS = np.array(
    [
        (4, 4, 16),
        (28, 16, 68),
        (79, 18, 123),
        (129, 37, 129),
        (181, 54, 122),
        (229, 80, 100),
        (251, 135, 97),
        (254, 194, 135),
        (252, 253, 191),
    ],
    dtype=np.float64,
)

Floats = NDArray[np.float64]


def extremes(waveform: Waveform, num_columns: int) -> tuple[Floats, Floats, Floats]:
    """Lowest and highest sample of any channel, and RMS, in each of ``num_columns`` columns."""
    edges = _edges(waveform.num_samples, num_columns)
    lowest_X, highest_X, rms_X = (np.zeros(num_columns) for _ in range(3))
    for column, (first, last) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        part = waveform.samples[:, first : max(last, first + 1)]
        lowest_X[column] = part.min(initial=0.0)
        highest_X[column] = part.max(initial=0.0)
        rms_X[column] = np.sqrt(np.square(part, dtype=np.float64).mean()) if part.size else 0.0
    return lowest_X, highest_X, rms_X


def log_spectrogram(waveform: Waveform, num_columns: int, num_rows: int) -> Floats:
    """Levels (Y, X) in 0..1 over the log of frequency, the lowest row first.

    1 is the brightest spot of the track, 0 is ``RANGE_DB`` below it or less.
    """
    rate_hz = waveform.sample_rate_hz
    size = 2 ** round(np.log2(WINDOW_S * rate_hz))
    bands_YF = _bands(row_frequencies(rate_hz, num_rows + 1), size, rate_hz)
    power_YX = np.zeros((num_rows, num_columns))
    for first, last, columns in _column_groups(waveform.num_samples, num_columns, size):
        frames = np.stack([_part(waveform.samples, middle - size // 2, size) for middle in columns])
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(size).astype(np.float32))) ** 2
        rows = spectrum @ bands_YF.T
        power_YX[:, first:last] = rows.reshape(last - first, -1, num_rows).mean(axis=1).T
    brightest = power_YX.max(initial=0.0)
    if brightest == 0:
        return power_YX
    decibels_YX = 10 * np.log10(np.maximum(power_YX / brightest, 1e-30))
    return np.clip(1 + decibels_YX / RANGE_DB, 0, 1)


def row_frequencies(sample_rate_hz: int, num_edges: int) -> Floats:
    """Frequencies at the edges of the rows of a log spectrogram, in Hz, rising."""
    return np.geomspace(LOWEST_HZ, sample_rate_hz / 2, num_edges)


def colours(levels: Floats) -> NDArray[np.uint8]:
    """Colours (..., 3) of levels in 0..1, from black over violet and red to pale yellow."""
    places = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(levels, places, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _edges(num_samples: int, num_columns: int) -> NDArray[np.int64]:
    """First sample of every column and the end of the last."""
    return np.arange(num_columns + 1, dtype=np.int64) * num_samples // num_columns


def _column_groups(
    num_samples: int, num_columns: int, size: int
) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Groups of columns: first, last and the middles of their frames, equally many per column."""
    per_column = max(1, -(-2 * num_samples // (num_columns * size)))  # at least half overlapping
    middles = _edges(2 * num_samples, 2 * num_columns * per_column)[1::2] // 2
    for first in range(0, num_columns, COLUMNS_AT_ONCE):
        last = min(first + COLUMNS_AT_ONCE, num_columns)
        yield first, last, middles[first * per_column : last * per_column]


def _part(samples: Samples, first: int, size: int) -> Samples:
    """``size`` samples of the channels' mean from ``first``, zeros outside the track."""
    part = samples[:, max(first, 0) : max(first + size, 0)].mean(axis=0, dtype=np.float32)
    before = max(-first, 0)
    return np.pad(part, (before, size - before - len(part)))


def _bands(edges_hz: Floats, size: int, sample_rate_hz: int) -> Floats:
    """Weights (Y, F) that sum the power between neighbouring edges.

    A row narrower than a bin takes the mean of the bins around it, so that the lowest rows have
    no gaps; wider rows lie half-way between mean and sum, which suits sounds that fall off upwards.
    """
    places = edges_hz * size / sample_rate_hz
    bins = np.arange(size // 2 + 1)
    # cumulative weight of a bin up to a place: a tent one bin wide on either side
    below = np.clip(places[:, None] - bins[None] + 1, 0, 2)
    cumulative = np.where(below < 1, below**2 / 2, 1 - (2 - below) ** 2 / 2)
    widths = np.diff(places)
    return np.diff(cumulative, axis=0) * (np.sqrt(np.maximum(widths, 1.0)) / widths)[:, None]
