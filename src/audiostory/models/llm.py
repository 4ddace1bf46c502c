"""The reasoner's network: a causal language model, optionally with LoRA.

Wraps Hugging Face's Qwen2 for every size: nano trains all of it from scratch, the 3B release is
Qwen2.5-3B with LoRA of rank 32 and a vocabulary grown by the story's markers (Sec. 4.1, 5.1).

Shapes: ``B`` sequences, ``L`` tokens, ``K`` tokens seen so far (cache and input), ``D`` width,
``V`` vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from transformers import DynamicCache, Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.token_memory import TokenMemory

ALL_PROJECTIONS = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)


@dataclass(frozen=True, kw_only=True)
class LoraSettings:
    """Low-rank updates of the projections (arXiv:2106.09685); defaults are the release's."""

    rank: int = 32
    """Rank of every update."""
    alpha: float = 32.0
    """Updates are scaled by alpha / rank."""
    dropout: float = 0.05
    """Dropout on the input of the updates, in training only."""
    targets: tuple[str, ...] = ALL_PROJECTIONS
    """Names of the linear maps that are updated."""


@dataclass(frozen=True, kw_only=True)
class LlmConfig:
    """Sizes of the language model."""

    hidden_size: int
    """Width of the residual stream."""
    num_layers: int
    """Transformer blocks."""
    num_heads: int
    """Query heads."""
    num_kv_heads: int
    """Key and value heads (grouped-query attention)."""
    intermediate_size: int
    """Width inside the gated MLP."""
    vocab_size: int
    """Rows of the embedding, markers included."""
    rope_theta: float = 1_000_000.0
    """Base of the rotary frequencies; Qwen2.5's."""
    max_positions: int = 32_768
    """Longest sequence, in tokens; Qwen2.5's."""
    tie_embeddings: bool = True
    """The output layer is the embedding."""
    rms_eps: float = 1e-6
    """Added to the variance in RMSNorm."""
    lora: LoraSettings | None = None
    """Low-rank updates; None trains or runs the plain weights."""

    def __post_init__(self) -> None:
        """Refuse sizes that do not divide."""
        if self.hidden_size % self.num_heads or self.num_heads % self.num_kv_heads:
            raise ConfigError(
                f"hidden_size {self.hidden_size} must be a multiple of num_heads {self.num_heads}, "
                f"and that of num_kv_heads {self.num_kv_heads}"
            )


