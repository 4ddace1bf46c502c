"""The language model: its forward under LoRA, and how its vocabulary grows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from audiostory.models.checkpoint import name_of_release
from audiostory.models.llm import LanguageModel, LlmConfig, LoraSettings
from audiostory.train.objective import text_loss
from tests.golden.case import Case, Comparison

RELEASED = "seedx.llm."
OURS = "llm."


def llm_config(about: dict[str, Any]) -> LlmConfig:
    """Sizes and LoRA settings that a manifest names; what it leaves out is Qwen2.5's."""
    sizes, lora = about["llm_config_after_resize"], about.get("lora")
    optional = {
        "rope_theta": "rope_theta",
        "max_position_embeddings": "max_positions",
        "tie_word_embeddings": "tie_embeddings",
        "rms_norm_eps": "rms_eps",
    }
    return LlmConfig(
        hidden_size=sizes["hidden_size"],
        num_layers=sizes["num_hidden_layers"],
        num_heads=sizes["num_attention_heads"],
        num_kv_heads=sizes["num_key_value_heads"],
        intermediate_size=sizes["intermediate_size"],
        vocab_size=sizes["vocab_size"],
        lora=lora and lora_settings(lora),
        **{ours: sizes[theirs] for theirs, ours in optional.items() if theirs in sizes},
    )


def lora_settings(lora: dict[str, Any]) -> LoraSettings:
    """Ours of PEFT's; nothing is dropped out."""
    return LoraSettings(
        rank=lora["r"],
        alpha=lora["lora_alpha"],
        dropout=0.0,
        targets=tuple(lora.get("target_modules", LoraSettings.targets)),
    )


def language_model(about: dict[str, Any], weights: dict[str, Tensor]) -> LanguageModel:
    """The language model of a manifest with its weights; others among them are left out."""
    llm = LanguageModel(llm_config(about))
    llm.load_state_dict(our_weights(llm, weights))
    return llm.eval()


def our_weights(llm: LanguageModel, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Released weights of the language model under the names of ``llm``."""
    wanted, ours = llm.state_dict(), {}
    for released, weight in weights.items():
        name = name_of_release(released) if released.startswith(RELEASED) else None
        if name is not None:
            name = name.removeprefix(OURS)
            without_lora = name.replace(".base_layer.", ".")
            ours[without_lora if without_lora in wanted else name] = weight
    if llm.config.tie_embeddings:
        table_VD = ours["network.model.embed_tokens.weight"]
        again_VD = ours.setdefault("network.lm_head.weight", table_VD)
        assert torch.equal(again_VD, table_VD), "the tied tables differ"
    return ours


@torch.no_grad()
def llm_lora_forward(case: Case, compare: Comparison) -> None:
    given = case.tensors
    mask_BL, labels_BL = given["in/attention_mask"], given["in/labels"]
    llm = language_model(case.about, case.weights)
    hidden_BLD = llm.hidden_states(given["in/input_ids"], attention_mask=mask_BL)
    loss = text_loss(llm, hidden_BLD, labels_BL)
    _compare_real(compare, "out/last_hidden_state", hidden_BLD)
    _compare_real(compare, "out/logits", llm.logits(hidden_BLD))
    compare.close("out/lm_loss", loss.reshape(1))
    llm.merge_lora()
    merged_BLD = llm.hidden_states(given["in/input_ids"], attention_mask=mask_BL)
    _compare_real(compare, "out/last_hidden_state", merged_BLD)


def _compare_real(compare: Comparison, name: str, ours_BLX: Tensor) -> None:
    """Compare where tokens are real."""
    real_BL = compare.case.tensors["in/attention_mask"].bool()
    compare.close(name, ours_BLX[real_BL], compare.case.tensors[name][real_BL])


@torch.no_grad()
def resize_vocab(case: Case, compare: Comparison) -> None:
    given = case.tensors
    num_old, width = given["in/embed"].shape
    config = LlmConfig(
        hidden_size=width,
        num_layers=1,
        num_heads=1,
        num_kv_heads=1,
        intermediate_size=width,
        vocab_size=num_old,
        tie_embeddings=case.about["tie_word_embeddings"],
    )
    llm = LanguageModel(config)
    if config.tie_embeddings:
        compare.equal("tied tables", given["in/lm_head"], given["in/embed"])
    llm.network.model.embed_tokens.weight.copy_(given["in/embed"])
    llm.network.lm_head.weight.copy_(given["in/lm_head"])
    llm.grow_vocabulary(len(given["out/embed"]))
    compare.equal("vocab_size", llm.config.vocab_size, len(given["out/embed"]))
    compare.close("out/embed", llm.network.model.embed_tokens.weight)
    compare.close("out/lm_head", llm.network.lm_head.weight)


KINDS = {"llm_lora_forward": llm_lora_forward, "resize_vocab": resize_vocab}
