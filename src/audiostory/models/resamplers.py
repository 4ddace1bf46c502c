"""Any number of tokens to a fixed number: the modules of the release's two resampler slots.

The released model carries an input and an output resampler that it never calls; these are the
classes they can be of. Generation and training here do without them.

Sources: Perceiver resampler, Flamingo, arXiv:2204.14198, Sec. 3.1.1, with the blocks that
IP-Adapter, arXiv:2308.06721, made of it; attention pooling, CLIP, arXiv:2103.00020, Sec. 2.3;
one cross-attention from a grid of queries, Qwen-VL, arXiv:2308.12966, Sec. 2.1.

Shapes: ``B`` clips, ``K`` tokens given, ``E`` their width, ``Q`` tokens made, ``D`` inner width,
``O`` width of the tokens made, ``P`` width of the pooled vector, ``H`` heads, ``d`` width of one
head, ``1`` a broadcast axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from diffusers.models.embeddings import IPAdapterPlusImageProjection, get_2d_sincos_pos_embed
from torch import Tensor, nn
from torch.nn import functional

from audiostory.errors import ConfigError, ShapeError


@dataclass(frozen=True, kw_only=True)
class PerceiverConfig:
    """Sizes of a Perceiver resampler."""

    input_width: int
    """Width of the tokens given."""
    width: int
    """Width of the learned queries and of the blocks."""
    output_width: int
    """Width of the tokens made."""
    num_queries: int = 8
    """Tokens made; IP-Adapter's number, like the defaults below."""
    num_blocks: int = 4
    """Blocks of cross-attention and feed-forward layer."""
    num_heads: int = 16
    """Attention heads."""
    head_dim: int = 64
    """Width of one head."""
    ff_multiple: float = 4
    """Inner width of the feed-forward layers, in multiples of ``width``."""


def perceiver_blocks(config: PerceiverConfig, output_width: int) -> IPAdapterPlusImageProjection:
    """The library's network: learned queries attend to the input and to themselves."""
    return IPAdapterPlusImageProjection(
        embed_dims=config.input_width,
        output_dims=output_width,
        hidden_dims=config.width,
        depth=config.num_blocks,
        dim_head=config.head_dim,
        heads=config.num_heads,
        num_queries=config.num_queries,
        ffn_ratio=config.ff_multiple,
    )


class PerceiverResampler(nn.Module):
    """Learned queries to tokens, through blocks of attention to the input."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.network = perceiver_blocks(config, config.output_width)

    def forward(self, tokens_BKE: Tensor) -> Tensor:
        """Tokens ``(B, Q, O)``."""
        return self.network(tokens_BKE)


class AttentionPool(nn.Module):
    """Tokens to one vector: their mean looks them and itself up (CLIP)."""

    def __init__(self, width: int, output_width: int, *, num_tokens: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.positions = nn.Parameter(torch.randn(num_tokens + 1, width) / math.sqrt(width))
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.output = nn.Linear(width, output_width)

    def forward(self, tokens_BQD: Tensor) -> Tensor:
        """Pooled vectors ``(B, P)``."""
        mean_B1D = tokens_BQD.mean(dim=1, keepdim=True)
        seen_BKD = torch.cat([mean_B1D, tokens_BQD], dim=1) + self.positions
        query_BH1d, key_BHKd, value_BHKd = (
            values_BKD.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for values_BKD in (
                self.query(seen_BKD[:, :1]),
                self.key(seen_BKD),
                self.value(seen_BKD),
            )
        )
        found_BH1d = functional.scaled_dot_product_attention(query_BH1d, key_BHKd, value_BHKd)
        return self.output(found_BH1d.flatten(1))


class PooledPerceiverResampler(nn.Module):
    """Tokens in two parts, as the two text encoders of SDXL would give them, and a pooled vector.

    Args:
        config: ``output_width`` is the sum of both parts.
        pooled_width: width of the second part and of the pooled vector.

    Raises:
        ConfigError: if nothing is left for the first part.
    """

    def __init__(self, config: PerceiverConfig, *, pooled_width: int) -> None:
        super().__init__()
        first_width = config.output_width - pooled_width
        if first_width < 1:
            raise ConfigError(
                f"output_width {config.output_width} holds both parts, so it must be more than "
                f"pooled_width {pooled_width}"
            )
        self.network = perceiver_blocks(config, config.width)
        # Both parts are projected behind the last norm, not before it.
        self.network.proj_out = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
        self.first = nn.Linear(config.width, first_width)
        self.second = nn.Linear(config.width, pooled_width)
        self.pool = AttentionPool(
            config.width, pooled_width, num_tokens=config.num_queries, num_heads=config.num_heads
        )

    def forward(self, tokens_BKE: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens ``(B, Q, O)`` and pooled vectors ``(B, P)``."""
        hidden_BQD = self.network(tokens_BKE)
        tokens_BQO = torch.cat([self.first(hidden_BQD), self.second(hidden_BQD)], dim=-1)
        return tokens_BQO, self.pool(hidden_BQD)


