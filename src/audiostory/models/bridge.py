"""The bridge between the LLM and the DiT: hidden states to bridge tokens to condition.

Semantic tokens are regressed onto text features (Eq. 3); residual tokens learn from the flow loss
alone what the text cannot say; the fuser merges both into ``H_bridge`` (Sec. 4.2, Eq. 4).

Scale: heads are trained towards ``feature_scale`` times the text features, and the condition is
divided by it once, as in the release's inference code.

Shapes: ``B`` clips, ``S`` semantic tokens, ``R`` residual tokens, ``H`` LLM width, ``D`` bridge
width, ``F`` tokens after fusion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from audiostory.errors import ConfigError, ShapeError

Fusion = Literal["cross_attention", "concat", "semantic_only"]
TargetKind = Literal["padded_tokens", "pooled_spans"]
"""What semantic tokens are regressed onto; the kinds are described in ``targets.py``."""


@dataclass(frozen=True, kw_only=True)
class BridgeConfig:
    """How LLM states become the condition of the DiT (Sec. 4.2)."""

    llm_width: int
    """Width of the LLM's hidden states."""
    width: int
    """Width of bridge tokens: that of the text features they are regressed onto."""
    num_semantic: int = 64
    """Semantic tokens per clip; the release's number."""
    num_residual: int = 8
    """Residual tokens per clip; best of {1, 4, 8, 16} in Table 11."""
    fusion: Fusion = "cross_attention"
    """How residual tokens join semantic ones; Eq. 4, Fig. 11, Table 6."""
    num_fusion_heads: int = 8
    """Heads of the cross-attention; the release's number."""
    zero_init: bool = True
    """Start the cross-attention's last layer at zero (App. C); the release does not."""
    feature_scale: float = 10.0
    """Text features times this are what the semantic head learns; divides the condition."""
    training_divides: Literal["once", "twice"] = "once"
    """How often training divides by ``feature_scale`` on the way to the DiT: once as generation
    does, or twice as the released training code does, whose heads' output is divided too."""
    generation_divides: Literal["once", "twice"] = "once"
    """The same for generation: once as the released inference does. Which of them the released
    weights carry is not known without them; ``audiostory doctor`` tells."""
    head_hidden: int | None = None
    """Width between the two layers of a head; None takes ``width``, as the release does."""
    target: TargetKind = "pooled_spans"
    """What of a text's features semantic tokens learn; ``padded_tokens`` in the release."""
    learned_null: bool = True
    """The condition for "no condition" is trained (nano); False: a fixed one is set (release)."""

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit and a scale that cannot be divided by."""
        if self.fusion not in FUSERS:
            raise ConfigError(f"no fusion '{self.fusion}'; there are {', '.join(FUSERS)}")
        if self.fusion == "cross_attention" and self.width % self.num_fusion_heads:
            raise ConfigError(
                f"width {self.width} is no multiple of num_fusion_heads {self.num_fusion_heads}"
            )
        for name in ("training_divides", "generation_divides"):
            if (divides := getattr(self, name)) not in HEAD_DIVISIONS:
                raise ConfigError(f"{name} is '{divides}'; there are {', '.join(HEAD_DIVISIONS)}")
        if not 0 < self.feature_scale < math.inf:
            raise ConfigError(f"feature_scale is {self.feature_scale}; it must be positive")


HEAD_DIVISIONS = {"once": 0, "twice": 1}
"""Divisions of the heads' output by ``feature_scale``, beside the one of ``Bridge.fuse``."""


@dataclass(frozen=True)
class BridgeTokens:
    """What the LLM says to the DiT about each clip, before fusion."""

    semantic_BSD: Tensor
    """Regressed text features, times ``feature_scale`` (T_semantic)."""
    residual_BRD: Tensor
    """What text features lack (T_residual)."""


@dataclass(frozen=True)
class Condition:
    """What the DiT sees of each clip, besides its length (H_bridge, Eq. 4)."""

    tokens_BSD: Tensor
    """Fused tokens, at the scale of the text features."""

    def __len__(self) -> int:
        """Number of clips."""
        return self.tokens_BSD.shape[0]

    def clip(self, index: int) -> Condition:
        """The condition of one clip."""
        return Condition(self.tokens_BSD[index : index + 1])

    @classmethod
    def joined(cls, conditions: Sequence[Condition]) -> Condition:
        """The conditions of several clips as one batch."""
        return cls(torch.cat([condition.tokens_BSD for condition in conditions]))


class CrossAttentionFuser(nn.Module):
    """Semantic tokens look residual tokens up; what they find is added to them (Eq. 4).

    The sum makes the zero-initialised last layer of App. C an identity on the semantic tokens.
    """

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(
            config.width, config.num_fusion_heads, batch_first=True
        )
        if config.zero_init:
            nn.init.zeros_(self.attention.out_proj.weight)
            nn.init.zeros_(self.attention.out_proj.bias)

    @staticmethod
    def num_tokens(config: BridgeConfig) -> int:
        """Tokens per clip after fusion."""
        return config.num_semantic

    def forward(self, tokens: BridgeTokens) -> Tensor:
        """Fused tokens ``(B, S, D)``."""
        residual_BRD = tokens.residual_BRD
        found_BSD, _ = self.attention(
            tokens.semantic_BSD, residual_BRD, residual_BRD, need_weights=False
        )
        return tokens.semantic_BSD + found_BSD


