"""The latent codec of ``nano``: 24 kHz mono sound to 12.5 latent frames a second and back.

The encoder is a fixed linear map: patches of log-mel frames on their principal axes, each axis
scaled to unit variance. It is fitted once in closed form, so latents never move under a trained
DiT while the decoder goes on improving. The decoder is a stack of ConvNeXt blocks at mel rate
with an inverse-STFT head.

Sources: ConvNeXt, arXiv:2201.03545; inverse-STFT head, Vocos, arXiv:2306.00814.

Shapes: ``B`` clips, ``N`` samples, ``M`` mel frames, ``F`` mel bins, ``T`` latent frames,
``C`` latent channels, ``W`` decoder width, ``P`` values of one patch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.audio_utils import mel_filter_bank

from audiostory.errors import ShapeError
from audiostory.models.vae import Autoencoder


@dataclass(frozen=True, kw_only=True)
class NanoCodecConfig:
    """Sizes of the nano codec; the defaults are the shipped model's."""

    sample_rate_hz: int = 24_000
    """Samples per second; the corpus' own rate."""
    fft_size: int = 1024
    """Window of the mel front end and of the inverse-STFT head, in samples."""
    hop: int = 240
    """Samples between mel frames: 100 frames/s."""
    num_mels: int = 80
    """Mel bins between ``min_hz`` and Nyquist."""
    min_hz: float = 30.0
    """Lower edge of the lowest mel bin."""
    floor: float = 1e-4
    """Added to magnitudes before the logarithm: -80 dB below a full-scale sine."""
    patch_frames: int = 8
    """Mel frames in one latent frame: 12.5 latent frames/s."""
    latent_channels: int = 64
    """Principal axes kept of a patch."""
    decoder_width: int = 256
    """Channels of the decoder's blocks."""
    decoder_blocks: int = 8
    """ConvNeXt blocks at mel rate."""


MAX_LOG = 7.0
"""Largest log magnitude of a frame's spectrum: beyond what full-scale samples can have."""


