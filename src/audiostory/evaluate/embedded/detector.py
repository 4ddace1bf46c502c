"""A small network behind YAMNet that finds which kinds of sound are heard when.

Of every moment it says of each kind of sound how likely it is being heard, looking at the moments
beside it. Kinds are the groups of the corpus it learnt from, and several may sound at once.

Shapes: ``B`` stretches, ``K`` moments, ``G`` groups, ``D`` width of YAMNet's embedding, ``W``
width of the detector's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audiostory.evaluate.embedded.moments import Moments

FIRST_LOGIT = -3.0
"""Before anything is learnt, every kind is unlikely."""


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """What a detector knows and how it is built."""

    groups: tuple[str, ...]
    """Kinds of sound it knows."""
    feature_width: int = 1_024
    width: int = 256
    """Of the hidden layer, which is also the detector's embedding."""
    window: int = 10
    """Moments that are one window where windows are asked for: 4.8 s."""
    hop: int = 5
    """Moments from window to window."""
    feature_dropout: float = 0.2
    """Share of YAMNet's features that are left out while it learns."""
    dropout: float = 0.4
    """Share of the hidden layer."""


class FeatureScale(nn.Module):
    """Square roots of YAMNet's features, less their mean, over their deviation.

    Means and deviations are set once, from what the network is about to learn from.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def forward(self, features_BKD: Tensor) -> Tensor:
        """Scaled features (B, K, D)."""
        return (features_BKD.sqrt() - self.mean) / self.deviation

    def fit(self, features_XD: Tensor, *, least: float = 0.05) -> None:
        """Take over the statistics of features; deviations are ``least`` higher than they are."""
        roots_XD = features_XD.float().sqrt()
        self.mean.copy_(roots_XD.mean(dim=0))
        self.deviation.copy_(roots_XD.std(dim=0) + least)


class SoundDetector(nn.Module):
    """Finds kinds of sound in YAMNet's embeddings, moment by moment."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = FeatureScale(config.feature_width)
        self.stem = nn.Sequential(
            nn.Dropout(config.feature_dropout),
            nn.Linear(config.feature_width, config.width),
            nn.GELU(),
        )
        self.beside = nn.Conv1d(config.width, config.width, 3, padding=1)
        self.classify = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(config.width, len(config.groups))
        )
        last = self.classify[-1]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias, FIRST_LOGIT)

    def forward(self, features_BKD: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K, G) and embeddings (B, K, W)."""
        hidden_BKW = self.stem(self.scale(features_BKD))
        beside_BKW = self.beside(hidden_BKW.transpose(1, 2)).transpose(1, 2)
        hidden_BKW = hidden_BKW + nn.functional.gelu(beside_BKW)
        return self.classify(hidden_BKW), hidden_BKW

    @torch.inference_mode()
    def presence(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Probabilities (K, G) and embeddings (K, W) of a whole track."""
        logits_BKG, embedding_BKW = self(moments.features_KD[None])
        return logits_BKG[0].sigmoid(), embedding_BKW[0]


def pooled(presence_KG: Tensor) -> Tensor:
    """Probability (..., G) of each kind in a stretch (..., K, G): moments weighted by themselves.

    A linear softmax (Wang, Li and Metze, arXiv:1810.09050).
    """
    return presence_KG.square().sum(dim=-2) / presence_KG.sum(dim=-2).clamp(min=1e-6)
