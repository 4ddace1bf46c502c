"""A folder laid out exactly as the released AudioStory-3B and its companions, at tiny sizes.

Names are written out here as the release has them, or come from the library classes that it wraps;
nothing is taken from our own mapping.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor
from transformers import T5Config, T5EncoderModel

from audiostory.models.tokenizer import StoryTokenizer, train_byte_bpe
from audiostory.story.tokens import SpecialTokens
from tests.tiny import TEXTS

State = dict[str, Tensor]

H, LAYERS, HEADS, KV_HEADS, INNER, RANK = 32, 2, 4, 2, 48, 4
WIDTH, LATENT = 32, 8
BASE_IDS = 320
MARKERS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VOCAB = BASE_IDS + len(SpecialTokens().added_tokens())
PROJECTIONS = {
    "self_attn.q_proj": (H, H),
    "self_attn.k_proj": (H // HEADS * KV_HEADS, H),
    "self_attn.v_proj": (H // HEADS * KV_HEADS, H),
    "self_attn.o_proj": (H, H),
    "mlp.gate_proj": (INNER, H),
    "mlp.up_proj": (INNER, H),
    "mlp.down_proj": (H, INNER),
}
BASE_CONFIG = {
    "model_type": "qwen2",
    "hidden_size": H,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "intermediate_size": INNER,
    "rope_theta": 1000000.0,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "max_position_embeddings": 4096,
    "vocab_size": BASE_IDS,
}
DIT_CONFIG = {
    "num_layers": 1,
    "num_single_layers": 1,
    "in_channels": LATENT,
    "attention_head_dim": 16,
    "joint_attention_dim": WIDTH,
    "num_attention_heads": 2,
    "audio_seq_len": 40,
    "max_duration": 30,
    "uncondition": False,
    "axes_dims_rope": [4, 6, 6],
}
PLAIN = {
    "llm_model": {"_target_": "src.models.get_peft_model", "peft_config": {"lora_alpha": 8}},
    "agent_model": {"_target_": "AudioStory_llm", "model_dims": H, "t5_feature_scale": 5.0},
    "train_dataset": {"datapipes": [{"num_t5_out_tokens": 4, "num_aud_out_tokens": 2}]},
}


def base_tokenizer() -> StoryTokenizer:
    """A vocabulary of exactly ``BASE_IDS`` ids."""
    return train_byte_bpe(TEXTS, BASE_IDS, MARKERS)


def trained_state() -> State:
    """Every tensor of ``pytorch_model.bin``, what nobody uses included; seeded."""
    rng = torch.Generator().manual_seed(3)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng) * 0.2

    llm = "seedx.llm.base_model.model."
    state: State = {f"{llm}model.embed_tokens.weight": drawn(VOCAB, H)}
    for index in range(LAYERS):
        layer = f"{llm}model.layers.{index}."
        for name, (rows, columns) in PROJECTIONS.items():
            state[f"{layer}{name}.weight"] = drawn(rows, columns)
            if name.endswith(("q_proj", "k_proj", "v_proj")):
                state[f"{layer}{name}.bias"] = drawn(rows)
            state[f"{layer}{name}.lora_A.default.weight"] = drawn(RANK, columns)
            state[f"{layer}{name}.lora_B.default.weight"] = drawn(rows, RANK)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            state[f"{layer}{norm}.original_module.weight"] = torch.full((H,), 9.0)
            state[f"{layer}{norm}.modules_to_save.default.weight"] = 1 + drawn(H)
    state[f"{llm}model.norm.original_module.weight"] = torch.full((H,), 9.0)
    state[f"{llm}model.norm.modules_to_save.default.weight"] = 1 + drawn(H)
    state[f"{llm}lm_head.weight"] = state[f"{llm}model.embed_tokens.weight"]
    for head in ("projector", "audio_projector"):
        state[f"seedx.{head}.0.weight"], state[f"seedx.{head}.0.bias"] = (
            drawn(WIDTH, H),
            drawn(WIDTH),
        )
        state[f"seedx.{head}.2.weight"] = drawn(WIDTH, WIDTH)
        state[f"seedx.{head}.2.bias"] = drawn(WIDTH)
    ears = "seedx.whisper_resampler_llava.aud_projector."
    state[f"{ears}0.weight"], state[f"{ears}0.bias"] = drawn(H, 20), drawn(H)
    state[f"{ears}2.weight"], state[f"{ears}2.bias"] = drawn(H, H), drawn(H)
    state["seedx.input_resampler.query"] = drawn(4, H)
    state["multihead_attention.in_proj_weight"] = drawn(3 * WIDTH, WIDTH)
    state["multihead_attention.in_proj_bias"] = drawn(3 * WIDTH)
    state["multihead_attention.out_proj.weight"] = drawn(WIDTH, WIDTH)
    state["multihead_attention.out_proj.bias"] = drawn(WIDTH)
    return state | {f"tangoflux.{name}": value for name, value in tangoflux_state().items()}


def tangoflux_state() -> State:
    """Every tensor of ``tangoflux.safetensors``, seeded."""
    dit = FluxTransformer2DModel(
        in_channels=LATENT,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=False,
        axes_dims_rope=(4, 6, 6),
    )
    state = {f"transformer.{name}": value for name, value in dit.state_dict().items()}
    state |= {f"text_encoder.{name}": value for name, value in text_encoder().state_dict().items()}
    state["fc.0.weight"], state["fc.0.bias"] = torch.empty(WIDTH, WIDTH), torch.empty(WIDTH)
    duration = "duration_emebdder.time_positional_embedding."
    state[f"{duration}0.weights"] = torch.empty(128)
    state[f"{duration}1.weight"] = torch.empty(WIDTH, 257)
    state[f"{duration}1.bias"] = torch.empty(WIDTH)
    return redrawn(state, seed=4)


def text_encoder() -> T5EncoderModel:
    """A tiny Flan-T5 encoder."""
    return T5EncoderModel(
        T5Config(
            vocab_size=BASE_IDS, d_model=WIDTH, d_kv=8, d_ff=40, num_layers=2, num_heads=4,
            feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip


def autoencoder_state() -> State:
    """Every tensor of the autoencoder, seeded."""
    vae = AutoencoderOobleck(
        encoder_hidden_size=2 * LATENT,
        downsampling_ratios=[2, 4],
        channel_multiples=[1, 2],
        decoder_channels=4,
        decoder_input_channels=LATENT,
        audio_channels=2,
        sampling_rate=44_100,
    )
    return redrawn(vae.state_dict(), seed=5)


def redrawn(state: State, *, seed: int) -> State:
    """The same names and shapes with seeded numbers."""
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.randn(v.shape, generator=rng) * 0.2 for name, v in state.items()}


def write_release(
    folder: Path,
    *,
    change: Callable[[State], Any] | None = None,
    plain: dict[str, Any] | None = PLAIN,
    vae_name: str = "model.safetensors",
) -> Path:
    """Write the release and its companions; ``folder`` itself holds the trained weights.

    Args:
        folder: where to.
        change: is given the trained tensors before they are saved.
        plain: what ``config.yaml`` says; None writes none.
        vae_name: name of the autoencoder's file.
    """
    folder.mkdir(parents=True)
    state = trained_state()
    if change is not None:
        change(state)
    torch.save(state, folder / "pytorch_model.bin")
    if plain is not None:
        (folder / "config.yaml").write_text(yaml.safe_dump(plain))
    base = folder / "Qwen2.5-3B-Instruct"
    base.mkdir()
    (base / "config.json").write_text(json.dumps(BASE_CONFIG))
    generation = {"repetition_penalty": 1.05, "eos_token_id": [2, 0]}
    (base / "generation_config.json").write_text(json.dumps(generation))
    (base / "tokenizer.json").write_text(base_tokenizer().to_str())
    vae = folder / "Flux_detokenizer"
    vae.mkdir()
    (vae / "config.json").write_text(json.dumps(DIT_CONFIG))
    save_file({k: v.contiguous() for k, v in autoencoder_state().items()}, vae / vae_name)
    return folder


def write_tangoflux(folder: Path, *, max_frames: int = 40) -> Path:
    """Write a folder like declare-lab/TangoFlux's, Flan-T5's vocabulary and sizes in it.

    Args:
        folder: where to.
        max_frames: window of the DiT.
    """
    folder.mkdir(parents=True)
    save_file(
        {k: v.clone() for k, v in tangoflux_state().items()}, folder / "tangoflux.safetensors"
    )
    vae = {k: v.contiguous() for k, v in autoencoder_state().items()}
    save_file(vae, folder / "vae.safetensors")
    (folder / "config.json").write_text(json.dumps(DIT_CONFIG | {"audio_seq_len": max_frames}))
    beside = folder / "flan-t5-large"
    beside.mkdir()
    text_encoder().save_pretrained(beside)
    vocabulary = Tokenizer.from_str(base_tokenizer().to_str())
    vocabulary.post_processor = TemplateProcessing(
        single="$A <|im_end|>", special_tokens=[("<|im_end|>", 2)]
    )
    vocabulary.save(str(beside / "tokenizer.json"))
    return folder
