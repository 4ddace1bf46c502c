"""A language model that copies before its first training step.

Copying what was said before is done by two attention layers in a row: heads that look at the
token before, and heads that look for what followed the present token earlier (induction heads). A
random start finds that circuit late; here it is written into the weights, and training goes on
from it (docs/decisions/005-copying-start.md).

Sources: induction heads, arXiv:2209.11895; starting from weights that do what trained ones do,
arXiv:2305.09828.

The residual stream is divided at the start: a first half for the token itself, two quarters for
the two tokens before it. Nothing keeps that division once training begins.

Shapes: ``V`` vocabulary, ``D`` model width, ``E`` width of a token's own half, ``F`` features,
``h`` width of a head, ``s`` its slow rotary dimensions.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention

from audiostory.errors import ConfigError
from audiostory.models.llm import LanguageModel

LOOK_BACK_SHARPNESS = 60.0
"""Score of the position a look-back head looks at; its neighbours get about a tenth less."""
MATCH_SHARPNESS = 12.0
"""Score of a position whose preceding token is the present one; others get about 0 +- 2."""
COPY_GAIN = 3.0
"""Length of what is copied, beside the present token's own length of one."""
MEANING_SHARE = 0.5
"""Share of a token's vector that comes from its meaning; the rest tells it from its synonyms."""


@torch.no_grad()
def start_copying(
    llm: LanguageModel, generator: torch.Generator, features_VF: Tensor | None = None
) -> None:
    """Write the copying circuit into the first two layers and set the embeddings.

    Args:
        llm: a model with random weights; layers after the second are left as they are.
        generator: draws the directions tokens are told apart by.
        features_VF: what each token means, as a text encoder says; tokens of like meaning then
            start with like vectors. None starts with directions alone.

    Raises:
        ConfigError: for sizes the circuit does not fit.
    """
    config = llm.config
    fits = (config.num_heads, config.num_kv_heads, config.num_layers >= 2) == (4, 2, True)
    if not (fits and config.tie_embeddings and config.lora is None):
        raise ConfigError(
            f"{config.num_heads} heads, {config.num_kv_heads} for keys, {config.num_layers} "
            "layers: a copying start needs 4, 2 and at least 2, tied embeddings and no LoRA"
        )
    embeddings_VE = token_directions(config.vocab_size, config.hidden_size // 2, generator)
    if features_VF is not None:
        meaning_VE = principal(features_VF, config.hidden_size // 2)
        embeddings_VE = MEANING_SHARE * meaning_VE + (1 - MEANING_SHARE) * embeddings_VE
    table_VD = llm.network.model.embed_tokens.weight
    table_VD.zero_()
    table_VD[:, : config.hidden_size // 2] = nn.functional.normalize(embeddings_VE)
    first, second = (cast(Qwen2Attention, llm.network.model.layers[i].self_attn) for i in (0, 1))
    basis_EE = rotation(config.hidden_size // 2, generator)
    seen_hE = basis_EE[: config.hidden_size // config.num_heads]
    frequencies = config.rope_theta ** -torch.linspace(0, 1, len(seen_hE) // 2 + 1)[:-1]
    look_back(first, seen_hE, frequencies)
    copy_what_followed(second, basis_EE, generator)


def look_back(attention: Qwen2Attention, seen_hE: Tensor, frequencies: Tensor) -> None:
    """Heads 0 and 1 write the token one and two places back into the quarters meant for it.

    Rotary positions give the score ``sum_f a^2 cos(f (distance - offset))`` to constant queries of
    phase ``-f offset`` and constant keys.
    """
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj):
        projection.weight.mul_(0.1)
    head_dim, half = len(seen_hE), seen_hE.shape[1]
    num_fast = head_dim // 8
    height = math.sqrt(LOOK_BACK_SHARPNESS * math.sqrt(head_dim) / num_fast)
    for head in (0, 1):
        start = head * head_dim
        phase = -frequencies[:num_fast] * (head + 1)
        attention.q_proj.weight[start : start + head_dim].zero_()
        attention.q_proj.bias[start : start + num_fast] = height * phase.cos()
        middle = start + head_dim // 2
        attention.q_proj.bias[middle : middle + num_fast] = height * phase.sin()
        quarter = half + head * head_dim
        attention.o_proj.weight[:, start : start + head_dim].zero_()
        attention.o_proj.weight[quarter : quarter + head_dim, start : start + head_dim] = torch.eye(
            head_dim
        ) / math.sqrt(half)
    attention.k_proj.weight[:head_dim].zero_()
    attention.k_proj.bias[:num_fast] = height
    attention.v_proj.weight[:head_dim].zero_()
    attention.v_proj.weight[:head_dim, :half] = seen_hE


def copy_what_followed(
    attention: Qwen2Attention, basis_EE: Tensor, generator: torch.Generator
) -> None:
    """Every head looks for an earlier place after the present token, and says what stands there.

    Heads 0 and 2 also want the token before to be the same. Matching uses the slow half of the
    rotary dimensions, in which distance hardly counts; the two value heads share the token's half
    of the stream between them, so that together they copy all of it.
    """
    half = len(basis_EE)
    head_dim = half // 2
    seen_hE, num_slow = basis_EE[:head_dim], head_dim // 4
    slow = torch.cat([torch.arange(num_slow) + start * num_slow for start in (1, 3)])
    # The stream holds three parts of length one; its norm is brought to sqrt(D) = sqrt(2 half).
    part = math.sqrt(2 * half / 3)
    scale = math.sqrt(MATCH_SHARPNESS * math.sqrt(head_dim) / (part**2 * math.sqrt(0.5) * 0.5))
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.weight.zero_()
    for group in (0, 1):
        now_sh, before_sh = (rotation(head_dim, generator)[: len(slow)] for _ in range(2))
        keys = attention.k_proj.weight[group * head_dim : (group + 1) * head_dim]
        keys[slow, half : half + head_dim] = scale * now_sh
        keys[slow, half + head_dim :] = scale * math.sqrt(0.5) * before_sh
        values_hE = basis_EE[group * head_dim : (group + 1) * head_dim]
        attention.v_proj.weight[group * head_dim : (group + 1) * head_dim, :half] = values_hE
        for head in (2 * group, 2 * group + 1):
            start = head * head_dim
            queries = attention.q_proj.weight[start : start + head_dim]
            queries[slow, :half] = scale * now_sh @ seen_hE
            if head == 2 * group:
                queries[slow, half : half + head_dim] = scale * before_sh
            attention.o_proj.weight[:, start : start + head_dim] = 0
            attention.o_proj.weight[:half, start : start + head_dim] = (
                values_hE.T * COPY_GAIN / (2 * part)
            )


def token_directions(num_tokens: int, width: int, generator: torch.Generator) -> Tensor:
    """Random directions ``(V, E)`` of length one, nearly at right angles to each other."""
    return nn.functional.normalize(torch.randn(num_tokens, width, generator=generator))


def rotation(width: int, generator: torch.Generator) -> Tensor:
    """A random orthogonal matrix ``(E, E)``."""
    return torch.linalg.qr(torch.randn(width, width, generator=generator))[0]


def principal(features_VF: Tensor, width: int) -> Tensor:
    """Features along their ``width`` principal axes, each row of length one, ``(V, E)``."""
    centred_VF = features_VF - features_VF.mean(dim=0)
    axes_FE = torch.linalg.svd(centred_VF, full_matrices=False)[2][:width].T
    return nn.functional.normalize(centred_VF @ axes_FE)
