from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import T5Config, T5EncoderModel

from audiostory.errors import CheckpointError
from audiostory.models.audio_encoder import AudioEncoderConfig
from audiostory.models.audiostory import THREE_B
from audiostory.models.dit import DitConfig
from audiostory.models.foreign.release_files import find_release
from audiostory.models.foreign.release_sizes import (
    audio_encoder_sizes,
    autoencoder_sizes,
    axes_of,
    dit_sizes,
    json_of,
    llm_sizes,
    released_config,
    text_encoder_sizes,
    value_of,
)
from audiostory.models.vae import OobleckConfig
from audiostory.models.weights import shapes_of
from tests.released_folder import autoencoder_state, text_encoder, write_release

KEYS = next(iter(Path(__file__).parents[4].glob("*/reference/official-keys.json")), None)
needs_keys = pytest.mark.skipif(KEYS is None, reason="no list of the released keys beside this")
QWEN = {
    "model_type": "qwen2",
    "hidden_size": 2048,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "intermediate_size": 11008,
    "max_position_embeddings": 32768,
    "rope_theta": 1000000.0,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "vocab_size": 151936,
}
WHISPER = {
    "d_model": 1280,
    "encoder_layers": 32,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "num_mel_bins": 128,
    "max_source_positions": 1500,
}