class ConcatFuser(nn.Module):
    """Residual tokens follow the semantic ones (Fig. 11); nothing to learn."""

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__()

    @staticmethod
    def num_tokens(config: BridgeConfig) -> int:
        """Tokens per clip after fusion."""
        return config.num_semantic + config.num_residual

    def forward(self, tokens: BridgeTokens) -> Tensor:
        """Fused tokens ``(B, S + R, D)``."""
        return torch.cat([tokens.semantic_BSD, tokens.residual_BRD], dim=1)


class SemanticOnly(nn.Module):
    """Residual tokens are left out (Table 6)."""

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__()

    @staticmethod
    def num_tokens(config: BridgeConfig) -> int:
        """Tokens per clip after fusion."""
        return config.num_semantic

    def forward(self, tokens: BridgeTokens) -> Tensor:
        """The semantic tokens ``(B, S, D)``."""
        return tokens.semantic_BSD


Fuser = CrossAttentionFuser | ConcatFuser | SemanticOnly
FUSERS: dict[str, type[CrossAttentionFuser] | type[ConcatFuser] | type[SemanticOnly]] = {
    "cross_attention": CrossAttentionFuser,
    "concat": ConcatFuser,
    "semantic_only": SemanticOnly,
}


def build_fuser(config: BridgeConfig) -> Fuser:
    """The fuser named by ``config.fusion``."""
    return FUSERS[config.fusion](config)


def build_head(config: BridgeConfig) -> nn.Sequential:
    """Linear-GELU-Linear from LLM width to bridge width."""
    hidden = config.head_hidden or config.width
    return nn.Sequential(
        nn.Linear(config.llm_width, hidden), nn.GELU(), nn.Linear(hidden, config.width)
    )


class Bridge(nn.Module):
    """LLM hidden states at the bridge positions to the condition of the DiT."""

    null_condition: Tensor
    """Condition ``(1, F, D)`` of the unconditional branch: trained, or the features of ""."""

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__()
        self.config = config
        self.semantic_head = build_head(config)
        self.residual_head = build_head(config)
        self.fuser = build_fuser(config)
        null_1FD = torch.zeros(1, FUSERS[config.fusion].num_tokens(config), config.width)
        if config.learned_null:
            self.null_condition = nn.Parameter(null_1FD)
        else:
            self.register_buffer("null_condition", null_1FD)

    def read(self, hidden_semantic_BSH: Tensor, hidden_residual_BRH: Tensor) -> BridgeTokens:
        """Bridge tokens from the LLM's hidden states at the marker positions themselves.

        Args:
            hidden_semantic_BSH: states where ``<t5_i>`` is the input token.
            hidden_residual_BRH: states where ``<aud_i>`` is the input token.

        Raises:
            ShapeError: if token counts or width are not the configured ones.
        """
        config = self.config
        for name, hidden, count in (
            ("semantic", hidden_semantic_BSH, config.num_semantic),
            ("residual", hidden_residual_BRH, config.num_residual),
        ):
            if hidden.shape[1:] != (count, config.llm_width):
                raise ShapeError(
                    f"{name} states have shape {list(hidden.shape)}; this bridge reads "
                    f"(B, {count}, {config.llm_width})"
                )
        return BridgeTokens(
            self.semantic_head(hidden_semantic_BSH), self.residual_head(hidden_residual_BRH)
        )

    def for_training(self, tokens: BridgeTokens, divides: str | None = None) -> BridgeTokens:
        """The tokens that training supervises and fuses, as ``training_divides`` names them.

        Args:
            tokens: as ``read`` gives them.
            divides: "once" or "twice", instead of the configured one.
        """
        return self._divided(tokens, divides or self.config.training_divides)

    def for_generation(self, tokens: BridgeTokens) -> BridgeTokens:
        """The tokens that generation fuses, as ``generation_divides`` names them."""
        return self._divided(tokens, self.config.generation_divides)

    def _divided(self, tokens: BridgeTokens, divides: str) -> BridgeTokens:
        divisor = self.config.feature_scale ** HEAD_DIVISIONS[divides]
        return BridgeTokens(tokens.semantic_BSD / divisor, tokens.residual_BRD / divisor)

    def fuse(self, tokens: BridgeTokens) -> Condition:
        """The condition of each clip: fused tokens over ``feature_scale``. Source: Eq. 4."""
        return Condition(self.fuser(tokens) / self.config.feature_scale)

    def null(self, num_clips: int) -> Condition:
        """The condition of the unconditional branch, once per clip."""
        return Condition(self.null_condition.expand(num_clips, -1, -1))

    @torch.no_grad()
    def set_null(self, features_SD: Tensor) -> None:
        """Fix the unconditional branch to text features of "", padding positions included.

        Raises:
            ShapeError: if they do not have the shape of one clip's condition.
        """
        if features_SD.shape != self.null_condition.shape[1:]:
            raise ShapeError(
                f"null features have shape {list(features_SD.shape)}, need "
                f"{list(self.null_condition.shape[1:])}"
            )
        self.null_condition.copy_(features_SD[None])
