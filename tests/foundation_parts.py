"""The four published folders that a foundation is made of, laid out as on the hub, at tiny sizes.

Written by the libraries that wrote the published ones: Qwen2, Whisper and T5 by transformers, DiT
and autoencoder by diffusers. The autoencoder has the released hop, 2048 samples at 44.1 kHz.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    Qwen2Config,
    Qwen2ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

from audiostory.models.seeding import seeded
from tests.released_folder import (
    BASE_IDS,
    DIT_CONFIG,
    LATENT,
    WIDTH,
    base_tokenizer,
    redrawn,
    tangoflux_state,
)

ROWS = BASE_IDS + 30
"""Rows of the language model's table: more than ids, as Qwen2.5 has."""


def write_parts(folder: Path) -> dict[str, Path]:
    """Write all four; their folders by role."""
    with seeded(torch.Generator().manual_seed(7)):
        return {
            "llm": write_llm(folder / "Qwen2.5-3B-Instruct"),
            "tangoflux": write_generator(folder / "TangoFlux"),
            "whisper": write_whisper(folder / "whisper-large-v3"),
            "teacher": write_teacher(folder / "flan-t5-large"),
        }


def write_llm(folder: Path, *, hidden_size: int = 32, tied: bool = True) -> Path:
    """Qwen2 in bfloat16, in two shards."""
    config = Qwen2Config(
        vocab_size=ROWS,
        hidden_size=hidden_size,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=tied,
    )
    model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    assert model.generation_config is not None
    model.generation_config.repetition_penalty = 1.05
    model.save_pretrained(folder, max_shard_size="30KB")
    (folder / "tokenizer.json").write_text(base_tokenizer().to_str())
    return folder


def write_generator(folder: Path, *, latent_channels: int = LATENT) -> Path:
    """TangoFlux: DiT with text encoder, autoencoder, configuration."""
    folder.mkdir(parents=True)
    state = {name: value.clone() for name, value in tangoflux_state().items()}
    save_file(state, folder / "tangoflux.safetensors")
    vae = AutoencoderOobleck(
        encoder_hidden_size=2 * latent_channels,
        downsampling_ratios=[2, 4, 4, 8, 8],
        channel_multiples=[1, 1, 1, 1, 1],
        decoder_channels=4,
        decoder_input_channels=latent_channels,
        audio_channels=2,
        sampling_rate=44_100,
    )
    tensors = redrawn(vae.state_dict(), seed=5)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "vae.safetensors")
    (folder / "config.json").write_text(json.dumps(DIT_CONFIG | {"audio_seq_len": 645}))
    return folder


def write_whisper(folder: Path) -> Path:
    """Whisper in float16, decoder and all; windows of 0.2 s."""
    config = WhisperConfig(
        vocab_size=60,
        d_model=16,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=20,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=20,
        num_mel_bins=6,
        max_source_positions=100,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    WhisperForConditionalGeneration(config).half().save_pretrained(folder)
    return folder


def write_teacher(folder: Path, *, width: int = WIDTH) -> Path:
    """Flan-T5, decoder and all, with a vocabulary that ends every text."""
    config = T5Config(
        vocab_size=BASE_IDS, d_model=width, d_kv=8, d_ff=40, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    vocabulary = Tokenizer.from_str(base_tokenizer().to_str())
    vocabulary.post_processor = TemplateProcessing(
        single="$A <|im_end|>", special_tokens=[("<|im_end|>", 2)]
    )
    vocabulary.save(str(folder / "tokenizer.json"))
    return folder