def config_file(folder: Path, values: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    return path


def shapes(part: str, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Released shapes of a part at their real sizes."""
    assert KEYS is not None
    released = json.loads(KEYS.read_text())[part]
    return {
        name.removeprefix(prefix): tuple(shape)
        for name, shape in released.items()
        if name.startswith(prefix)
    }


def without(values: dict, name: str) -> dict:
    return {key: value for key, value in values.items() if key != name}


@pytest.mark.parametrize("text", ["{", "[1]", '"words"', "\x00"])
def test_a_file_without_a_json_object_is_told(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json .*fetch it again"):
        json_of(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        json_of(tmp_path / "none.json")


def test_a_value_that_is_missing_is_named(tmp_path):
    assert value_of({"a": 3}, "a", tmp_path) == 3
    with pytest.raises(CheckpointError, match="lacks 'b'"):
        value_of({"a": 3}, "b", tmp_path)


def test_qwen_is_read_at_its_released_size(tmp_path):
    sizes = llm_sizes(config_file(tmp_path, QWEN), vocab_size=152_277)
    assert sizes == replace(THREE_B.llm, lora=None)


def test_a_newer_file_keeps_its_rotary_base_elsewhere(tmp_path):
    newer = without(QWEN, "rope_theta") | {"rope_parameters": {"rope_theta": 5e5}}
    assert llm_sizes(config_file(tmp_path, newer), vocab_size=9).rope_theta == 5e5


@pytest.mark.parametrize(
    "name",
    ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"],
)
def test_a_size_of_the_language_model_is_never_guessed(tmp_path, name):
    with pytest.raises(CheckpointError, match=f"lacks '{name}'"):
        llm_sizes(config_file(tmp_path, without(QWEN, name)), vocab_size=9)


def test_another_kind_of_language_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="describes a 'llama'"):
        llm_sizes(config_file(tmp_path, QWEN | {"model_type": "llama"}), vocab_size=9)


def test_the_dit_takes_the_released_sizes_where_the_file_says_nothing(tmp_path):
    given = DitConfig()
    path = config_file(tmp_path, {"num_single_layers": given.num_single_blocks})
    assert dit_sizes(path) == given
    assert dit_sizes(path) == THREE_B.dit


def test_every_size_of_the_dit_is_read(tmp_path):
    values = {
        "in_channels": 8,
        "num_layers": 2,
        "num_single_layers": 3,
        "num_attention_heads": 5,
        "attention_head_dim": 32,
        "joint_attention_dim": 48,
        "max_duration": 12,
        "audio_seq_len": 99,
    }
    sizes = dit_sizes(config_file(tmp_path, values))
    assert (sizes.latent_channels, sizes.num_joint_blocks, sizes.num_single_blocks) == (8, 2, 3)
    assert (sizes.num_heads, sizes.head_dim, sizes.condition_width) == (5, 32, 48)
    assert (sizes.max_duration_s, sizes.max_frames) == (12.0, 99)
    assert sizes.axes_dims_rope == axes_of(32)


def test_a_file_without_a_dit_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="describes no DiT"):
        dit_sizes(config_file(tmp_path, QWEN))


def test_the_rotary_axes_are_those_of_flux():
    assert axes_of(128) == (16, 56, 56)


@pytest.mark.parametrize("head_dim", [8, 16, 24, 32, 64, 96, 128])
def test_the_rotary_axes_are_even_and_fill_a_head(head_dim):
    axes = axes_of(head_dim)
    assert sum(axes) == head_dim
    assert all(size >= 0 and size % 2 == 0 for size in axes)


def test_the_autoencoder_is_read_from_its_shapes():
    sizes = autoencoder_sizes({k: tuple(v.shape) for k, v in autoencoder_state().items()})
    assert (sizes.audio_channels, sizes.latent_channels) == (2, 8)
    assert (sizes.encoder_width, sizes.decoder_width) == (16, 4)
    assert (sizes.ratios, sizes.channel_multiples) == ((2, 4), (1, 2))


@needs_keys
def test_the_released_autoencoder_has_its_documented_sizes():
    assert autoencoder_sizes(shapes("vae")) == OobleckConfig()


@pytest.mark.parametrize("name", ["encoder.conv1.weight_v", "decoder.conv2.weight_v"])
def test_weights_of_another_kind_are_no_autoencoder(name):
    found = {k: tuple(v.shape) for k, v in autoencoder_state().items()}
    with pytest.raises(CheckpointError, match="no weights of an Oobleck autoencoder"):
        autoencoder_sizes(without(found, name))
    with pytest.raises(CheckpointError, match="no weights of an Oobleck autoencoder"):
        autoencoder_sizes(found | {"encoder.conv1.weight_v": (3, 4)})


def test_whisper_is_read_at_its_released_size(tmp_path):
    path = config_file(tmp_path, WHISPER)
    assert audio_encoder_sizes(path, 2048) == AudioEncoderConfig()
    with pytest.raises(CheckpointError, match="lacks 'num_mel_bins'"):
        audio_encoder_sizes(config_file(tmp_path, without(WHISPER, "num_mel_bins")), 2048)


@pytest.mark.parametrize("kind", ["gated-gelu", "relu"])
def test_a_text_encoder_can_be_built_from_its_shapes_alone(kind):
    network = T5EncoderModel(
        T5Config(
            vocab_size=30, d_model=16, d_kv=4, d_ff=24, num_layers=3, num_heads=2,
            feed_forward_proj=kind, relative_attention_num_buckets=16,
        )
    )  # fmt: skip
    with torch.device("meta"):
        rebuilt = T5EncoderModel(T5Config(**text_encoder_sizes(shapes_of(network))))
    assert shapes_of(rebuilt) == shapes_of(network)


@needs_keys
def test_the_released_text_encoder_has_the_sizes_of_flan_t5_large():
    sizes = text_encoder_sizes(shapes("audiostory_unified", "tangoflux.text_encoder."))
    assert sizes == {
        "vocab_size": 32128,
        "d_model": 1024,
        "d_kv": 64,
        "d_ff": 2816,
        "num_layers": 24,
        "num_heads": 16,
        "relative_attention_num_buckets": 32,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    }


def test_an_incomplete_text_encoder_is_told():
    found = shapes_of(text_encoder())
    with pytest.raises(CheckpointError, match=r"incomplete \('shared\.weight' is missing"):
        text_encoder_sizes(without(found, "shared.weight"))


def trained(**changes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The few trained shapes that sizes are taken from."""
    return {
        "llm.network.model.embed_tokens.weight": (933, 32),
        "llm.network.a.lora_A.default.weight": (4, 32),
        "bridge.semantic_head.2.weight": (32, 32),
    } | changes


def test_a_head_that_is_wider_inside_is_recognised(tmp_path):
    files = find_release(write_release(tmp_path / "r"))
    assert released_config(files, trained()).bridge.head_hidden is None
    wider = trained(**{"bridge.semantic_head.2.weight": (32, 48)})
    assert released_config(files, wider).bridge.head_hidden == 48


def test_weights_without_lora_have_none(tmp_path):
    files = find_release(write_release(tmp_path / "r"))
    config = released_config(files, trained())
    assert (config.llm.lora.rank, config.llm.lora.alpha) == (4, 8.0)
    merged = without(trained(), "llm.network.a.lora_A.default.weight")
    assert released_config(files, merged).llm.lora is None


def test_a_lora_of_several_ranks_is_refused(tmp_path):
    files = find_release(write_release(tmp_path / "r"))
    with pytest.raises(CheckpointError, match=r"several ranks \(\[4, 8\]\)"):
        released_config(files, trained(**{"llm.network.b.lora_A.default.weight": (8, 32)}))
