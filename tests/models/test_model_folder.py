import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from audiostory.errors import CheckpointError, OutputError
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.llm import LoraSettings
from audiostory.models.model_folder import (
    CONFIG,
    TOKENIZER,
    from_pretrained,
    save_pretrained,
)
from audiostory.models.shards import INDEX, write_index
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

SHARD = "model-00001-of-00001.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "tiny")
    return tmp_path / "tiny"


def rewrite(folder: Path, change) -> None:
    """Change the weights and index them again, as a program with other ideas would."""
    tensors = load_file(folder / SHARD)
    change(tensors)
    save_file(tensors, folder / SHARD)
    write_index(folder, dict.fromkeys(tensors, SHARD), [TOKENIZER])


def same(first: AudioStoryModel, second: AudioStoryModel) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_a_saved_model_comes_back_bit_for_bit(folder):
    loaded = from_pretrained(folder)
    assert same(loaded.model, tiny_model())
    assert loaded.model.config == tiny_config()
    assert loaded.tokenizer.to_str() == tiny_tokenizer().to_str()
    assert not loaded.model.training


@torch.no_grad()
def test_a_loaded_model_computes_what_the_saved_one_did(folder):
    ids_BL = torch.tensor([tiny_tokenizer().encode("Rain falls.")])
    latents_BTC = torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(1))
    saved, loaded = tiny_model(), from_pretrained(folder).model
    assert torch.equal(saved.llm.hidden_states(ids_BL), loaded.llm.hidden_states(ids_BL))
    assert torch.equal(saved.codec.decode(latents_BTC), loaded.codec.decode(latents_BTC))
    assert loaded.llm.network.lm_head.weight is loaded.llm.network.model.embed_tokens.weight


def test_parameters_may_be_stored_at_half_precision_and_buffers_stay_exact(tmp_path):
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "half", dtype=torch.float16)
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "full")
    halves, model = load_file(tmp_path / "half" / SHARD), from_pretrained(tmp_path / "half").model
    assert halves["bridge.semantic_head.0.weight"].dtype == torch.float16
    assert halves["codec.axes_PC"].dtype == torch.float32
    weight = tiny_model().bridge.semantic_head[0].weight
    assert torch.equal(model.bridge.semantic_head[0].weight, weight.half().float())
    assert (tmp_path / "half" / SHARD).stat().st_size < 0.7 * (
        tmp_path / "full" / SHARD
    ).stat().st_size


def test_tied_weights_are_stored_once(folder):
    names = set(load_file(folder / SHARD))
    assert "llm.network.model.embed_tokens.weight" in names
    assert "llm.network.lm_head.weight" not in names


def test_large_models_are_split_into_shards(tmp_path):
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "m", max_shard_bytes=60_000)
    shards = sorted(tmp_path.glob("m/*.safetensors"))
    assert len(shards) > 2
    assert shards[0].name == f"model-00001-of-{len(shards):05d}.safetensors"
    assert same(from_pretrained(tmp_path / "m").model, tiny_model())


def test_saving_the_same_model_twice_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_lora_models_come_back_as_lora_models(tmp_path):
    llm = replace(tiny_config().llm, lora=LoraSettings(rank=2, alpha=2.0))
    model = tiny_model(config=replace(tiny_config(), llm=llm))
    save_pretrained(model, tiny_tokenizer(), tmp_path / "lora")
    assert same(from_pretrained(tmp_path / "lora").model, model)


def test_an_existing_folder_is_replaced_only_on_request(folder):
    with pytest.raises(OutputError, match="exists: choose another"):
        save_pretrained(tiny_model(1), tiny_tokenizer(), folder)
    save_pretrained(tiny_model(1), tiny_tokenizer(), folder, overwrite=True)
    assert same(from_pretrained(folder).model, tiny_model(1))
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("you")
    with pytest.raises(OutputError, match="no model folder"):
        save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "letters", overwrite=True)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "you"


def test_a_save_that_fails_leaves_the_old_model_and_no_litter(folder, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audiostory.models.model_folder.write_index", full)
    with pytest.raises(OutputError, match="No space left"):
        save_pretrained(tiny_model(1), tiny_tokenizer(), folder, overwrite=True)
    monkeypatch.undo()
    assert same(from_pretrained(folder).model, tiny_model())
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "file" / "model")