class LogMel(nn.Module):
    """Log magnitudes in mel bands, one frame per ``hop`` samples exactly."""

    window: Tensor
    bank_KF: Tensor

    def __init__(self, config: NanoCodecConfig) -> None:
        super().__init__()
        self.config = config
        bank = mel_filter_bank(
            num_frequency_bins=config.fft_size // 2 + 1,
            num_mel_filters=config.num_mels,
            min_frequency=config.min_hz,
            max_frequency=config.sample_rate_hz / 2,
            sampling_rate=config.sample_rate_hz,
            norm=None,
            mel_scale="slaney",
        )
        bank = bank / bank.sum(axis=0, keepdims=True).clip(min=1e-8)
        self.register_buffer("bank_KF", torch.tensor(bank, dtype=torch.float32), persistent=False)
        window = torch.hann_window(config.fft_size)
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveform_BN: Tensor) -> Tensor:
        """Log-mel frames ``(B, M, F)`` of ``(B, N)`` samples, where M = N / hop.

        Raises:
            ShapeError: if N is no whole number of hops.
        """
        config = self.config
        if waveform_BN.shape[-1] % config.hop:
            raise ShapeError(
                f"{waveform_BN.shape[-1]} samples are no multiple of the hop {config.hop}: pad them"
            )
        margin = config.fft_size - config.hop
        padded = functional.pad(waveform_BN, (margin // 2, margin - margin // 2))
        spectrum = torch.stft(
            padded, config.fft_size, config.hop, window=self.window, center=False,
            return_complex=True,
        )  # fmt: skip
        magnitude_BKM = spectrum.abs() / (config.fft_size / 4)
        mel_BMF = magnitude_BKM.transpose(1, 2) @ self.bank_KF
        return torch.log(mel_BMF + config.floor)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a two-layer perceptron, added to the input."""

    def __init__(self, width: int, *, kernel_size: int = 7, expansion: int = 3) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(
            width, width, kernel_size, padding=kernel_size // 2, groups=width
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, hidden_BMW: Tensor) -> Tensor:
        """The block's output, shaped as its input ``(B, M, W)``."""
        mixed = self.depthwise(hidden_BMW.transpose(1, 2)).transpose(1, 2)
        return hidden_BMW + self.scale * self.down(functional.gelu(self.up(self.norm(mixed))))


class InverseStftHead(nn.Module):
    """Two spectra per frame, a tonal one and filtered noise, summed to samples by an inverse STFT.

    The tonal spectrum has a phase of its own, which smooth log-mel frames can tell for tones and
    onsets but not for hiss: told to guess, a network repeats itself at the frame rate and buzzes.
    So noise is given, and the network says how much of it each frequency has (as in DDSP,
    arXiv:2001.04643, Sec. 3.2).
    """

    window: Tensor

    def __init__(self, config: NanoCodecConfig) -> None:
        super().__init__()
        self.fft_size = config.fft_size
        self.hop = config.hop
        self.out = nn.Linear(config.decoder_width, 3 * (config.fft_size // 2 + 1))
        window = torch.hann_window(config.fft_size)
        self.register_buffer("window", window, persistent=False)

    def forward(self, hidden_BMW: Tensor, noise_BN: Tensor) -> Tensor:
        """Samples ``(B, N)``, N = M * hop, of hidden frames and white noise of the same length."""
        log_tone_BMK, phase_BMK, log_noise_BMK = self.out(hidden_BMW).float().chunk(3, dim=-1)
        tone_BMK = torch.polar(log_tone_BMK.clamp(max=MAX_LOG).exp(), phase_BMK)
        share_BMK = log_noise_BMK.clamp(max=MAX_LOG).exp()
        spectrum_BMK = tone_BMK + share_BMK * self.noise_spectrum(noise_BN)
        frames_BMn = torch.fft.irfft(spectrum_BMK, n=self.fft_size) * self.window
        return self.overlap_add(frames_BMn)

    def noise_spectrum(self, noise_BN: Tensor) -> Tensor:
        """Spectra ``(B, M, K)`` of white noise, of mean square one."""
        margin = self.fft_size - self.hop
        padded = functional.pad(noise_BN, (margin // 2, margin - margin // 2))
        frames_BMn = padded.unfold(1, self.fft_size, self.hop) * self.window
        return torch.fft.rfft(frames_BMn) / self.window.square().sum().sqrt()

    def overlap_add(self, frames_BMn: Tensor) -> Tensor:
        """Frames at their hops, weighted so that the windows sum to one; margins cut off."""
        num_frames = frames_BMn.shape[1]
        length = (num_frames - 1) * self.hop + self.fft_size
        envelope = self.window.square().expand(1, num_frames, -1)
        summed_2N = [
            functional.fold(
                part.transpose(1, 2), (1, length), (1, self.fft_size), stride=(1, self.hop)
            )[:, 0, 0]
            for part in (frames_BMn, envelope)
        ]
        start = (self.fft_size - self.hop) // 2
        kept = slice(start, start + num_frames * self.hop)
        return summed_2N[0][:, kept] / summed_2N[1][:, kept].clamp(min=1e-5)


class NanoCodec(Autoencoder):
    """Waveform to latents by principal axes of log-mel patches, and back by a trained decoder."""

    patch_mean_P: Tensor
    axes_PC: Tensor
    """Columns: a principal axis divided by the standard deviation along it."""
    back_CP: Tensor
    """Rows: a principal axis times the standard deviation along it."""

    def __init__(self, config: NanoCodecConfig) -> None:
        super().__init__()
        self.config = config
        patch_size = config.patch_frames * config.num_mels
        self.log_mel = LogMel(config)
        self.register_buffer("patch_mean_P", torch.zeros(patch_size))
        self.register_buffer("axes_PC", torch.eye(patch_size, config.latent_channels))
        self.register_buffer("back_CP", torch.eye(config.latent_channels, patch_size))
        width = config.decoder_width
        self.stem = nn.Conv1d(config.num_mels, width, 7, padding=3)
        self.blocks = nn.ModuleList(ConvNeXtBlock(width) for _ in range(config.decoder_blocks))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = InverseStftHead(config)

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self.config.sample_rate_hz

    @property
    def hop(self) -> int:
        """Samples in one latent frame."""
        return self.config.hop * self.config.patch_frames

    @property
    def latent_channels(self) -> int:
        """Channels of one latent frame."""
        return self.config.latent_channels

    @property
    def audio_channels(self) -> int:
        """Mono."""
        return 1

    def patches(self, waveform_BN: Tensor) -> Tensor:
        """Log-mel patches ``(B, T, P)`` of ``(B, N)`` samples, N a whole number of latent hops."""
        mel_BMF = self.log_mel(waveform_BN)
        return mel_BMF.unflatten(1, (-1, self.config.patch_frames)).flatten(2)

    def encode(self, waveform_BCN: Tensor) -> Tensor:
        """Latents ``(B, T, C)`` of ``(B, 1, N)`` samples, the end padded with silence to a frame.

        Raises:
            ShapeError: if the sound is not mono.
        """
        if waveform_BCN.ndim != 3 or waveform_BCN.shape[1] != 1:
            raise ShapeError(f"need mono samples (B, 1, N), got {list(waveform_BCN.shape)}")
        padding = -waveform_BCN.shape[-1] % self.hop
        patches_BTP = self.patches(functional.pad(waveform_BCN[:, 0], (0, padding)))
        return (patches_BTP - self.patch_mean_P) @ self.axes_PC

    def mel(self, latents_BTC: Tensor) -> Tensor:
        """Log-mel frames ``(B, M, F)`` that the latents stand for."""
        patches_BTP = latents_BTC @ self.back_CP + self.patch_mean_P
        frames = (-1, self.config.num_mels)
        return patches_BTP.unflatten(2, frames).flatten(1, 2)

    def decode(self, latents_BTC: Tensor) -> Tensor:
        """Samples ``(B, 1, N)`` of latents, N = T * hop; the same latents give the same samples."""
        mel_BMF = self.mel(latents_BTC)
        noise_1N = self.noise(mel_BMF.shape[1] * self.config.hop)
        (waveform_BCN,) = self.decode_mel(mel_BMF, noise_1N.to(mel_BMF).expand(len(mel_BMF), -1))
        return waveform_BCN

    def noise(self, num_samples: int) -> Tensor:
        """The white noise ``(1, N)`` that inference gives the decoder, always the same."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(1, num_samples, generator=generator)

    def decode_mel(self, mel_BMF: Tensor, *noises_BN: Tensor) -> list[Tensor]:
        """Samples ``(B, 1, N)`` of log-mel frames for each white noise given, N = M * hop."""
        centred = (mel_BMF - math.log(self.config.floor)) / 4.0 - 1.0
        hidden_BMW = self.stem(centred.transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            hidden_BMW = block(hidden_BMW)
        hidden_BMW = self.norm(hidden_BMW)
        return [self.head(hidden_BMW, noise_BN)[:, None] for noise_BN in noises_BN]

    @torch.no_grad()
    def fit(self, patches_XP: Tensor) -> Tensor:
        """Set the encoder to the principal axes of example patches.

        Args:
            patches_XP: log-mel patches of many clips, one a row.

        Returns:
            The share of the patches' variance that each kept axis carries, ``(C,)``.
        """
        values_XP = patches_XP.double()
        mean_P = values_XP.mean(0)
        covariance_PP = torch.cov((values_XP - mean_P).T)
        variances_P, axes_PP = torch.linalg.eigh(covariance_PP)
        kept = torch.arange(len(variances_P) - 1, len(variances_P) - 1 - self.latent_channels, -1)
        axes_PC, deviation_C = axes_PP[:, kept], variances_P[kept].clamp(min=1e-10).sqrt()
        self.patch_mean_P.copy_(mean_P)
        self.axes_PC.copy_(axes_PC / deviation_C)
        self.back_CP.copy_((axes_PC * deviation_C).T)
        return (variances_P[kept] / variances_P.sum()).float()
