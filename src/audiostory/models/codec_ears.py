"""Ears for small models: the codec's own frozen encoder, and a convolutional adapter that learns.

A Whisper small enough for ``nano`` would know nothing. Its codec hears already: the encoder maps
log-mel patches to their principal axes and stays fixed. What a pretrained encoder would understand
of them, the adapter has to learn; so it is deeper than the two layers that follow Whisper, which
still end it. Ours, not the paper's.

Shapes: ``N`` samples, ``V`` windows, ``P`` latent frames of a window, ``E`` latent channels, ``W``
the adapter's width, ``K`` LLM tokens of a window, ``H`` the LLM's width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audiostory.errors import ConfigError
from audiostory.models.codec import ConvNeXtBlock
from audiostory.models.ears import windowed
from audiostory.models.vae import Autoencoder


@dataclass(frozen=True, kw_only=True)
class CodecEarsConfig:
    """Sizes of ears that hear through the codec; the defaults go with ``nano``."""

    sample_rate_hz: int = 24_000
    """Samples per second: the codec's."""
    hop: int = 1920
    """Samples of one latent frame: the codec's."""
    latent_channels: int = 64
    """Channels of one latent frame: the codec's."""
    window_frames: int = 125
    """Latent frames of one window: 10 s."""
    num_tokens: int = 25
    """LLM tokens of one window: one for 0.4 s."""
    width: int = 160
    """Channels of the adapter's blocks."""
    num_blocks: int = 4
    """ConvNeXt blocks of the adapter; together they see two seconds."""
    llm_width: int = 256
    """Width of the LLM."""

    def __post_init__(self) -> None:
        """Refuse windows that do not divide into tokens.

        Raises:
            ConfigError: naming both numbers.
        """
        if self.window_frames % self.num_tokens:
            raise ConfigError(
                f"a window of {self.window_frames} frames does not divide into {self.num_tokens} "
                "tokens: make one a multiple of the other"
            )


class Adapter(nn.Module):
    """Latent frames in context, pooled to tokens, projected by two layers with GELU (Sec. 5.1)."""

    def __init__(self, config: CodecEarsConfig) -> None:
        super().__init__()
        self.num_tokens = config.num_tokens
        self.stem = nn.Linear(config.latent_channels, config.width)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.width) for _ in range(config.num_blocks))
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.head = nn.Sequential(
            nn.Linear(config.width, config.llm_width),
            nn.GELU(),
            nn.Linear(config.llm_width, config.llm_width),
        )

    def forward(self, latents_VPE: Tensor) -> Tensor:
        """Tokens ``(V, K, H)``."""
        hidden_VPW = self.stem(latents_VPE)
        for block in self.blocks:
            hidden_VPW = block(hidden_VPW)
        spans_VKPW = self.norm(hidden_VPW).unflatten(1, (self.num_tokens, -1))
        return self.head(spans_VKPW.mean(dim=2))


class CodecEars(nn.Module):
    """Recordings to LLM input embeddings through the model's codec, which is no part of them."""

    def __init__(self, config: CodecEarsConfig) -> None:
        super().__init__()
        self.config = config
        self.projector = Adapter(config)

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self.config.sample_rate_hz

    @property
    def window(self) -> int:
        """Samples of one window."""
        return self.config.window_frames * self.config.hop

    @property
    def num_tokens(self) -> int:
        """LLM tokens of one window."""
        return self.config.num_tokens

    @torch.no_grad()
    def features(self, waveform_BN: Tensor, codec: Autoencoder) -> Tensor:
        """The codec's latents ``(V, P, E)`` of every window.

        Raises:
            ShapeError: if there are no samples, or more than two axes.
        """
        return codec.encode(windowed(waveform_BN, self.window)[:, None])

    def project(self, features_VPE: Tensor) -> Tensor:
        """LLM embeddings ``(V, K, H)`` of latents."""
        return self.projector(features_VPE.to(self.projector.stem.weight))

    def frozen(self, codec: Autoencoder) -> Mapping[str, Tensor]:
        """The codec's buffers: all that its linear encoder is made of."""
        return dict(codec.named_buffers())

    def forward(self, waveform_BN: Tensor, codec: Autoencoder) -> Tensor:
        """LLM embeddings ``(V, K, H)`` of recordings."""
        return self.project(self.features(waveform_BN, codec))
