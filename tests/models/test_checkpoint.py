from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from audiostory.errors import CheckpointError
from audiostory.models.audiostory import THREE_B, AudioStoryModel
from audiostory.models.checkpoint import (
    RELEASE_UNUSED,
    name_in_release,
    name_of_release,
    read_release,
    with_lora,
)
from audiostory.models.foreign.release_files import find_release
from audiostory.models.model_folder import from_pretrained, save_pretrained
from audiostory.models.tokenizer import train_byte_bpe
from audiostory.models.weights import shapes_of, without_weights
from tests.released_folder import (
    BASE_CONFIG,
    BASE_IDS,
    DIT_CONFIG,
    MARKERS,
    PLAIN,
    State,
    autoencoder_state,
    text_encoder,
    trained_state,
    write_release,
)
from tests.tiny import TEXTS

LLM = "seedx.llm.base_model.model."
Q = f"{LLM}model.layers.0.self_attn.q_proj."
KEYS = next(iter(Path(__file__).parents[3].glob("*/reference/official-keys.json")), None)


def read(folder: Path, **options) -> AudioStoryModel:
    return read_release(find_release(folder), **options).model


def same(first: AudioStoryModel, second: AudioStoryModel) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_the_weights_come_from_where_the_release_keeps_them(tmp_path):
    model, state = read(write_release(tmp_path / "r")), trained_state()
    update = state[f"{Q}lora_B.default.weight"] @ state[f"{Q}lora_A.default.weight"]
    merged = model.llm.network.model.layers[0].self_attn.q_proj.weight
    assert torch.equal(merged, state[f"{Q}weight"] + 8 / 4 * update)
    norm = model.llm.network.model.norm.weight
    assert torch.equal(norm, state[f"{LLM}model.norm.modules_to_save.default.weight"])
    assert torch.equal(model.bridge.semantic_head[2].bias, state["seedx.projector.2.bias"])
    frequencies = model.dit.duration_embedder.time_positional_embedding[0].weights
    name = "tangoflux.duration_emebdder.time_positional_embedding.0.weights"
    assert torch.equal(frequencies, state[name])
    alpha = autoencoder_state()["decoder.snake1.alpha"]
    assert torch.equal(model.codec.network.decoder.snake1.alpha, alpha)
    assert not model.training
    assert model.audio_encoder is None


def test_the_sizes_come_from_configurations_and_shapes(tmp_path):
    config = read(write_release(tmp_path / "r")).config
    assert (config.llm.hidden_size, config.llm.num_kv_heads) == (32, 2)
    assert config.llm.lora is None
    assert (config.tokens.num_semantic, config.tokens.num_residual) == (4, 2)
    assert (config.bridge.feature_scale, config.bridge.width) == (5.0, 32)
    assert (config.dit.max_frames, config.dit.axes_dims_rope) == (40, (4, 6, 6))
    assert (config.codec.ratios, config.codec.channel_multiples) == ((2, 4), (1, 2))
    assert config.codec.sample_rate_hz == 44_100
    assert config.repetition_penalty == 1.05
    assert config.flow == THREE_B.flow


def test_without_a_config_the_documented_values_are_taken(tmp_path):
    config = read(write_release(tmp_path / "r", plain=None)).config
    assert (config.tokens.num_semantic, config.tokens.num_residual) == (64, 8)
    assert config.bridge.feature_scale == 10.0
    unmerged = read(tmp_path / "r", merge_lora=False).config
    assert unmerged.llm.lora.alpha == 32.0


