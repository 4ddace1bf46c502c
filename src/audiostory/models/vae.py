"""Sound to latent frames and back: the contract of every latent codec, and the Oobleck VAE.

Shapes: ``B`` clips, ``N`` samples, ``C`` channels (of sound in a waveform, of the latent space in
latents), ``T`` latent frames.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch import Tensor, nn


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