class LanguageModel(nn.Module):
    """Token ids to hidden states to logits."""

    def __init__(self, config: LlmConfig) -> None:
        super().__init__()
        self.config = config
        self.network = Qwen2ForCausalLM(_qwen2_config(config))
        if config.lora is not None:
            _add_lora(self.network, config.lora)

    def embed(self, ids_BL: Tensor) -> Tensor:
        """Input embeddings ``(B, L, D)`` of token ids."""
        return self.network.model.embed_tokens(ids_BL)

    def hidden_states(
        self,
        input_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: DynamicCache | None = None,
    ) -> Tensor:
        """Last hidden states ``(B, L, D)``, after the final norm, at the input positions.

        Args:
            input_ids: token ids ``(B, L)``; or
            inputs_embeds: their embeddings ``(B, L, D)``, where some are no tokens.
            attention_mask: None is causal over everything; ``(B, K)`` marks real tokens (1) and
                padding (0), still causal; boolean ``(B, 1, L, K)`` says itself who may attend to
                whom (True), every row at least once.
            position_ids: ``(B, L)``; by default counted on from the cache's length.
            cache: from ``new_cache``; is read and grows by the L tokens.

        Raises:
            ShapeError: if the inputs do not fit each other or exceed ``max_positions``.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ShapeError("give either input_ids or inputs_embeds")
        given = input_ids if input_ids is not None else inputs_embeds
        assert given is not None
        num_seen = (0 if cache is None else int(cache.get_seq_length())) + given.shape[1]
        if num_seen > self.config.max_positions:
            raise ShapeError(
                f"the sequence has {num_seen} tokens; this model reads at most "
                f"{self.config.max_positions}: tell the story in shorter passages"
            )
        mask = _checked_mask(attention_mask, given, num_seen)
        if mask is None and position_ids is not None:
            # Without a mask, transformers takes a jump in positions for a border between packed
            # texts and silently stops attention there.
            mask = torch.ones(given.shape[0], num_seen, dtype=torch.bool, device=given.device)
        return self.network.model(
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores ``(..., V)`` of the next token after each hidden state ``(..., D)``."""
        return self.network.lm_head(hidden)

    def new_memory(self, num_rows: int = 1) -> TokenMemory:
        """An empty memory for so many texts: what generation reads and writes with."""
        return TokenMemory(self, num_rows)

    def new_cache(self) -> DynamicCache:
        """An empty cache of keys and values; ``crop(length)`` takes tokens back."""
        return DynamicCache(config=self.network.config)

    @torch.no_grad()
    def grow_vocabulary(self, vocab_size: int) -> None:
        """Append embedding rows up to ``vocab_size``: the mean row in, thrice the mean row out.

        Tied models have one table, grown as the input's. Source: the release's vocabulary growth.

        Raises:
            ConfigError: if the vocabulary would shrink.
        """
        if vocab_size < self.config.vocab_size:
            raise ConfigError(
                f"the vocabulary has {self.config.vocab_size} tokens and cannot shrink to "
                f"{vocab_size}"
            )
        table_VD = grown_table(self.network.model.embed_tokens.weight, vocab_size)
        out_VD = grown_table(self.network.lm_head.weight, vocab_size, times=3.0)
        self.network.resize_token_embeddings(vocab_size, mean_resizing=False)
        self.network.model.embed_tokens.weight.copy_(table_VD)
        if not self.config.tie_embeddings:
            self.network.lm_head.weight.copy_(out_VD)
        self.config = replace(self.config, vocab_size=vocab_size)

    def add_lora(self, settings: LoraSettings) -> None:
        """Put fresh low-rank updates, which change nothing yet, beside the plain weights.

        Raises:
            ConfigError: if there are some already.
        """
        if self.config.lora is not None:
            raise ConfigError("the language model has a LoRA already: merge it before")
        weight = next(self.network.parameters())
        _add_lora(self.network, settings)
        self.to(weight.device, weight.dtype)
        self.config = replace(self.config, lora=settings)

    def merge_lora(self) -> None:
        """Fold the low-rank updates into the plain weights: same numbers, less to compute."""
        from peft.tuners.lora import LoraLayer

        for name, layer in list(self.network.named_modules()):
            if isinstance(layer, LoraLayer):
                layer.merge()
                parent, _, attribute = name.rpartition(".")
                setattr(self.network.get_submodule(parent), attribute, layer.get_base_layer())
        if hasattr(self.network, "peft_config"):
            del self.network.peft_config  # else the library warns of a second LoRA
        self.config = replace(self.config, lora=None)


def grown_table(table_VD: Tensor, vocab_size: int, *, times: float = 1.0) -> Tensor:
    """A vocabulary's table with rows up to ``vocab_size``: ``times`` the mean of those it has.

    Source: the release's vocabulary growth.
    """
    new_1D = (times * table_VD.float().mean(0, keepdim=True)).to(table_VD.dtype)
    return torch.cat([table_VD, new_1D.expand(vocab_size - len(table_VD), -1)])


def _qwen2_config(config: LlmConfig) -> Qwen2Config:
    """Hugging Face's description of the same network."""
    return Qwen2Config(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_kv_heads,
        max_position_embeddings=config.max_positions,
        rms_norm_eps=config.rms_eps,
        tie_word_embeddings=config.tie_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        attn_implementation="sdpa",  # pyright: ignore[reportCallIssue] - taken by the base class
    )


def _add_lora(network: nn.Module, settings: LoraSettings) -> None:
    """Wrap the target projections in place; their weights move to ``<name>.base_layer``."""
    from peft import LoraConfig, inject_adapter_in_model  # slow to import, and nano has no LoRA

    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        bias="none",
    )
    inject_adapter_in_model(lora, network)


def _checked_mask(mask: Tensor | None, given: Tensor, num_seen: int) -> Tensor | None:
    """The mask itself, if it has one of the two shapes ``hidden_states`` documents."""
    if mask is None:
        return None
    batch, length = given.shape[:2]
    if mask.ndim == 4 and mask.dtype is not torch.bool:
        raise ShapeError(f"a (B, 1, L, K) mask must be boolean (True attends), got {mask.dtype}")
    allowed = ((batch, num_seen), (batch, 1, length, num_seen), (1, 1, length, num_seen))
    if tuple(mask.shape) not in allowed:
        raise ShapeError(
            f"an attention mask of shape {list(mask.shape)} does not fit {batch} sequences of "
            f"{length} new and {num_seen} known tokens: give one of {allowed[:2]}"
        )
    return mask
