"""Sound to latent frames and back: the contract of every latent codec, and the Oobleck VAE.

Shapes: ``B`` clips, ``N`` samples, ``C`` channels (of sound in a waveform, of the latent space in
latents), ``T`` latent frames.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiostory.errors import ShapeError


class Autoencoder(nn.Module, ABC):
    """A frozen map between waveforms and the latents that the DiT denoises.

    Latents lie as ``(B, T, C)``, frames before channels, as the DiT reads them.
    """

    @property
    @abstractmethod
    def sample_rate_hz(self) -> int:
        """Samples per second of the waveforms."""

    @property
    @abstractmethod
    def hop(self) -> int:
        """Samples in one latent frame."""

    @property
    @abstractmethod
    def latent_channels(self) -> int:
        """Channels of one latent frame."""

    @property
    @abstractmethod
    def audio_channels(self) -> int:
        """Channels of the waveforms: 1 is mono, 2 is stereo."""

    @abstractmethod
    def encode(self, waveform_BCN: Tensor) -> Tensor:
        """Latents ``(B, T, C)`` of a waveform; its end is padded with silence to a whole frame.

        Raises:
            ShapeError: if the waveform does not have ``audio_channels`` channels.
        """

    @property
    def has_deviation(self) -> bool:
        """Whether ``posterior`` gives a deviation."""
        return False

    def posterior(self, waveform_BCN: Tensor) -> Tensor:
        """What latents are drawn from: ``(B, T, C)`` themselves where there is nothing to draw.

        With ``has_deviation``, ``(B, T, 2C)``: means, then deviations.

        Raises:
            ShapeError: as ``encode``.
        """
        return self.encode(waveform_BCN)

    @abstractmethod
    def decode(self, latents_BTC: Tensor) -> Tensor:
        """Waveform ``(B, audio_channels, T * hop)`` of latents.

        Raises:
            ShapeError: if the latents do not have ``latent_channels`` channels.
        """

    @property
    def frames_per_s(self) -> float:
        """Latent frames in one second."""
        return self.sample_rate_hz / self.hop

    def num_frames(self, duration_s: float) -> int:
        """Latent frames that cover ``duration_s`` seconds, the last one perhaps in part."""
        return math.ceil(round(duration_s * self.sample_rate_hz) / self.hop)


@dataclass(frozen=True, kw_only=True)
class OobleckConfig:
    """Sizes of the Oobleck VAE; the defaults are those of Stable Audio Open and TangoFlux."""

    sample_rate_hz: int = 44_100
    """Samples per second."""
    audio_channels: int = 2
    """Stereo."""
    latent_channels: int = 64
    """Channels of one latent frame."""
    encoder_width: int = 128
    """Channels of the encoder's first and last layer: mean and scale of each latent channel."""
    decoder_width: int = 128
    """Channels of the decoder's last layers."""
    ratios: tuple[int, ...] = (2, 4, 4, 8, 8)
    """Strides of the encoder's blocks; their product, 2048, is the hop."""
    channel_multiples: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Widths of the blocks, in multiples of the first."""
    tile_frames: int = 256
    """Latent frames (about 12 s) worked on at once, so that memory does not grow with length."""
    tile_overlap: int = 32
    """Frames of context on either side of a tile; with 8 the error is already below 1e-4."""


class OobleckAutoencoder(Autoencoder):
    """The variational autoencoder of Stable Audio Open, as the diffusers library has it."""

    def __init__(self, config: OobleckConfig) -> None:
        from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck  # slow

        super().__init__()
        self.config = config
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*weight_norm.*", FutureWarning)  # the library's
            self.network = AutoencoderOobleck(
                encoder_hidden_size=config.encoder_width,
                downsampling_ratios=list(config.ratios),
                channel_multiples=list(config.channel_multiples),
                decoder_channels=config.decoder_width,
                decoder_input_channels=config.latent_channels,
                audio_channels=config.audio_channels,
                sampling_rate=config.sample_rate_hz,
            )
        self.network.use_tiling = True
        self.network.tile_latent_min_length = config.tile_frames
        self.network.tile_latent_overlap = config.tile_overlap
        self.network.tile_sample_min_length = config.tile_frames * self.hop
        self.network.tile_sample_overlap = config.tile_overlap * self.hop

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self.config.sample_rate_hz

    @property
    def hop(self) -> int:
        """Samples in one latent frame."""
        return math.prod(self.config.ratios)

    @property
    def latent_channels(self) -> int:
        """Channels of one latent frame."""
        return self.config.latent_channels

    @property
    def audio_channels(self) -> int:
        """Channels of the waveforms."""
        return self.config.audio_channels

    def encode(self, waveform_BCN: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Latents ``(B, T, C)``: a draw from the posterior, or its mean without a generator.

        TangoFlux trained on draws.

        Raises:
            ShapeError: if the waveform does not have ``audio_channels`` channels, or the encoder
                not two channels for each of the latent space.
        """
        posterior_BTX = self.posterior(waveform_BCN)
        mean_BTC, deviation_BTC = posterior_BTX.chunk(2, dim=-1)
        if generator is None:
            return mean_BTC
        noise_BCT = torch.randn(
            mean_BTC.transpose(1, 2).shape, generator=generator, device=generator.device
        )
        return mean_BTC + deviation_BTC * noise_BCT.transpose(1, 2).to(mean_BTC)

    @property
    def has_deviation(self) -> bool:
        """Latents are drawn."""
        return True

    def posterior(self, waveform_BCN: Tensor) -> Tensor:
        """Means and deviations ``(B, T, 2C)``.

        Raises:
            ShapeError: as ``encode``.
        """
        self._check("samples (B, C, N)", waveform_BCN, axis=1, channels=self.audio_channels)
        padded_BCN = functional.pad(waveform_BCN, (0, -waveform_BCN.shape[-1] % self.hop))
        (posterior,) = self.network.encode(padded_BCN, return_dict=False)
        self._check("latents (B, C, T)", posterior.mean, axis=1, channels=self.latent_channels)
        return torch.cat([posterior.mean, posterior.std], dim=1).transpose(1, 2)

    def decode(self, latents_BTC: Tensor) -> Tensor:
        """Waveform ``(B, audio_channels, T * hop)``.

        Raises:
            ShapeError: if the latents do not have ``latent_channels`` channels.
        """
        self._check("latents (B, T, C)", latents_BTC, axis=2, channels=self.latent_channels)
        latents_BCT = cast(torch.FloatTensor, latents_BTC.transpose(1, 2))
        (waveform_BCN,) = self.network.decode(latents_BCT, return_dict=False)
        return waveform_BCN

    def _check(self, what: str, values: Tensor, *, axis: int, channels: int) -> None:
        if values.ndim != 3 or values.shape[axis] != channels:
            raise ShapeError(f"need {what} with C = {channels}, got {list(values.shape)}")
