"""What supervises the semantic tokens: features of a caption, as many as there are tokens.

Sources: AudioStory Sec. 4.2, Eq. 3; Table 5 compares kinds of target.

Shapes: ``B`` captions, ``L`` text tokens, ``S`` semantic tokens, ``D`` the encoder's width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from audiostory.errors import ConfigError, CorpusError, ShapeError
from audiostory.models.bridge import TargetKind
from audiostory.models.text_encoder import TextEncoder

DEAD_SHARE = 0.01
"""A dimension that deviates less than this share of the median one is not raised to 1."""


class SemanticTarget(nn.Module, ABC):
    """Captions to the features that semantic tokens are regressed onto.

    Args:
        encoder: the frozen teacher.
        num_semantic: semantic tokens of a clip.
    """

    encoder: TextEncoder
    is_kept: ClassVar[bool] = False
    """Whether targets of all captions are made before training: the encoder is too large to be
    asked at every step."""

    def __init__(self, encoder: TextEncoder, num_semantic: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.num_semantic = num_semantic

    @abstractmethod
    def forward(self, captions: Sequence[str]) -> Tensor:
        """Targets ``(B, S, D)`` of captions.

        Raises:
            InstructionError: if a caption is longer than the encoder reads.
        """

    @abstractmethod
    def frozen(self) -> Mapping[str, Tensor]:
        """The tensors that decide the targets: what a cache of them is keyed by."""

    @property
    def width(self) -> int:
        """Values in one target."""
        return self.encoder.width


class PaddedTokens(SemanticTarget):
    """The features of the caption's first S positions, padded ones included.

    The release regresses onto 64 positions of Flan-T5-large. Of a caption with more than S tokens
    the rest has no target of its own, though it colours those before it.
    """

    is_kept = True

    def frozen(self) -> Mapping[str, Tensor]:
        """The encoder's weights."""
        return self.encoder.network.state_dict()

    def forward(self, captions: Sequence[str]) -> Tensor:
        """Targets ``(B, S, D)``: raw features, not standardised."""
        features_BLD, _ = self.encoder.features(captions, num_tokens=self.num_semantic)
        return features_BLD[:, : self.num_semantic]


class PooledSpans(SemanticTarget):
    """Means over S equal spans of the caption's real tokens, standardised per dimension.

    Few tokens then tell a whole caption, and no target is padding. ``fit`` must have seen captions
    before, or ``mean_D`` and ``deviation_D`` be set to what it found then.
    """

    mean_D: Tensor
    deviation_D: Tensor

    def __init__(self, encoder: TextEncoder, num_semantic: int) -> None:
        super().__init__(encoder, num_semantic)
        self.register_buffer("mean_D", torch.full((encoder.width,), torch.nan))
        self.register_buffer("deviation_D", torch.full((encoder.width,), torch.nan))

    def forward(self, captions: Sequence[str]) -> Tensor:
        """Targets ``(B, S, D)`` of mean 0 and deviation 1 over the captions of ``fit``.

        Raises:
            CorpusError: if ``fit`` has not been called and no statistics were loaded.
        """
        if self.mean_D.isnan().any():
            raise CorpusError("pooled spans are not standardised yet: call fit on the captions")
        return (self.pooled(captions) - self.mean_D) / self.deviation_D

    def frozen(self) -> Mapping[str, Tensor]:
        """The statistics, which no other encoder would give."""
        return {"mean": self.mean_D, "deviation": self.deviation_D}

    def pooled(self, captions: Sequence[str]) -> Tensor:
        """Span means ``(B, S, D)`` before standardising."""
        features_BLD, mask_BL = self.encoder.features(captions)
        return span_means(features_BLD, mask_BL, self.num_semantic)

    @torch.no_grad()
    def fit(self, captions: Iterable[str], *, batch_size: int = 64) -> None:
        """Take mean and deviation from captions, each counted as often as it comes.

        Raises:
            CorpusError: if there are no two spans to take a deviation of.
        """
        waiting, count = list(captions), 0
        total_D = torch.zeros_like(self.mean_D, dtype=torch.float64)
        square_D = torch.zeros_like(total_D)
        for start in range(0, len(waiting), batch_size):
            spans_XD = self.pooled(waiting[start : start + batch_size]).flatten(0, 1).double()
            count += len(spans_XD)
            total_D += spans_XD.sum(dim=0)
            square_D += spans_XD.square().sum(dim=0)
        if count < 2:
            raise CorpusError("no captions to take mean and deviation of")
        mean_D = total_D / count
        deviation_D = (square_D / count - mean_D.square()).clamp(min=1e-8).sqrt()
        # Encoders have dead dimensions (all-MiniLM-L6-v2 has three): do not blow them up.
        self.deviation_D.copy_(deviation_D.clamp(min=DEAD_SHARE * deviation_D.median().item()))
        self.mean_D.copy_(mean_D)


SEMANTIC_TARGETS: dict[TargetKind, Callable[[TextEncoder, int], SemanticTarget]] = {
    "padded_tokens": PaddedTokens,
    "pooled_spans": PooledSpans,
}


def build_target(kind: TargetKind, encoder: TextEncoder, num_semantic: int) -> SemanticTarget:
    """The target called ``kind``.

    Raises:
        ConfigError: if no target has that name.
    """
    if kind not in SEMANTIC_TARGETS:
        raise ConfigError(f"no target {kind!r}; there are {', '.join(SEMANTIC_TARGETS)}")
    return SEMANTIC_TARGETS[kind](encoder, num_semantic)


def span_means(features_BLD: Tensor, mask_BL: Tensor, num_spans: int) -> Tensor:
    """Means ``(B, num_spans, D)`` over equal spans of each row's real positions.

    Span s of n positions runs from floor(s n / S) to ceil((s + 1) n / S), as in adaptive average
    pooling; of fewer positions than spans, neighbours share one.

    Args:
        features_BLD: features, padded on the right.
        mask_BL: true on real positions.
        num_spans: spans of every row.

    Raises:
        ShapeError: if the mask is not a run of true values from the left, or empty.
    """
    lengths_B1 = mask_BL.sum(dim=1, keepdim=True)
    places_L = torch.arange(mask_BL.shape[1], device=mask_BL.device)
    if not torch.equal(mask_BL.bool(), places_L < lengths_B1) or not lengths_B1.all():
        raise ShapeError(
            "span means need rows padded on the right, with at least one real position"
        )
    spans_S = torch.arange(num_spans, device=mask_BL.device)
    starts_BS = spans_S * lengths_B1 // num_spans
    ends_BS = -(-(spans_S + 1) * lengths_B1 // num_spans)
    within_BSL = (places_L >= starts_BS[..., None]) & (places_L < ends_BS[..., None])
    weights_BSL = within_BSL / within_BSL.sum(dim=-1, keepdim=True)
    return weights_BSL.to(features_BLD) @ features_BLD.where(mask_BL[..., None].bool(), 0.0)
