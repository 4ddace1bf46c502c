"""Power of a track in mel bands, frame by frame: what joins, consistency and repetition look at.

Shapes: ``T`` frames, ``M`` bands, ``F`` bins of a Fourier transform, ``C`` channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError

Floats = NDArray[np.float32]

FRAMES_AT_ONCE = 2_048
SILENT_POWER = 1e-7
"""Mean square of -70 dB relative to full scale, under which nothing sounds (BS.1770's gate)."""


@dataclass(frozen=True, kw_only=True)
class BandConfig:
    """How a track is cut into frames and bands."""

    frames_per_s: float = 50.0
    """Frames begin at whole multiples of this, rounded to a sample, so no rate drifts."""
    window_s: float = 0.04
    """Length of a frame, Hann-weighted."""
    num_bands: int = 32
    """Bands of equal width in mel."""
    lowest_hz: float = 50.0
    """Lower edge of the lowest band."""
    highest_hz: float = 12_000.0
    """Upper edge of the highest band; the Nyquist frequency where that is lower."""


@dataclass(frozen=True)
class Bands:
    """What ``bands_of`` finds."""

    powers_TM: Floats
    """Mean square per band; summed over the bands it is the frame's, and channels are averaged."""
    config: BandConfig

    @property
    def levels(self) -> Floats:
        """(T, M) in decibels relative to full scale, no lower than -100."""
        return 10 * np.log10(np.maximum(self.powers_TM, np.float32(1e-10)))

    @property
    def is_sounding(self) -> NDArray[np.bool_]:
        """(T,): which frames are no silence."""
        return self.powers_TM.sum(axis=1) > SILENT_POWER

    def within(self, start_s: float, end_s: float) -> slice:
        """The frames that lie wholly in a span."""
        first = int(np.ceil(start_s * self.config.frames_per_s - 1e-6))
        last_s = end_s - self.config.window_s
        last = int(np.floor(last_s * self.config.frames_per_s + 1e-6)) + 1
        return slice(max(first, 0), max(last, first, 0))


def bands_of(waveform: Waveform, config: BandConfig | None = None) -> Bands:
    """Power of every whole frame of a track in every band; of a shorter track, one padded frame.

    Powers, not samples, are averaged over the channels: what is out of phase does not vanish.

    Raises:
        AudioError: if the track holds no samples.
    """
    config = BandConfig() if config is None else config
    if not waveform.num_samples:
        raise AudioError("the track holds no samples: there is nothing to measure")
    rate_hz = waveform.sample_rate_hz
    size = max(2, round(config.window_s * rate_hz))
    window_N = np.hanning(size + 2)[1:-1].astype(np.float32)  # no zeros at its ends
    scale = 2 / (size * float(np.square(window_N, dtype=np.float64).sum()))
    bank_FM = shared_bank(config, size, rate_hz) * np.float32(scale)
    last = max(waveform.num_samples - size, 0)
    num_frames = int(last / rate_hz * config.frames_per_s + 1e-9) + 1
    starts_T = np.round(np.arange(num_frames) / config.frames_per_s * rate_hz).astype(np.int64)
    starts_T = starts_T[starts_T <= last]
    powers_TM = np.zeros((len(starts_T), config.num_bands), np.float32)
    for first in range(0, len(starts_T), FRAMES_AT_ONCE):
        starts = starts_T[first : first + FRAMES_AT_ONCE]
        for row_N in waveform.samples:
            part = row_N[starts[0] : starts[-1] + size]
            part = np.pad(part, (0, size - len(part))) if len(part) < size else part
            frames = np.lib.stride_tricks.sliding_window_view(part, size)[starts - starts[0]]
            spectrum: NDArray[np.complex64] = np.asarray(scipy.fft.rfft(frames * window_N, axis=1))
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            powers_TM[first : first + len(starts)] += power @ bank_FM
    return Bands(powers_TM / np.float32(waveform.channels), config)


def shared_bank(config: BandConfig, fft_size: int, sample_rate_hz: int) -> Floats:
    """Weights (F, M) of triangles equally spaced in mel that add up to 1 at each frequency.

    The lowest and the highest band keep their full weight to their outer edges, and a bin between
    two narrow bands is shared by them, so that no power inside the edges is lost.
    """
    highest_hz = min(config.highest_hz, sample_rate_hz / 2)
    centres = np.linspace(_mel(config.lowest_hz), _mel(highest_hz), config.num_bands)
    bins_mel = _mel(np.arange(fft_size // 2 + 1) * sample_rate_hz / fft_size)
    places = np.interp(bins_mel, centres, np.arange(config.num_bands))
    bank_FM = np.maximum(1 - np.abs(places[:, None] - np.arange(config.num_bands)), 0)
    is_inside = (bins_mel >= centres[0] - 1e-6) & (bins_mel <= centres[-1] + 1e-6)
    return (bank_FM * is_inside[:, None]).astype(np.float32)


def _mel(hertz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Mel of a frequency. Source: D. O'Shaughnessy, Speech Communication (1987)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0)
