"""What the language model remembers of texts under way, so that each token is read only once.

A memory has a row for each text and a fixed place for each token, so that rows of different lengths
are read together, forgetting is free, and on CUDA a step of one token a row is a graph that is
captured once and replayed. The arithmetic is that of the network in ``llm.py``, on its own weights.

Sources: Qwen2, arXiv:2407.10671; rotary positions, arXiv:2104.09864; grouped-query attention,
arXiv:2305.13245.

Shapes: ``B`` texts (rows), ``L`` new tokens, ``K`` places looked at, ``D`` the model's width,
``Q`` query heads, ``G`` query heads per key head, ``N`` key heads, ``X`` both kinds of heads,
``d`` width of a head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiostory.errors import ShapeError
from audiostory.models.capture import Work, captured

if TYPE_CHECKING:
    from audiostory.models.llm import LanguageModel

FIRST_PLACES = 512
"""Places that a row has at first; it grows as it fills."""
FIRST_PLACES_CUDA = 2048
"""The same on CUDA, where tokens look at all places of their row, so that one graph serves them."""
ALL_ROWS = slice(None)


class TokenMemory:
    """Keys and values of the tokens that were read, a row for each text.

    Args:
        llm: its network reads.
        num_rows: texts that are under way at once.
    """

    def __init__(self, llm: LanguageModel, num_rows: int = 1) -> None:
        self.llm = llm
        self.num_rows = num_rows
        self.lengths = [0] * num_rows
        """Tokens that each row remembers."""
        self._weight = next(llm.parameters())
        self._num_places = 0
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._turns: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))
        self._step: Work | None = None
        on_cuda = self._weight.device.type == "cuda"
        first = FIRST_PLACES_CUDA if on_cuda else FIRST_PLACES
        self._make_room(min(first, llm.config.max_positions))

    @torch.inference_mode()
    def read(self, ids: Sequence[Sequence[int]], rows: slice = ALL_ROWS) -> Tensor:
        """Last hidden states ``(B, L, D)`` of new tokens, which are remembered.

        Args:
            ids: new tokens of each row, at least one; L is the most of any. The states of a row
                after its own tokens mean nothing.
            rows: which rows; all by default.

        Raises:
            ShapeError: if rows and texts differ in number, or a text gets too long for the model.
        """
        chosen = range(self.num_rows)[rows]
        if len(ids) != len(chosen) or not all(ids):
            raise ShapeError(f"{len(ids)} texts for {len(chosen)} rows: give each a token or more")
        longest = max(map(len, ids))
        starts = [self.lengths[row] for row in chosen]
        ends = [start + len(text) for start, text in zip(starts, ids, strict=True)]
        if max(starts) + longest > self.llm.config.max_positions:
            raise ShapeError(
                f"the sequence has {max(starts) + longest} tokens; this model reads at most "
                f"{self.llm.config.max_positions}: tell the story in shorter passages"
            )
        self._make_room(max(starts) + longest)
        padded = [list(text) + [0] * (longest - len(text)) for text in ids]
        device = self._weight.device
        ids_BL = torch.tensor(padded, device=device)
        starts_B1 = torch.tensor(starts, device=device)[:, None]
        positions_BL = starts_B1 + torch.arange(longest, device=device)
        num_places = max(starts) + longest
        if device.type == "cuda" and longest == 1 and len(chosen) == self.num_rows:
            hidden_BLD = self._replayed(ids_BL, positions_BL)
        else:
            hidden_BLD = self._forward(ids_BL, positions_BL, num_places, rows)
        for row, end in zip(chosen, ends, strict=True):
            self.lengths[row] = end
        return hidden_BLD

    def read_step(self, token_of: Mapping[int, int]) -> dict[int, Tensor]:
        """Last hidden states ``(1, 1, D)`` of one new token in each of some rows, by row.

        The rows between them (on CUDA all others, for there the step of all rows is captured) are
        read along with a token that they do not remember.

        Raises:
            ShapeError: if a text gets too long for the model.
        """
        rows = range(min(token_of), max(token_of) + 1)
        if self._weight.device.type == "cuda":
            rows = range(self.num_rows)
        kept = {row: self.lengths[row] for row in rows if row not in token_of}
        last = self.llm.config.max_positions - 1
        for row, length in kept.items():  # a full row cannot read on before it forgets that place
            self.lengths[row] = min(length, last)
        try:
            ids = [[token_of.get(row, 0)] for row in rows]
            hidden_B1D = self.read(ids, slice(rows.start, rows.stop))
        finally:
            for row, length in kept.items():
                self.lengths[row] = length
        return {row: hidden_B1D[[row - rows.start]] for row in token_of}

    def forget(self, row: int, length: int) -> None:
        """Remember only the first ``length`` tokens of a row."""
        self.lengths[row] = min(self.lengths[row], length)

    def _forward(
        self, ids_BL: Tensor, positions_BL: Tensor, num_places: int, rows: slice
    ) -> Tensor:
        """The network's last hidden states, after the final norm."""
        network: Any = self.llm.network.model
        places_K = torch.arange(num_places, device=ids_BL.device)
        allowed_B1LK = (places_K <= positions_BL[..., None])[:, None]
        turns_BL1d = [turn_Kd[positions_BL][:, :, None] for turn_Kd in self._turns]
        hidden_BLD = network.embed_tokens(ids_BL)
        rows_B1 = torch.arange(len(ids_BL), device=ids_BL.device)[:, None]
        num_queries = self.llm.config.num_heads
        for index, layer in enumerate(network.layers):
            normed_BLD = _normed(layer.input_layernorm, hidden_BLD)
            asked_BLXd, value_BLNd = self._projected(layer.self_attn, normed_BLD)
            turned_BLXd = _turned(asked_BLXd, *turns_BL1d)
            query_BLQd = turned_BLXd[:, :, :num_queries]
            keys_BKNd = self._keys[index][rows]
            values_BKNd = self._values[index][rows]
            keys_BKNd[rows_B1, positions_BL] = turned_BLXd[:, :, num_queries:]
            values_BKNd[rows_B1, positions_BL] = value_BLNd
            found_BLD = _attended(
                query_BLQd, keys_BKNd[:, :num_places], values_BKNd[:, :num_places], allowed_B1LK
            )
            hidden_BLD = hidden_BLD + layer.self_attn.o_proj(found_BLD)
            normed_BLD = _normed(layer.post_attention_layernorm, hidden_BLD)
            hidden_BLD = hidden_BLD + layer.mlp(normed_BLD)
        return _normed(network.norm, hidden_BLD)

    def _projected(self, attention: Any, normed_BLD: Tensor) -> tuple[Tensor, Tensor]:
        """Queries, then keys ``(B, L, X, d)``, which are turned alike; values ``(B, L, N, d)``."""
        config = self.llm.config
        asked_BLX = torch.cat([attention.q_proj(normed_BLD), attention.k_proj(normed_BLD)], dim=-1)
        return (
            asked_BLX.unflatten(-1, (config.num_heads + config.num_kv_heads, -1)),
            attention.v_proj(normed_BLD).unflatten(-1, (config.num_kv_heads, -1)),
        )

    def _make_room(self, num_places: int) -> None:
        """Give every row at least as many places; what was captured for fewer is void."""
        if num_places <= self._num_places:
            return
        config, weight = self.llm.config, self._weight
        places = min(max(num_places, 2 * self._num_places), config.max_positions)
        head_dim = config.hidden_size // config.num_heads
        shape = (self.num_rows, places, config.num_kv_heads, head_dim)
        keys, values = (
            [weight.new_zeros(shape) for _ in range(config.num_layers)] for _ in range(2)
        )
        turns = _turns_of(places, head_dim, config.rope_theta, weight)
        # only now is any of it taken: where memory did not suffice, all stays as it was
        for old, new in ((self._keys, keys), (self._values, values)):
            for old_BKNd, new_BKNd in zip(old, new, strict=False):
                new_BKNd[:, : self._num_places] = old_BKNd
        self._keys, self._values, self._turns = keys, values, turns
        self._num_places = places
        self._step = None

    def _replayed(self, ids_B1: Tensor, positions_B1: Tensor) -> Tensor:
        """One token a row through a captured graph (CUDA), looking at every place there is."""
        if self._step is None:
            self._step = captured(
                lambda ids, positions: self._forward(ids, positions, self._num_places, ALL_ROWS),
                ids_B1,
                positions_B1,
            )
        return self._step(ids_B1, positions_B1)


