"""Published parts, joined: every published number is kept, and what is new is as it should be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    Qwen2ForCausalLM,
    T5EncoderModel,
    WhisperForConditionalGeneration,
)

from audiostory.errors import CheckpointError, OutputError
from audiostory.models.audiostory import THREE_B
from audiostory.models.foreign.foundation import (
    PROVENANCE,
    build_foundation,
    foundation_config,
)
from audiostory.models.model_folder import Pretrained, from_pretrained
from audiostory.models.shards import sha256
from audiostory.models.tensor_files import TensorFile
from audiostory.models.vae import OobleckAutoencoder, OobleckConfig
from audiostory.models.weights import shapes_of, without_numbers
from tests.foundation_parts import ROWS, write_generator, write_llm, write_parts, write_teacher
from tests.released_folder import BASE_IDS, DIT_CONFIG, WIDTH, tangoflux_state


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Nothing is written into them."""
    return write_parts(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def folder(parts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A foundation of them; nothing is written into it."""
    out = tmp_path_factory.mktemp("made") / "foundation"
    build_foundation(named(parts), out)
    return out


@pytest.fixture(scope="module")
def made(folder: Path) -> Pretrained:
    return from_pretrained(folder)


def named(parts: dict[str, Path], **others: Path) -> dict[str, str]:
    return {role: str(path) for role, path in (parts | others).items()}


def refused(parts: dict[str, Path], out: Path, told: str, **others: Path) -> None:
    with pytest.raises(CheckpointError, match=told):
        build_foundation(named(parts, **others), out)
    assert not out.exists()


def test_every_published_weight_is_kept_to_the_bit(parts, made):
    state = made.model.state_dict()
    qwen = Qwen2ForCausalLM.from_pretrained(parts["llm"]).state_dict()
    for name, value in qwen.items():
        own = name if name in {n.removeprefix("llm.network.") for n in state} else ""
        ours = state[f"llm.network.{own or name.replace('_proj.', '_proj.base_layer.')}"]
        assert torch.equal(ours[: len(value)], value.float()), name
    whisper = WhisperForConditionalGeneration.from_pretrained(parts["whisper"]).model.encoder
    for name, value in whisper.state_dict().items():
        assert torch.equal(state[f"audio_encoder.encoder.{name}"], value.float()), name
    for name, value in load_file(parts["tangoflux"] / "vae.safetensors").items():
        assert torch.equal(state[f"codec.network.{name}"], value), name
    proj = tangoflux_state()["transformer.proj_out.weight"]
    assert torch.equal(state["dit.transformer.proj_out.weight"], proj)


def test_weights_are_stored_in_the_types_they_were_published_in(folder):
    stored = load_file(folder / "model-00001-of-00001.safetensors")
    assert stored["llm.network.model.norm.weight"].dtype == torch.bfloat16
    assert stored["audio_encoder.encoder.conv1.weight"].dtype == torch.float16
    assert stored["dit.transformer.proj_out.weight"].dtype == torch.float32


def test_markers_follow_the_base_vocabulary_in_the_released_order(made):
    added = made.model.config.tokens.added_tokens()
    assert len(added) == 612
    ids = [made.tokenizer.token_id(marker) for marker in added]
    assert ids == list(range(BASE_IDS, BASE_IDS + 612))
    assert added[0] == "</t5>"


def test_new_rows_are_the_mean_of_all_published_ones(parts, made):
    old_VD = Qwen2ForCausalLM.from_pretrained(parts["llm"]).model.embed_tokens.weight.float()
    table_VD = made.model.llm.network.model.embed_tokens.weight
    assert len(old_VD) == ROWS > BASE_IDS
    assert len(table_VD) == BASE_IDS + 612
    mean_D = old_VD.mean(0).to(torch.bfloat16).float()
    assert torch.equal(table_VD[ROWS:], mean_D.expand(len(table_VD) - ROWS, -1))


def test_untied_output_rows_begin_at_thrice_the_mean(parts, tmp_path):
    untied = write_llm(tmp_path / "untied", tied=False)
    build_foundation(named(parts, llm=untied), tmp_path / "out")
    head_VD = from_pretrained(tmp_path / "out").model.llm.network.lm_head.weight
    old_VD = Qwen2ForCausalLM.from_pretrained(untied).lm_head.weight.float()
    expected_D = (3 * old_VD.mean(0)).to(torch.bfloat16).float()
    torch.testing.assert_close(head_VD[-1], expected_D)


def test_the_lora_changes_nothing_yet_and_can_learn(parts, made):
    ids_BL = torch.tensor([[3, 7, 11, 40]])
    with torch.no_grad():
        ours = made.model.llm.hidden_states(ids_BL)
        theirs = Qwen2ForCausalLM.from_pretrained(parts["llm"]).float().model(ids_BL)
    torch.testing.assert_close(ours, theirs.last_hidden_state)
    lora = made.model.parameter_groups(["llm_lora"])["llm_lora"]
    assert len(lora) == 2 * 2 * 7
    assert all(bool(value.any()) == ("lora_A" in name) for name, value in lora.items())


@pytest.mark.parametrize(("fuser", "begins"), [("zero", False), ("drawn", True)])
def test_the_fusers_last_layer_begins_as_asked(parts, tmp_path, fuser, begins):
    build_foundation(named(parts), tmp_path / "out", fuser=fuser)
    bridge = from_pretrained(tmp_path / "out").model.bridge
    assert bool(bridge.fuser.attention.out_proj.weight.any()) == begins
    assert bridge.config.zero_init != begins


def test_the_null_condition_is_the_teachers_of_the_empty_text(parts, made):
    network = T5EncoderModel.from_pretrained(parts["teacher"])
    ids_1L = torch.tensor([[2] + [0] * 63])  # this vocabulary's end, then padding
    with torch.no_grad():
        output = network(input_ids=ids_1L, attention_mask=(torch.arange(64) == 0).long()[None])
    torch.testing.assert_close(made.model.bridge.null_condition, output.last_hidden_state)


def test_the_same_seed_draws_the_same_and_another_another(parts, folder, tmp_path):
    build_foundation(named(parts), tmp_path / "again")
    build_foundation(named(parts), tmp_path / "other", seed=1)
    name = "model-00001-of-00001.safetensors"
    assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    first, other = load_file(folder / name), load_file(tmp_path / "other" / name)
    moved = {key for key, value in first.items() if not torch.equal(value, other[key])}
    assert moved
    assert all("lora_A" in key or "bridge." in key or "projector" in key for key in moved)


def test_what_it_was_made_of_is_written_beside_it(parts, folder):
    about = json.loads((folder / PROVENANCE).read_text())
    shard = next(parts["llm"].glob("model-*.safetensors"))
    told = about["parts"]["llm"]["files"][shard.name]
    assert told == {"bytes": shard.stat().st_size, "sha256": sha256(shard)}
    assert set(about["parts"]) == {"llm", "tangoflux", "whisper", "teacher"}
    assert about["vocabulary"] == {"base_ids": BASE_IDS, "ids": 932, "rows": 932}


def test_configurations_of_the_published_parts_make_the_released_size(tmp_path):
    for role in ("llm", "tangoflux", "whisper"):
        (tmp_path / role).mkdir()
    qwen = {
        "model_type": "qwen2", "hidden_size": 2048, "num_hidden_layers": 36,
        "num_attention_heads": 16, "num_key_value_heads": 2, "intermediate_size": 11008,
        "rope_theta": 1000000.0, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
        "max_position_embeddings": 32768,
    }  # fmt: skip
    (tmp_path / "llm" / "config.json").write_text(json.dumps(qwen))
    settings = {"repetition_penalty": 1.05}
    (tmp_path / "llm" / "generation_config.json").write_text(json.dumps(settings))
    flux = {
        "num_layers": 6, "num_single_layers": 18, "in_channels": 64, "attention_head_dim": 128,
        "num_attention_heads": 8, "joint_attention_dim": 1024, "audio_seq_len": 645,
        "max_duration": 30,
    }  # fmt: skip
    (tmp_path / "tangoflux" / "config.json").write_text(json.dumps(flux))
    whisper = {
        "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120, "num_mel_bins": 128, "max_source_positions": 1500,
    }  # fmt: skip
    (tmp_path / "whisper" / "config.json").write_text(json.dumps(whisper))
    with without_numbers():
        shapes = shapes_of(OobleckAutoencoder(OobleckConfig()).network)
    table = {"model.embed_tokens.weight": (151_936, 2048)}
    stand_in: Any = SimpleNamespace(
        folders={role: tmp_path / role for role in ("llm", "tangoflux", "whisper")},
        llm=[TensorFile(tmp_path, table)],
        autoencoder=TensorFile(tmp_path, shapes),
        base=SimpleNamespace(vocab_size=151_665, encode=lambda text: [1, 2]),
        teacher=SimpleNamespace(width=1024),
    )
    grown: Any = SimpleNamespace(vocab_size=151_665 + 612)
    assert foundation_config(stand_in, grown, name="x", fuser="zero") == THREE_B
    assert foundation_config(stand_in, grown, name="x", fuser="drawn").name == "3b"


def test_parts_that_do_not_belong_together_are_refused(parts, tmp_path):
    out = tmp_path / "out"
    wide = write_teacher(tmp_path / "wide", width=2 * WIDTH)
    refused(parts, out, "64 wide, the DiT in .* reads 32: give the text encoder", teacher=wide)
    other = write_generator(tmp_path / "other", latent_channels=4)
    refused(parts, out, "autoencoder of 4 channels and a DiT of 8", tangoflux=other)
    refused(parts, out, "'whisper'; the release stands on a qwen2", llm=as_whisper(parts, tmp_path))


def as_whisper(parts: dict[str, Path], tmp_path: Path) -> Path:
    """A language model whose configuration is another model's."""
    folder = Path(shutil.copytree(parts["llm"], tmp_path / "llm"))
    shutil.copy(parts["whisper"] / "config.json", folder / "config.json")
    return folder


def test_everything_that_does_not_fit_is_named(parts, tmp_path):
    whisper = Path(shutil.copytree(parts["whisper"], tmp_path / "whisper"))
    tensors = load_file(whisper / "model.safetensors")
    del tensors["model.encoder.layer_norm.bias"]
    save_file(tensors, whisper / "model.safetensors")
    flux = Path(shutil.copytree(parts["tangoflux"], tmp_path / "flux"))
    (flux / "config.json").write_text(json.dumps(DIT_CONFIG | {"num_layers": 2}))
    with pytest.raises(CheckpointError) as told:
        build_foundation(named(parts, whisper=whisper, tangoflux=flux), tmp_path / "out")
    assert f"{whisper}: model.encoder.layer_norm.bias is missing" in str(told.value)
    assert "transformer_blocks.1.attn.to_q.weight is missing" in str(told.value)


def test_a_vocabulary_with_markers_is_refused(parts, made, tmp_path):
    llm = Path(shutil.copytree(parts["llm"], tmp_path / "llm"))
    (llm / "tokenizer.json").write_text(made.tokenizer.to_str())
    refused(parts, tmp_path / "out", "has the story's markers already", llm=llm)


def test_a_tied_output_layer_that_differs_is_refused(parts, tmp_path):
    llm = Path(shutil.copytree(parts["llm"], tmp_path / "llm"))
    for path in llm.glob("model*"):
        path.unlink()
    state = Qwen2ForCausalLM.from_pretrained(parts["llm"]).state_dict()
    state["lm_head.weight"] = state["lm_head.weight"] + 1
    save_file({k: v.clone() for k, v in state.items()}, llm / "model.safetensors")
    refused(parts, tmp_path / "out", "ties them", llm=llm)


def test_nothing_is_replaced_unless_asked(parts, folder, tmp_path):
    with pytest.raises(OutputError, match="exists"):
        build_foundation(named(parts), folder)
    shutil.copytree(folder, tmp_path / "out")
    build_foundation(named(parts), tmp_path / "out", overwrite=True)