@dataclass(frozen=True, kw_only=True)
class GridResamplerConfig:
    """Sizes of a resampler with a grid of queries."""

    input_width: int
    """Width of the tokens given."""
    width: int
    """Width of the tokens made; a multiple of 4, for the positions."""
    grid_size: int = 8
    """Side of the grid: its square is the number of tokens made."""
    num_heads: int = 16
    """Attention heads."""

    def __post_init__(self) -> None:
        """Refuse widths that do not divide."""
        if self.width % 4 or self.width % self.num_heads:
            raise ConfigError(
                f"width {self.width} must be a multiple of 4 and of num_heads {self.num_heads}"
            )


class GridResampler(nn.Module):
    """A square of tokens to a smaller square: one cross-attention with 2-D positions."""

    positions_QD: Tensor
    """Sines and cosines of each query's column and row."""

    def __init__(self, config: GridResamplerConfig) -> None:
        super().__init__()
        side, width = config.grid_size, config.width
        positions_QD = get_2d_sincos_pos_embed(width, side, base_size=side, output_type="pt")
        self.register_buffer("positions_QD", positions_QD.float(), persistent=False)
        self.queries = nn.Parameter(0.02 * torch.randn(side * side, width))
        self.projection = nn.Linear(config.input_width, width, bias=False)
        self.query_norm, self.key_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, config.num_heads, batch_first=True)

    def forward(self, tokens_BKE: Tensor) -> Tensor:
        """Tokens ``(B, Q, D)``.

        Raises:
            ShapeError: if the tokens given do not make a square.
        """
        values_BKD = self.key_norm(self.projection(tokens_BKE))
        queries_QD = self.query_norm(self.queries) + self.positions_QD
        made_BQD, _ = self.attention(
            queries_QD.expand(len(tokens_BKE), -1, -1),
            values_BKD + self.positions_of(tokens_BKE.shape[1]),
            values_BKD,
            need_weights=False,
        )
        return made_BQD

    def positions_of(self, num_tokens: int) -> Tensor:
        """Positions ``(K, D)`` of a square of tokens: the queries' own, stretched over it.

        Raises:
            ShapeError: if the tokens do not make a square.
        """
        side = math.isqrt(num_tokens)
        if side * side != num_tokens:
            raise ShapeError(f"{num_tokens} tokens make no square: give 1, 4, 9, 16, ... of them")
        if num_tokens == len(self.positions_QD):
            return self.positions_QD
        own_side = math.isqrt(len(self.positions_QD))
        own_1Dhw = self.positions_QD.T.unflatten(1, (own_side, own_side))[None]
        stretched_1Dhw = functional.interpolate(own_1Dhw, size=(side, side), mode="bicubic")
        return stretched_1Dhw[0].flatten(1).T
