"""The seam of everything that turns sound into numbers, and how long audio is cut for it.

Shapes: ``K`` windows, ``D`` width of an embedding, ``G`` classes, ``N`` samples, ``Q`` texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audiostory.audio.waveform import Waveform, resample, to_mono
from audiostory.errors import AudioError

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class EncoderCard:
    """What has to be known of an encoder to compare its numbers with anyone's."""

    name: str
    """Stable name: ``vggish``, ``clap``, ``embedded-audio``."""
    checkpoint: str
    """Name of the weights: numbers of two checkpoints are not comparable."""
    digest: str
    """First 12 hex digits of the sha256 of the weights."""
    sample_rate_hz: int
    """Rate it hears at; everything is resampled to it with soxr at high quality."""
    window_s: float
    """Length of what is heard at once."""
    hop_s: float
    """Time from window to window."""
    dimension: int
    """Width of its embedding."""
    channels: str = "mono (mean)"
    """What it does with channels."""
    labels: tuple[str, ...] = ()
    """Its classes; empty for encoders that do not classify."""
    is_embedded: bool = False
    """Whether it is shipped here; no column of a paper is computed with it."""
    is_random: bool = False
    """Whether its weights are random: numbers of a test, never of a report."""

    @property
    def described(self) -> str:
        """The part of a column's header that makes its numbers comparable."""
        warning = " RANDOM WEIGHTS" if self.is_random else ""
        return (
            f"{self.checkpoint} {self.digest}{warning}, {self.sample_rate_hz / 1000:g} kHz "
            f"{self.channels}, {self.window_s:g} s windows every {self.hop_s:g} s"
        )


@dataclass(frozen=True)
class Features:
    """What an encoder hears in one track, window by window."""

    embeddings: Floats
    """(K, D)."""
    starts_s: Floats
    """(K,): where each window begins."""
    window_s: float
    probabilities: Floats | None = None
    """(K, G): of each class; None for encoders that do not classify."""

    def within(self, start_s: float, end_s: float) -> Floats:
        """Embeddings (k, D) of the windows whose middle lies in a span, else of the nearest one."""
        middles_s = self.starts_s + self.window_s / 2
        inside = (middles_s >= start_s) & (middles_s < end_s)
        if not inside.any():
            inside = np.arange(len(middles_s)) == np.abs(middles_s - (start_s + end_s) / 2).argmin()
        return self.embeddings[inside]


class AudioEncoder(Protocol):
    """Hears audio."""

    @property
    def card(self) -> EncoderCard:
        """What it is."""
        ...

    def hear(self, waveform: Waveform) -> Features:
        """Features of a track of any length, rate and number of channels.

        Raises:
            AudioError: if the track holds no samples.
        """
        ...


class TextAudioEncoder(AudioEncoder, Protocol):
    """Hears audio and reads text into one space, where what belongs together is close."""

    def read(self, texts: Sequence[str]) -> Floats:
        """Embeddings (Q, D) of texts, of unit length."""
        ...


def windows_of(
    waveform: Waveform, card: EncoderCard, *, channels: int = 1
) -> tuple[NDArray[np.float32], Floats]:
    """Samples (K, N) of a track's windows at the encoder's rate, and when each begins (K,).

    A track shorter than a window is followed by silence to a whole one; the last window of a
    longer one ends where the track ends, so that nothing is left out and nothing is padded.

    Args:
        waveform: the track.
        card: rate, length and hop of the windows.
        channels: 1 takes the mean of the channels; 2 keeps stereo and doubles mono, and the
            samples are (K, 2, N).

    Raises:
        AudioError: if the track holds no samples.
    """
    if not waveform.num_samples:
        raise AudioError("the track holds no samples: there is nothing to measure")
    heard = resample(waveform if channels > 1 else to_mono(waveform), card.sample_rate_hz).samples
    if channels > 1:
        heard = np.repeat(heard, 2, axis=0) if len(heard) == 1 else heard[:channels]
    size = round(card.window_s * card.sample_rate_hz)
    hop = round(card.hop_s * card.sample_rate_hz)
    if heard.shape[1] < size:
        heard = np.pad(heard, ((0, 0), (0, size - heard.shape[1])))
    starts = list(range(0, heard.shape[1] - size + 1, hop))
    if starts[-1] + size < heard.shape[1]:
        starts.append(heard.shape[1] - size)
    pieces = np.stack([heard[:, start : start + size] for start in starts])
    return (
        pieces if channels > 1 else pieces[:, 0],
        np.asarray(starts, dtype=np.float32) / np.float32(card.sample_rate_hz),
    )