def _turns_of(
    num_places: int, head_dim: int, rope_theta: float, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Cosines and sines ``(K, d)`` of every place's angles."""
    speeds_h = 1.0 / rope_theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles_Kh = torch.arange(num_places, dtype=torch.float32)[:, None] * speeds_h
    angles_Kd = torch.cat([angles_Kh, angles_Kh], dim=-1)
    return angles_Kd.cos().to(weight), angles_Kd.sin().to(weight)


def _turned(states_BLNd: Tensor, cosine_BL1d: Tensor, sine_BL1d: Tensor) -> Tensor:
    """States turned by the angles of their places."""
    first, second = states_BLNd.chunk(2, dim=-1)
    swapped_BLNd = torch.cat([-second, first], dim=-1)
    return states_BLNd * cosine_BL1d + swapped_BLNd * sine_BL1d


def _normed(norm: Any, hidden_BLD: Tensor) -> Tensor:
    """What the network's RMSNorm makes of hidden states."""
    weight: nn.Parameter = norm.weight
    if hidden_BLD.device.type == "cuda":  # there it is one kernel, on CPUs slower than its parts
        return functional.rms_norm(hidden_BLD, weight.shape, weight, norm.variance_epsilon)
    power_BL1 = hidden_BLD.float().square().mean(dim=-1, keepdim=True)
    scaled_BLD = hidden_BLD * torch.rsqrt(power_BL1 + norm.variance_epsilon)
    return scaled_BLD.to(weight.dtype) * weight


def _attended(
    query_BLQd: Tensor, keys_BKNd: Tensor, values_BKNd: Tensor, allowed_B1LK: Tensor
) -> Tensor:
    """What queries find ``(B, L, D)``; query heads that share a key head ask it side by side."""
    num_tokens, num_keys = query_BLQd.shape[1], keys_BKNd.shape[2]
    grouped_BNGLd = query_BLQd.unflatten(2, (num_keys, -1)).permute(0, 2, 3, 1, 4)
    group = grouped_BNGLd.shape[2]
    if num_tokens > 1:
        allowed_B1LK = allowed_B1LK.repeat(1, 1, group, 1)
    found_BNXd = functional.scaled_dot_product_attention(
        grouped_BNGLd.flatten(2, 3),
        keys_BKNd.transpose(1, 2),
        values_BKNd.transpose(1, 2),
        attn_mask=allowed_B1LK,
    )
    found_BNGLd = found_BNXd.unflatten(2, (group, num_tokens))
    return found_BNGLd.permute(0, 3, 1, 2, 4).flatten(2)