def test_the_null_condition_is_the_encoders_empty_text(tmp_path):
    model, state = read(write_release(tmp_path / "r")), trained_state()
    encoder = text_encoder()
    prefix = "tangoflux.text_encoder."
    inside = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    encoder.load_state_dict({**inside, "encoder.embed_tokens.weight": inside["shared.weight"]})
    mask = torch.tensor([[1, 0, 0, 0]])
    features = encoder.eval()(input_ids=mask, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(model.bridge.null_condition, features)


def test_importing_and_loading_directly_give_the_same_model(tmp_path):
    direct = read_release(find_release(write_release(tmp_path / "r")), dtype=torch.bfloat16)
    save_pretrained(direct.model, direct.tokenizer, tmp_path / "ours", dtype=None)
    imported = from_pretrained(tmp_path / "ours", dtype=torch.bfloat16)
    assert same(direct.model, imported.model)
    assert direct.model.config == imported.model.config
    assert direct.tokenizer.to_str() == imported.tokenizer.to_str()


@torch.no_grad()
def test_merged_and_unmerged_compute_the_same(tmp_path):
    folder = write_release(tmp_path / "r")
    ids_BL = torch.tensor([[5, 80, 300, 900]])
    merged, apart = (read(folder, merge_lora=merge) for merge in (True, False))
    assert apart.config.llm.lora == replace(THREE_B.llm.lora, rank=4, alpha=8.0)
    torch.testing.assert_close(merged.llm.hidden_states(ids_BL), apart.llm.hidden_states(ids_BL))


def newer_peft(state: State) -> None:
    for name in [n for n in state if n.startswith(LLM) and "_proj." in n and "lora" not in n]:
        path, _, kind = name.rpartition(".")
        state[f"{path}.base_layer.{kind}"] = state.pop(name)


def without_head(state: State) -> None:
    del state[f"{LLM}lm_head.weight"]


def copied_head(state: State) -> None:
    state[f"{LLM}lm_head.weight"] = state[f"{LLM}model.embed_tokens.weight"].clone()


@pytest.mark.parametrize("change", [newer_peft, without_head, copied_head])
def test_other_ways_of_saving_the_same_weights_are_read(tmp_path, change):
    plain = read(write_release(tmp_path / "plain"))
    assert same(plain, read(write_release(tmp_path / "other", change=change)))


def test_the_autoencoder_may_have_either_name(tmp_path):
    plain = read(write_release(tmp_path / "plain"))
    assert same(plain, read(write_release(tmp_path / "other", vae_name="vae.safetensors")))


def test_companions_may_lie_beside_the_release(tmp_path):
    folder = write_release(tmp_path / "ckpt" / "audiostory-3B")
    for path in (folder / "Qwen2.5-3B-Instruct", folder / "Flux_detokenizer"):
        path.rename(folder.parent / path.name)
    assert read(folder).config.llm.hidden_size == 32


def test_safetensors_and_shards_are_read_like_the_pickle(tmp_path):
    plain = read(write_release(tmp_path / "plain"))
    one, two = (write_release(tmp_path / name) for name in ("one", "two"))
    state = {k: v.clone() for k, v in trained_state().items()}
    for folder in (one, two):
        (folder / "pytorch_model.bin").unlink()
    save_file(state, one / "pytorch_model.safetensors")
    weight_map = {}
    for number, names in enumerate((list(state)[:50], list(state)[50:])):
        file = f"pytorch_model-{number}.bin"
        torch.save({name: state[name] for name in names}, two / file)
        weight_map |= dict.fromkeys(names, file)
    index = two / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    assert same(plain, read(one))
    assert same(plain, read(two))


def test_the_text_encoder_may_lie_beside_the_weights(tmp_path):
    def drop(state: State) -> None:
        for name in [n for n in state if n.startswith("tangoflux.text_encoder.")]:
            del state[name]

    folder = write_release(tmp_path / "r", change=drop)
    with pytest.raises(CheckpointError, match="hf download google/flan-t5-large"):
        read(folder)
    beside = folder / "flan-t5-large"
    beside.mkdir()
    encoder = text_encoder()
    encoder.save_pretrained(beside)
    tokenizer = folder / "Qwen2.5-3B-Instruct" / "tokenizer.json"
    shutil.copy(tokenizer, beside / "tokenizer.json")
    assert read(folder).bridge.null_condition.abs().sum() > 0


def test_a_release_in_half_precision_is_stored_in_half_the_bytes(tmp_path):
    model = read(write_release(tmp_path / "r"), dtype=torch.float16)
    types = {name.partition(".")[0]: p.dtype for name, p in model.named_parameters()}
    assert types.pop("codec") == torch.float32  # fewer bits would be heard
    assert set(types.values()) == {torch.float16}
    assert model.bridge.null_condition.dtype == torch.float16


Damage = Callable[[Path], object]


def change_state(change: Callable[[State], object]) -> Damage:
    def apply(folder: Path) -> None:
        state = torch.load(folder / "pytorch_model.bin", weights_only=True)
        change(state)
        torch.save(state, folder / "pytorch_model.bin")

    return apply


def change_json(path: str, **values) -> Damage:
    def apply(folder: Path) -> None:
        config = json.loads((folder / path).read_text())
        config |= values
        (folder / path).write_text(json.dumps({k: v for k, v in config.items() if v is not None}))

    return apply


def change_plain(**values) -> Damage:
    return lambda folder: (folder / "config.yaml").write_text(yaml.safe_dump(PLAIN | values))


def cut(path: str, keep: int) -> Damage:
    def apply(folder: Path) -> None:
        (folder / path).write_bytes((folder / path).read_bytes()[:keep])

    return apply


def flip(path: str) -> Damage:
    """One bit in the middle of the file: among the numbers."""

    def apply(folder: Path) -> None:
        stored = bytearray((folder / path).read_bytes())
        stored[len(stored) // 2] ^= 64
        (folder / path).write_bytes(stored)

    return apply


class Trojan:
    def __reduce__(self):
        return (print, ("this must not run",))


def drop_vae_tensor(folder: Path) -> None:
    path = folder / "Flux_detokenizer" / "model.safetensors"
    state = load_file(path)
    del state["decoder.conv2.weight_g"]
    save_file(state, path)


def duplicate_projection(state: State) -> None:
    state[f"{Q}base_layer.weight"] = state[f"{Q}weight"].clone()


def drop_lora(state: State) -> None:
    del state[f"{Q}lora_B.default.weight"]


def other_model(state: State) -> None:
    state.clear()
    state["unet.conv_in.weight"] = torch.zeros(4)


def untie(state: State) -> None:
    state[f"{LLM}lm_head.weight"] = torch.zeros_like(state[f"{LLM}model.embed_tokens.weight"])


def shrink(state: State) -> None:
    state["seedx.projector.0.bias"] = state["seedx.projector.0.bias"][:-1].clone()


def drop_t5(state: State) -> None:
    del state["tangoflux.text_encoder.encoder.final_layer_norm.weight"]


def shards_missing(folder: Path) -> None:
    (folder / "pytorch_model.bin").unlink()
    index = {"weight_map": {"a": "pytorch_model-1.bin", "b": "pytorch_model-2.bin"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "weights cut off": (cut("pytorch_model.bin", 5000), "cut off"),
    "one bit of the weights": (flip("pytorch_model.bin"), "is damaged at"),
    "no weights": (lambda f: (f / "pytorch_model.bin").unlink(), "holds no release"),
    "shards missing": (shards_missing, "lacks 2 of 2 shards"),
    "code in the pickle": (
        change_state(lambda s: s.update(x=Trojan())),
        "could run code",
    ),
    "no table of tensors": (
        change_state(lambda s: s.update(optimizer={"lr": 1})),
        "no plain table of tensors",
    ),
    "weights of another model": (change_state(other_model), "holds no AudioStory"),
    "a tensor missing": (
        change_state(lambda s: s.pop("multihead_attention.out_proj.bias")),
        "multihead_attention.out_proj.bias is missing",
    ),
    "a tensor unknown": (
        change_state(lambda s: s.update({"seedx.extra": torch.zeros(1)})),
        "seedx.extra is unknown",
    ),
    "a tensor misshapen": (change_state(shrink), r"projector.0.bias is \[31\], needs \[32\]"),
    "half a LoRA": (change_state(drop_lora), "q_proj.lora_B.default.weight is missing"),
    "a tensor twice": (change_state(duplicate_projection), "stored twice"),
    "an output layer of its own": (change_state(untie), "tie_word_embeddings"),
    "half a text encoder": (change_state(drop_t5), "final_layer_norm.weight is missing"),
    "a config that is no YAML": (
        lambda f: (f / "config.yaml").write_text("a: [1"),
        "is no YAML",
    ),
    "two scales": (change_plain(other={"t5_feature_scale": 7}), "both"),
    "a scale in words": (change_plain(agent_model={"t5_feature_scale": "ten"}), "not a number"),
    "another width": (change_plain(agent_model={"model_dims": 5120}), "model_dims 5120"),
    "no base model": (
        lambda f: shutil.rmtree(f / "Qwen2.5-3B-Instruct"),
        "hf download Qwen/Qwen2.5-3B-Instruct config.json",
    ),
    "a base of another family": (
        change_json("Qwen2.5-3B-Instruct/config.json", model_type="llama"),
        "describes a 'llama'",
    ),
    "a base of another size": (
        change_json("Qwen2.5-3B-Instruct/config.json", num_hidden_layers=3),
        "layers.2.self_attn.q_proj.weight is missing",
    ),
    "a base config without sizes": (
        change_json("Qwen2.5-3B-Instruct/config.json", num_attention_heads=None),
        "lacks 'num_attention_heads'",
    ),
    "a tokenizer of another model": (
        lambda f: (f / "Qwen2.5-3B-Instruct" / "tokenizer.json").write_text(
            train_byte_bpe(TEXTS, BASE_IDS + 9, MARKERS).to_str()
        ),
        "belongs to another model",
    ),
    "no autoencoder": (
        lambda f: (f / "Flux_detokenizer" / "model.safetensors").unlink(),
        "hf download declare-lab/TangoFlux vae.safetensors",
    ),
    "an autoencoder cut off": (cut("Flux_detokenizer/model.safetensors", 900), "cut off"),
    "an autoencoder with a hole": (drop_vae_tensor, "decoder.conv2.weight_g is missing"),
    "a DiT config of something else": (
        lambda f: (f / "Flux_detokenizer" / "config.json").write_text("{}"),
        "describes no DiT",
    ),
    "a DiT of another depth": (
        change_json("Flux_detokenizer/config.json", num_layers=2),
        "transformer_blocks.1.",
    ),
    "a config that is no JSON": (
        lambda f: (f / "Flux_detokenizer" / "config.json").write_text("{"),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_kind_of_damage_has_an_error_of_its_own(tmp_path, kind, capsys):
    damage, message = DAMAGES[kind]
    folder = write_release(tmp_path / "r")
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        read(folder)
    assert "this must not run" not in capsys.readouterr().out


def test_all_misfits_stand_in_one_error(tmp_path):
    def damage(state: State) -> None:
        drop_lora(state)
        shrink(state)
        state["seedx.extra"] = torch.zeros(1)

    folder = write_release(tmp_path / "r", change=damage)
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    for part in ("lora_B.default.weight is missing", "extra is unknown", "needs [32]"):
        assert part in str(caught.value)


@pytest.mark.skipif(KEYS is None, reason="no list of the released keys beside this checkout")
def test_the_released_keys_are_exactly_those_of_our_3b_model():
    released = json.loads(KEYS.read_text())
    ears = "audio_encoder.encoder."
    merged = replace(THREE_B, llm=replace(THREE_B.llm, lora=None))
    wanted = with_lora(shapes_of(without_weights(merged)), THREE_B.llm.lora)
    wanted = {k: v for k, v in wanted.items() if not k.startswith((ears, "bridge.null"))}
    found = {
        name_of_release(k): tuple(shape)
        for k, shape in released["audiostory_unified"].items()
        if not RELEASE_UNUSED.match(k) and "lm_head" not in k
    }
    found |= {f"codec.network.{k}": tuple(shape) for k, shape in released["vae"].items()}
    assert found == wanted


def test_names_go_there_and_back():
    norm = f"{LLM}model.norm."
    assert name_of_release(f"{norm}original_module.weight") is None
    assert name_of_release(f"{norm}modules_to_save.default.weight") == (
        "llm.network.model.norm.weight"
    )
    assert name_of_release("tangoflux.text_encoder.shared.weight") is None
    up = f"{LLM}model.layers.0.mlp.up_proj."
    assert name_of_release(f"{up}weight") == name_of_release(f"{up}base_layer.weight")
    with pytest.raises(CheckpointError, match="'unet.weight' is no tensor"):
        name_of_release("unet.weight")
    for name in trained_state():
        ours = name_of_release(name)
        assert ours is None or name_in_release(ours) == name


def test_nothing_about_the_base_or_the_dit_is_assumed():
    assert BASE_CONFIG["hidden_size"] != THREE_B.llm.hidden_size
    assert DIT_CONFIG["audio_seq_len"] != THREE_B.dit.max_frames
