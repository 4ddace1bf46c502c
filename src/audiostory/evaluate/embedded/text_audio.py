"""A network that puts sounds and words into one space, where what belongs together is close.

Sounds are what YAMNet hears in their sounding moments, words are ``WordVectors``; both end in
vectors of unit length, whose cosine is the embedded counterpart of a CLAP score (contrastive
learning of sound and language: Elizalde et al. 2206.04769, Wu et al. 2211.06687).

Shapes: ``B`` stretches, ``K`` moments, ``Q`` texts, ``D`` width of the space, ``E`` width of
YAMNet's embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audiostory.evaluate.embedded.detector import FeatureScale
from audiostory.evaluate.embedded.moments import MOMENT_S, Moments, is_sounding
from audiostory.evaluate.embedded.words import WordVectors


@dataclass(frozen=True, kw_only=True)
class TextAudioConfig:
    """How the network is built."""

    feature_width: int = 1_024
    sound_width: int = 256
    """Of the hidden layer on the side of sounds."""
    word_width: int = 128
    """Width of the word pieces' vectors."""
    text_width: int = 256
    """Of the hidden layer on the side of words."""
    dimension: int = 128
    """Width of the common space."""
    window: int = 10
    """Moments that are heard at once: 4.8 s."""
    hop: int = 5
    """Moments from window to window."""
    feature_dropout: float = 0.2
    """Share of the pooled features that are left out while it learns."""
    dropout: float = 0.4
    """Share of the hidden layer on the side of sounds."""


class TextAudioNetwork(nn.Module):
    """Sounds and words in one space.

    Args:
        config: sizes.
        words: the text encoder; it stays as it is while the rest learns.
    """

    def __init__(self, config: TextAudioConfig, words: WordVectors) -> None:
        super().__init__()
        self.config = config
        self.words = words.requires_grad_(requires_grad=False)
        self.scale = FeatureScale(config.feature_width)
        self.sound_side = nn.Sequential(
            nn.Dropout(config.feature_dropout),
            nn.Linear(2 * config.feature_width, config.sound_width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.sound_width, config.dimension),
        )
        self.word_side = nn.Sequential(
            nn.Linear(config.word_width, config.text_width),
            nn.GELU(),
            nn.Linear(config.text_width, config.dimension),
        )
        self.log_scale = nn.Parameter(torch.tensor(2.5))

    def hear(self, features_BKE: Tensor, is_heard_BK: Tensor) -> Tensor:
        """Unit vectors (B, D) of stretches: mean and maximum of the moments that are heard."""
        scaled_BKE = self.scale(features_BKE)
        ignored_BK1 = ~is_heard_BK[..., None]
        total_BE = scaled_BKE.masked_fill(ignored_BK1, 0.0).sum(dim=1)
        mean_BE = total_BE / is_heard_BK.sum(dim=1, keepdim=True)
        highest_BE = scaled_BKE.masked_fill(ignored_BK1, -torch.inf).amax(dim=1)
        vectors_BD = self.sound_side(torch.cat([mean_BE, highest_BE], dim=1))
        return nn.functional.normalize(vectors_BD, dim=1)

    def read(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (Q, D) of texts.

        Raises:
            MeasureError: if a text has no word.
        """
        return nn.functional.normalize(self.word_side(self.words(texts)), dim=1)

    @torch.inference_mode()
    def whole(self, moments: Moments) -> Tensor:
        """Unit vector (D,) of a sound, heard as one stretch of any length."""
        heard_BK = is_sounding(moments.powers_K[None])
        return self.hear(moments.features_KD[None], heard_BK)[0]

    @torch.inference_mode()
    def windows(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Unit vectors (B, D) of a track's windows, and where each begins in seconds (B,)."""
        windows, starts = moments.windows(self.config.window, self.config.hop)
        vectors_BD = torch.stack([self.whole(window) for window in windows])
        return vectors_BD, torch.tensor(starts) * MOMENT_S
