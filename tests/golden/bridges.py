"""What joins the networks: the fuser and the resamplers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiostory.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from audiostory.models.bridge import Bridge, BridgeConfig, BridgeTokens
from audiostory.models.resamplers import (
    GridResampler,
    GridResamplerConfig,
    PerceiverConfig,
    PerceiverResampler,
    PooledPerceiverResampler,
)
from tests.golden.case import Case, Comparison

PROJECTOR = "seedx.whisper_resampler_llava.aud_projector."

BLOCK = {
    "0.norm1.": "ln0.",
    "0.norm2.": "ln1.",
    "0.to_q.": "attn.to_q.",
    "0.to_out.": "attn.to_out.0.",
    "1.0.": "ff.0.",
    "1.1.": "ff.1.net.0.proj.",
    "1.3.": "ff.1.net.2.",
}
"""Recorded names inside a Perceiver block, and the library's."""

ENDS = {
    "unet_proj_1.": "first.",
    "unet_proj_2.": "second.",
    "unet_attnpool.positional_embedding": "pool.positions",
    "unet_attnpool.q_proj.": "pool.query.",
    "unet_attnpool.k_proj.": "pool.key.",
    "unet_attnpool.v_proj.": "pool.value.",
    "unet_attnpool.c_proj.": "pool.output.",
}
"""Recorded names of what follows the blocks, and ours."""

GRID = {
    "query": "queries",
    "kv_proj.": "projection.",
    "ln_q.": "query_norm.",
    "ln_kv.": "key_norm.",
    "attn.": "attention.",
}
"""Recorded names of the resampler with a grid of queries, and ours."""


def renamed(name: str, prefixes: dict[str, str]) -> str | None:
    """``name`` with the first fitting prefix replaced; None if none fits."""
    for theirs, ours in prefixes.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return None


@torch.no_grad()
def fuser(case: Case, compare: Comparison) -> None:
    given = case.tensors
    tokens = BridgeTokens(given["in/t5_projected"], given["in/aud_projected"])
    bridge = Bridge(
        BridgeConfig(
            llm_width=1,
            width=case.about["embed_dim"],
            num_semantic=tokens.semantic_BSD.shape[1],
            num_residual=tokens.residual_BRD.shape[1],
            num_fusion_heads=case.about["num_heads"],
            feature_scale=case.about["t5_feature_scale"],
        )
    )
    bridge.fuser.attention.load_state_dict(case.weights_under("multihead_attention."))
    if "mid/attn_output" in given:
        compare.close("mid/attn_output", bridge.fuser(tokens) - tokens.semantic_BSD)
    compare.close("out/fused", bridge.fuse(tokens).tokens_BSD)


@torch.no_grad()
def whisper_resampler(case: Case, compare: Comparison) -> None:
    encoder = AudioEncoder(
        AudioEncoderConfig(
            width=case.about["ori_embed_dim"],
            num_layers=0,
            num_heads=1,
            llm_width=case.about["tgt_embed_dim"],
            num_tokens=case.about["token_num"],
        )
    )
    encoder.projector.load_state_dict(case.weights_under(PROJECTOR))
    compare.close("out/y", encoder.project(case.tensors["in/x"]))
    if "mid/pooled" in case.tensors:
        encoder.projector = nn.Sequential()
        compare.close("mid/pooled", encoder.project(case.tensors["in/x"]))


def perceiver_weights(case: Case) -> dict[str, Tensor]:
    """The recorded weights under our names; the library keeps keys and values apart."""
    ours = {}
    for name, weight in case.weights.items():
        kind, _, rest = name.partition(".")
        if kind == "layers":
            index, _, part = rest.partition(".")
            block = f"network.layers.{index}."
            if part == "0.to_kv.weight":
                ours[block + "attn.to_k.weight"], ours[block + "attn.to_v.weight"] = weight.chunk(2)
            else:
                ours[f"{block}{renamed(part, BLOCK)}"] = weight
        else:
            ours[renamed(name, ENDS) or f"network.{name}"] = weight
    return ours


@torch.no_grad()
def perceiver_resampler(case: Case, compare: Comparison) -> None:
    sizes = case.about["config"]
    pooled_width = sizes.get("output2_dim")
    config = PerceiverConfig(
        input_width=sizes["embedding_dim"],
        width=sizes["dim"],
        output_width=sizes["output1_dim"] + pooled_width if pooled_width else sizes["output_dim"],
        num_queries=sizes["num_queries"],
        num_blocks=sizes["depth"],
        num_heads=sizes["heads"],
        head_dim=sizes["dim_head"],
        ff_multiple=sizes["ff_mult"],
    )
    if not pooled_width:
        resampler = PerceiverResampler(config)
        resampler.load_state_dict(perceiver_weights(case))
        compare.close("out/tokens", resampler(case.tensors["in/x"]))
        return
    pooled_resampler = PooledPerceiverResampler(config, pooled_width=pooled_width)
    pooled_resampler.load_state_dict(perceiver_weights(case))
    tokens_BQO, pooled_BP = pooled_resampler(case.tensors["in/x"])
    compare.close("out/tokens", tokens_BQO)
    compare.close("out/pooled", pooled_BP)


@torch.no_grad()
def qwen_resampler(case: Case, compare: Comparison) -> None:
    about, width = case.about, case.about["embed_dim"]
    resampler = GridResampler(
        GridResamplerConfig(
            input_width=case.tensors["in/x"].shape[-1],
            width=width,
            grid_size=about["grid_size"],
            num_heads=about["num_heads"],
        )
    )
    weights = dict(case.weights)
    compare.close("positions", resampler.positions_QD, weights.pop("pos_embed"))
    weights.setdefault("kv_proj.weight", torch.eye(width))  # left out where the widths agree
    resampler.load_state_dict({renamed(name, GRID): weights[name] for name in weights})
    compare.close("out/y", resampler(case.tensors["in/x"]))


KINDS = {
    "fuser": fuser,
    "whisper_resampler": whisper_resampler,
    "perceiver_resampler": perceiver_resampler,
    "qwen_resampler": qwen_resampler,
}