def test_diverged_weights_are_not_saved(tmp_path):
    model = tiny_model()
    with torch.no_grad():
        model.bridge.semantic_head[0].weight[0, 0] = 1e6
    with pytest.raises(CheckpointError, match="semantic_head.0.weight is not finite as float16"):
        save_pretrained(model, tiny_tokenizer(), tmp_path / "m", dtype=torch.float16)
    save_pretrained(model, tiny_tokenizer(), tmp_path / "m")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="there is no model folder"):
        from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [SHARD, TOKENIZER, CONFIG, INDEX])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        from_pretrained(folder)


@pytest.mark.parametrize("name", [SHARD, TOKENIZER])
def test_a_truncated_file_is_refused(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=rf"{name} has \d+ of \d+ bytes: it was cut off"):
        from_pretrained(folder)


@pytest.mark.parametrize("name", [SHARD, TOKENIZER])
def test_one_changed_byte_is_refused(folder, name):
    stored_bytes = bytearray((folder / name).read_bytes())
    stored_bytes[-10] ^= 1
    (folder / name).write_bytes(stored_bytes)
    with pytest.raises(CheckpointError, match=rf"{name} was changed after it was saved"):
        from_pretrained(folder)


def test_pickles_are_refused_unread(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin, a pickle"):
        from_pretrained(tmp_path)


def test_every_wrong_weight_is_named_in_one_error(folder):
    def change(tensors):
        tensors["dit.extra"] = torch.zeros(1)
        del tensors["bridge.null_condition"]
        tensors["bridge.semantic_head.0.bias"] = torch.zeros(3)

    rewrite(folder, change)
    with pytest.raises(CheckpointError) as caught:
        from_pretrained(folder)
    for part in (
        "dit.extra is unknown",
        "bridge.null_condition is missing",
        "bridge.semantic_head.0.bias is [3], needs [24]",
    ):
        assert part in str(caught.value)


def test_a_shard_that_is_no_safetensors_file_is_refused(folder):
    (folder / SHARD).write_bytes(b"not weights at all")
    write_index(folder, {"x": SHARD}, [TOKENIZER])
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        from_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2, this program reads version 1"),
        ({"format": "other"}, "no index of this project"),
        ({"files": []}, "does not describe its files"),
        ({"files": {}}, "does not list tokenizer.json"),
        ({"files": {SHARD: {}}}, "does not describe its files"),
    ],
)
def test_a_foreign_index_is_refused(folder, change, message):
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index | change))
    with pytest.raises(CheckpointError, match=message):
        from_pretrained(folder)


def test_an_index_cannot_point_outside_the_folder(folder):
    index = json.loads((folder / INDEX).read_text())
    index["files"]["../secret"] = {"bytes": 1, "sha256": ""}
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="'../secret', which is no weights file"):
        from_pretrained(folder)


def test_a_damaged_index_or_config_is_refused(folder):
    config = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(config.replace('"num_layers"', '"num_layres"'))
    with pytest.raises(CheckpointError, match="no field 'num_layres'"):
        from_pretrained(folder)
    (folder / INDEX).write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        from_pretrained(folder)


def test_sampling_settings_in_the_config_may_be_edited(folder):
    config = json.loads((folder / CONFIG).read_text())
    config["flow"]["steps"] = 7
    (folder / CONFIG).write_text(json.dumps(config))
    assert from_pretrained(folder).model.config.flow.steps == 7


def test_another_models_tokenizer_is_refused(tmp_path):
    fewer = replace(tiny_config().tokens, num_semantic_vocab=5)
    with pytest.raises(CheckpointError, match="lacks 1 of the story's markers"):
        save_pretrained(
            tiny_model(config=replace(tiny_config(), tokens=fewer)),
            tiny_tokenizer(),
            tmp_path / "m",
        )
    small = replace(tiny_config(), llm=replace(tiny_config().llm, vocab_size=300))
    with pytest.raises(CheckpointError, match="the model 300"):
        save_pretrained(tiny_model(config=small), tiny_tokenizer(), tmp_path / "m")
