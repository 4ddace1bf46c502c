import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders import hub_folder
from audiostory.evaluate.encoders.hub_folder import find_folder, read_model, read_part
from audiostory.evaluate.encoders.weights_file import sha256_of
from tests.evaluate.encoders.random_weights import write_ast

TYPE = "audio-spectrogram-transformer"


def test_a_folder_is_called_by_its_name_and_known_by_its_weights(tmp_path):
    folder = find_folder(write_ast(tmp_path / "ear"), "MIT/ast")
    assert (folder.path, folder.name) == (tmp_path / "ear", "ear")
    assert folder.weights.sha256 == sha256_of(tmp_path / "ear" / "model.safetensors")
    assert read_part(ASTFeatureExtractor, folder).sampling_rate == 16_000
    model = read_model(ASTForAudioClassification, folder, TYPE)
    stored = load_file(tmp_path / "ear" / "model.safetensors")
    assert torch.equal(
        model.state_dict()["classifier.dense.weight"], stored["classifier.dense.weight"]
    )


@pytest.mark.parametrize("given", [None, "another/ast"])
def test_a_repository_is_fetched(monkeypatch, tmp_path, given):
    asked = []
    monkeypatch.setattr(
        hub_folder, "fetched", lambda repo, patterns: asked.append(repo) or write_ast(tmp_path)
    )
    folder = find_folder(given, "MIT/ast")
    assert asked == [folder.name] == [given or "MIT/ast"]
    assert folder.path == tmp_path


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(monkeypatch, tmp_path):
    monkeypatch.setattr(hub_folder, "fetched", lambda *_: pytest.fail("fetched"))
    with pytest.raises(CheckpointError, match="there is no folder"):
        find_folder(tmp_path / "none", "MIT/ast")
    with pytest.raises(CheckpointError, match="there is no folder"):
        find_folder("somewhere/else/again", "MIT/ast")


def test_a_folder_without_its_configuration_is_refused(tmp_path):
    (write_ast(tmp_path) / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        find_folder(tmp_path, "MIT/ast")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_configuration_is_refused(tmp_path, text):
    (write_ast(tmp_path) / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_model(ASTForAudioClassification, find_folder(tmp_path, "MIT/ast"), TYPE)


def test_another_kind_of_model_is_refused(tmp_path):
    config = json.loads((write_ast(tmp_path) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "clap"}))
    with pytest.raises(CheckpointError, match="of type 'clap'"):
        read_model(ASTForAudioClassification, find_folder(tmp_path, "MIT/ast"), TYPE)


def test_weights_in_half_precision_compute_in_full(tmp_path):
    file = write_ast(tmp_path) / "model.safetensors"
    halved = {k: v.half() for k, v in load_file(file).items()}
    save_file(halved, file, metadata={"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    model = read_model(ASTForAudioClassification, find_folder(tmp_path, "MIT/ast"), TYPE)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_weights_that_lack_a_part_are_refused(tmp_path):
    file = write_ast(tmp_path) / "model.safetensors"
    kept = {k: v for k, v in load_file(file).items() if k != "classifier.dense.bias"}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 weights.*classifier\.dense\.bias"):
        read_model(ASTForAudioClassification, find_folder(tmp_path, "MIT/ast"), TYPE)


def test_weights_that_were_cut_off_are_refused(tmp_path):
    file = write_ast(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_model(ASTForAudioClassification, find_folder(tmp_path, "MIT/ast"), TYPE)


def test_a_part_that_is_missing_is_said(tmp_path):
    (write_ast(tmp_path) / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match="fetch the whole of it again"):
        read_part(ASTFeatureExtractor, find_folder(tmp_path, "MIT/ast"))
