from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from audiostory.errors import CheckpointError, ConfigError
from audiostory.models import catalogue
from audiostory.models.checkpoint import read_release
from audiostory.models.foreign.release_files import find_release
from audiostory.models.model_folder import save_pretrained
from audiostory.models.pretrained import dtype_for, fingerprint_of, load_pretrained
from audiostory.models.weights import stored
from tests.released_folder import write_release
from tests.tiny import tiny_model, tiny_tokenizer


@pytest.fixture
def release(tmp_path) -> Path:
    return write_release(tmp_path / "release")


@pytest.fixture
def native(tmp_path) -> Path:
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "native")
    return tmp_path / "native"


def changed(path: Path, place: int = -1) -> None:
    """One byte of a file, another one."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_folder_of_ours_is_loaded(native):
    model = load_pretrained(str(native)).model
    assert all(torch.equal(value, stored(model)[k]) for k, value in stored(tiny_model()).items())


def test_a_folder_of_the_release_is_loaded_directly(release):
    model, direct = load_pretrained(str(release)).model, read_release(find_release(release)).model
    assert model.config == direct.config
    assert all(torch.equal(value, stored(model)[k]) for k, value in stored(direct).items())


@pytest.mark.parametrize("kind", ["native", "release"])
def test_weights_become_the_type_that_is_asked_for(kind, request):
    folder = str(request.getfixturevalue(kind))
    assert next(load_pretrained(folder).model.parameters()).dtype == torch.float32
    half = load_pretrained(folder, dtype=torch.bfloat16).model
    types = {name.partition(".")[0]: p.dtype for name, p in half.named_parameters()}
    assert types.pop("codec") == torch.float32  # fewer bits would be heard
    assert set(types.values()) == {torch.bfloat16}


def test_cpus_compute_in_float32_and_accelerators_in_bfloat16():
    assert dtype_for("cpu") == torch.float32
    assert dtype_for(torch.device("cuda", 1)) == dtype_for("mps") == torch.bfloat16


def test_a_folder_never_fetches_and_a_repository_may(release, monkeypatch):
    (release / "Flux_detokenizer" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="hf download declare-lab/TangoFlux"):
        load_pretrained(str(release))
    monkeypatch.setattr(catalogue, "fetched", lambda *_: release)
    asked = []

    def fetched(repo, patterns):
        asked.append(repo)
        raise CheckpointError("no network")

    monkeypatch.setattr("audiostory.models.foreign.companions.fetched", fetched)
    with pytest.raises(CheckpointError, match="no network"):
        load_pretrained("owner/model")
    assert asked == ["declare-lab/TangoFlux"]


@pytest.mark.parametrize("kind", ["native", "release"])
def test_a_fingerprint_stays_while_nothing_changes(kind, request):
    folder = request.getfixturevalue(kind)
    assert fingerprint_of(folder) == fingerprint_of(folder)
    assert len(fingerprint_of(folder)) == 32


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_a_changed_byte_of_our_files_changes_the_fingerprint(native, name):
    before = fingerprint_of(native)
    changed(native / name)
    assert fingerprint_of(native) != before


def test_other_weights_of_ours_have_another_fingerprint(native, tmp_path):
    save_pretrained(tiny_model(seed=1), tiny_tokenizer(), tmp_path / "other")
    assert fingerprint_of(tmp_path / "other") != fingerprint_of(native)


def test_the_same_release_elsewhere_has_the_same_fingerprint(release, tmp_path):
    assert fingerprint_of(write_release(tmp_path / "copy")) == fingerprint_of(release)


def nudged(name: str):
    """A change of one number of one trained tensor, by the least there is."""

    def change(state) -> None:
        first = state[name].flatten()[:1]
        first.copy_(torch.nextafter(first, torch.tensor([torch.inf])))

    return change


@pytest.mark.parametrize(
    "name",
    [
        "seedx.projector.0.bias",
        "seedx.llm.base_model.model.model.layers.1.mlp.up_proj.lora_A.default.weight",
        "tangoflux.fc.0.weight",
    ],
)
def test_one_bit_of_any_trained_tensor_changes_the_fingerprint(release, tmp_path, name):
    other = write_release(tmp_path / "other", change=nudged(name))
    assert fingerprint_of(other) != fingerprint_of(release)


COMPANIONS = (
    "Flux_detokenizer/model.safetensors",
    "Flux_detokenizer/config.json",
    "Qwen2.5-3B-Instruct/config.json",
    "Qwen2.5-3B-Instruct/generation_config.json",
    "Qwen2.5-3B-Instruct/tokenizer.json",
)


@pytest.mark.parametrize("name", ["config.yaml", *COMPANIONS])
def test_a_changed_byte_of_a_file_beside_the_weights_changes_the_fingerprint(release, name):
    before = fingerprint_of(release)
    changed(release / name)
    assert fingerprint_of(release) != before


def test_a_changed_byte_of_safetensors_changes_the_fingerprint(release):
    state = torch.load(release / "pytorch_model.bin", weights_only=True)
    (release / "pytorch_model.bin").unlink()
    path = release / "pytorch_model.safetensors"
    save_file({name: value.clone() for name, value in state.items()}, path)
    before = fingerprint_of(release)
    changed(path, place=path.stat().st_size // 2)
    assert fingerprint_of(release) != before


def test_shards_count_towards_the_fingerprint(release):
    state = torch.load(release / "pytorch_model.bin", weights_only=True)
    (release / "pytorch_model.bin").unlink()
    names = list(state)
    weight_map = {}
    for number, part in enumerate((names[:9], names[9:])):
        file = f"pytorch_model-{number}.bin"
        torch.save({name: state[name].clone() for name in part}, release / file)
        weight_map |= dict.fromkeys(part, file)
    index = release / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    before = fingerprint_of(release)
    nudged(names[-1])(state)
    torch.save({name: state[name].clone() for name in names[9:]}, release / file)
    assert fingerprint_of(release) != before


@pytest.mark.parametrize("device", ["banana", "cuda:99"])
def test_a_device_that_is_not_there_is_told_with_a_way_out(native, device):
    with pytest.raises(ConfigError, match="use cpu, or install a torch"):
        load_pretrained(str(native), device=device)
