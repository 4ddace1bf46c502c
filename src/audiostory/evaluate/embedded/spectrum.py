"""What the embedded networks hear: the power of mel bands over time, on a relative scale.

Power, not decibels, is what is kept of a clip: powers of sounds heard together add up, so that
mixtures can be made from them (``mixtures``).

Shapes: ``B`` windows, ``T`` frames, ``M`` mel bands, ``N`` samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audiostory.audio.waveform import Waveform, resample, to_mono
from audiostory.evaluate.tagger import mel_bank

SILENCE_POWER = 1e-12
"""Power of a band below which there is nothing: -120 dB."""
BLOCK_FRAMES = 1 << 14
"""Frames transformed at once, so that an hour needs little memory."""


@dataclass(frozen=True, kw_only=True)
class MelConfig:
    """Bands, frames and scale of what is heard."""

    sample_rate_hz: int
    """Rate everything is resampled to first."""
    min_hz: float
    """Lower edge of the mel bands."""
    max_hz: float
    """Upper edge of the mel bands."""
    num_mels: int
    fft_size: int
    """Length of the Fourier transform in samples."""
    hop: int
    """Samples from frame to frame."""
    floor_db: float = -60.0
    """Quietest level told apart, relative to the reference of ``scaled``."""

    @property
    def frames_per_s(self) -> float:
        """Frames of one second."""
        return self.sample_rate_hz / self.hop


NARROW = MelConfig(
    sample_rate_hz=8_000, min_hz=60.0, max_hz=3_400.0, num_mels=48, fft_size=400, hop=160
)
"""What the detector hears: the band that even the narrowest recordings have, 50 frames/s."""
WIDE = MelConfig(
    sample_rate_hz=24_000, min_hz=50.0, max_hz=11_500.0, num_mels=64, fft_size=1_024, hop=480
)
"""What the text-audio network hears: nearly all of 24 kHz audio, 50 frames/s."""


def mel_power(waveform: Waveform, config: MelConfig) -> Tensor:
    """Power (T, M) of a track's mel bands; a band's power is that of full-scale sines, about 1.

    Frame ``t`` is centred on ``t * hop`` samples. Any rate and any number of channels (their mean)
    will do; the track may be silent.
    """
    samples_N = resample(to_mono(waveform), config.sample_rate_hz).samples[0]
    half = config.fft_size // 2
    padded_N = torch.from_numpy(np.pad(samples_N, (half, half)))
    num_frames = len(samples_N) // config.hop + 1
    bank = mel_bank(config)
    pieces = []
    for start in range(0, num_frames, BLOCK_FRAMES):
        count = min(BLOCK_FRAMES, num_frames - start)
        first = start * config.hop
        block = padded_N[first : first + (count - 1) * config.hop + config.fft_size]
        spectrum = torch.stft(
            block,
            config.fft_size,
            hop_length=config.hop,
            window=torch.hann_window(config.fft_size),
            center=False,
            return_complex=True,
        )
        pieces.append((spectrum.abs() / (config.fft_size / 4)).square().T @ bank)
    return torch.cat(pieces)


def scaled(power_BTM: Tensor, reference_B: Tensor, floor_db: float) -> Tensor:
    """Levels in [0, 1]: 1 at the reference power or above, 0 at ``floor_db`` below it or less."""
    relative = power_BTM.clamp(min=SILENCE_POWER) / reference_B[:, None, None]
    return (1.0 - 10.0 * torch.log10(relative) / floor_db).clamp(0.0, 1.0)


def reference_of(power_BTM: Tensor, track_peak: float, *, reach_db: float = 40.0) -> Tensor:
    """Reference power (B,) of windows: each one's loudest band.

    It is at least what lies ``reach_db`` under the loudest band of the whole track, so that the
    noise of a silent stretch is not taken for a sound.
    """
    floor = max(track_peak * 10.0 ** (-reach_db / 10.0), SILENCE_POWER)
    return power_BTM.amax(dim=(1, 2)).clamp(min=floor)
