"""The sizes of a released checkpoint: from the configurations beside it, and from its own shapes.

Shapes are under our names. What neither configuration nor shape tells is the released value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from audiostory.errors import CheckpointError
from audiostory.models.audio_encoder import AudioEncoderConfig
from audiostory.models.audiostory import THREE_B, AudioStoryConfig
from audiostory.models.bridge import BridgeConfig
from audiostory.models.dit import DitConfig
from audiostory.models.foreign.release_files import PLAIN_DEFAULTS, ReleaseFiles
from audiostory.models.llm import LlmConfig, LoraSettings
from audiostory.models.vae import OobleckConfig
from audiostory.models.weights import Shapes


def json_of(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        CheckpointError: if the file holds none.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): fetch it again") from error
    if not isinstance(read, dict):
        raise CheckpointError(f"{path} holds no JSON object: fetch it again")
    return read


def value_of(config: Mapping[str, Any], name: str, path: Path) -> Any:
    """A value that a configuration must have.

    Raises:
        CheckpointError: naming the file and the value.
    """
    if name not in config:
        raise CheckpointError(f"{path} lacks {name!r}: it belongs to another kind of model")
    return config[name]


def released_config(files: ReleaseFiles, shapes: Shapes) -> AudioStoryConfig:
    """Every size of a release, from its configurations, its companions' and its shapes.

    Args:
        files: the release.
        shapes: of its trained weights, under our names.

    Raises:
        CheckpointError: if a configuration is missing or contradicts the weights.
    """
    values = PLAIN_DEFAULTS | dict(files.plain)
    base, vae = files.companions["base"], files.companions["vae"]
    table, head = "llm.network.model.embed_tokens.weight", "bridge.semantic_head.2.weight"
    if table not in shapes or head not in shapes:
        raise CheckpointError(
            f"{files.folder} holds no AudioStory: its weights have no language model under LoRA, "
            "or no projector beside it"
        )
    llm = llm_sizes(base / "config.json", vocab_size=shapes[table][0])
    if "model_dims" in files.plain and values["model_dims"] != llm.hidden_size:
        raise CheckpointError(
            f"config.yaml gives model_dims {values['model_dims']}, the base model in {base} is "
            f"{llm.hidden_size} wide: they do not belong together"
        )
    ranks = {shape[0] for name, shape in shapes.items() if ".lora_A." in name}
    if len(ranks) > 1:
        raise CheckpointError(f"the LoRA has several ranks ({sorted(ranks)}): one is expected")
    lora = LoraSettings(rank=min(ranks), alpha=float(values["lora_alpha"])) if ranks else None
    width, hidden = shapes[head]
    tokens = replace(
        THREE_B.tokens,
        num_semantic=values["num_t5_out_tokens"],
        num_residual=values["num_aud_out_tokens"],
    )
    whisper = files.companions.get("whisper")
    return AudioStoryConfig(
        name=THREE_B.name,
        llm=replace(llm, lora=lora),
        bridge=BridgeConfig(
            llm_width=llm.hidden_size,
            width=width,
            num_semantic=tokens.num_semantic,
            num_residual=tokens.num_residual,
            zero_init=False,
            feature_scale=values["t5_feature_scale"],
            head_hidden=None if hidden == width else hidden,
            target="padded_tokens",
            learned_null=False,
        ),
        dit=dit_sizes(vae / "config.json"),
        codec=autoencoder_sizes(files.autoencoder.shapes),
        audio_encoder=whisper and audio_encoder_sizes(whisper / "config.json", llm.hidden_size),
        flow=THREE_B.flow,
        tokens=tokens,
        story_s=THREE_B.story_s,
        keeps_words=THREE_B.keeps_words,
        repetition_penalty=float(
            json_of(base / "generation_config.json").get("repetition_penalty", 1.0)
        ),
    )


def llm_sizes(path: Path, vocab_size: int) -> LlmConfig:
    """The language model that a Qwen2 ``config.json`` describes, its vocabulary grown.

    Args:
        path: the base model's ``config.json``.
        vocab_size: rows of the released embedding.

    Raises:
        CheckpointError: if it describes another kind of model.
    """
    config = json_of(path)
    if config.get("model_type") != "qwen2":
        raise CheckpointError(
            f"{path} describes a {config.get('model_type')!r}; the release stands on a qwen2 "
            "(Qwen2.5-3B-Instruct)"
        )
    rope = config.get("rope_parameters") or config
    return LlmConfig(
        hidden_size=value_of(config, "hidden_size", path),
        num_layers=value_of(config, "num_hidden_layers", path),
        num_heads=value_of(config, "num_attention_heads", path),
        num_kv_heads=value_of(config, "num_key_value_heads", path),
        intermediate_size=value_of(config, "intermediate_size", path),
        vocab_size=vocab_size,
        rope_theta=float(rope.get("rope_theta", 1_000_000.0)),
        max_positions=int(config.get("max_position_embeddings", 32_768)),
        tie_embeddings=bool(config.get("tie_word_embeddings", True)),
        rms_eps=float(config.get("rms_norm_eps", 1e-6)),
    )


def dit_sizes(path: Path) -> DitConfig:
    """The DiT that TangoFlux's ``config.json`` describes.

    Raises:
        CheckpointError: if it says nothing of one.
    """
    config = json_of(path)
    given = DitConfig()
    if "num_single_layers" not in config:
        raise CheckpointError(f"{path} describes no DiT of TangoFlux: give its config.json")
    head_dim = int(config.get("attention_head_dim", given.head_dim))
    axes = config.get("axes_dims_rope") or axes_of(head_dim)
    return DitConfig(
        latent_channels=int(config.get("in_channels", given.latent_channels)),
        num_joint_blocks=int(config.get("num_layers", given.num_joint_blocks)),
        num_single_blocks=int(config["num_single_layers"]),
        num_heads=int(config.get("num_attention_heads", given.num_heads)),
        head_dim=head_dim,
        axes_dims_rope=(int(axes[0]), int(axes[1]), int(axes[2])),
        condition_width=int(config.get("joint_attention_dim", given.condition_width)),
        max_duration_s=float(config.get("max_duration", given.max_duration_s)),
        max_frames=int(config.get("audio_seq_len", given.max_frames)),
    )


def axes_of(head_dim: int) -> tuple[int, int, int]:
    """Rotary dimensions of the three axes, all even: of a head an eighth and twice 7/16."""
    outer = head_dim // 8 // 2 * 2
    inner = (head_dim - outer) // 4 * 2
    return head_dim - 2 * inner, inner, inner


def autoencoder_sizes(shapes: Shapes) -> OobleckConfig:
    """The Oobleck VAE that weights of these shapes make up; its rate is the released one.

    Args:
        shapes: under the diffusers library's names.

    Raises:
        CheckpointError: if they are no such weights.
    """
    try:
        width, channels, _ = shapes["encoder.conv1.weight_v"]
        blocks = [
            shapes[f"encoder.block.{index}.conv1.weight_v"]
            for index in range(1 + _last_block(shapes))
        ]
        return OobleckConfig(
            audio_channels=channels,
            latent_channels=shapes["decoder.conv1.weight_v"][1],
            encoder_width=width,
            decoder_width=shapes["decoder.conv2.weight_v"][1],
            ratios=tuple(kernel // 2 for _, _, kernel in blocks),
            channel_multiples=tuple(out // width for out, _, _ in blocks),
        )
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"these are no weights of an Oobleck autoencoder ({error} is missing or misshapen): "
            "take vae.safetensors of declare-lab/TangoFlux"
        ) from error


def _last_block(shapes: Shapes) -> int:
    blocks = [re.match(r"encoder\.block\.(\d+)\.", name) for name in shapes]
    return max((int(found[1]) for found in blocks if found), default=-1)


def audio_encoder_sizes(path: Path, llm_width: int) -> AudioEncoderConfig:
    """The ears that a Whisper ``config.json`` describes.

    Raises:
        CheckpointError: if it describes something else.
    """
    config = json_of(path)
    return AudioEncoderConfig(
        width=value_of(config, "d_model", path),
        num_layers=value_of(config, "encoder_layers", path),
        num_heads=value_of(config, "encoder_attention_heads", path),
        intermediate_size=value_of(config, "encoder_ffn_dim", path),
        num_mels=value_of(config, "num_mel_bins", path),
        max_positions=value_of(config, "max_source_positions", path),
        llm_width=llm_width,
    )


def text_encoder_sizes(shapes: Shapes) -> dict[str, Any]:
    """What a T5 encoder's shapes say of its configuration, under the transformers library's names.

    Args:
        shapes: under the transformers library's names for ``T5EncoderModel``.

    Raises:
        CheckpointError: if they are no such weights.
    """
    block = "encoder.block.0.layer."
    try:
        vocab_size, width = shapes["shared.weight"]
        buckets, heads = shapes[block + "0.SelfAttention.relative_attention_bias.weight"]
        is_gated = f"{block}1.DenseReluDense.wi_0.weight" in shapes
        inner = shapes[f"{block}1.DenseReluDense.{'wi_0' if is_gated else 'wi'}.weight"][0]
        head_width = shapes[block + "0.SelfAttention.q.weight"][0] // heads
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"the text encoder in the weights is incomplete ({error} is missing or misshapen)"
        ) from error
    layers = [re.match(r"encoder\.block\.(\d+)\.", name) for name in shapes]
    return {
        "vocab_size": vocab_size,
        "d_model": width,
        "d_kv": head_width,
        "d_ff": inner,
        "num_layers": 1 + max(int(found[1]) for found in layers if found),
        "num_heads": heads,
        "relative_attention_num_buckets": buckets,
        "feed_forward_proj": "gated-gelu" if is_gated else "relu",
        "tie_word_embeddings": False,
    }
