import json

import pytest
import torch
from safetensors.torch import load_file

from audiostory.errors import CheckpointError
from audiostory.models.shards import (
    INDEX,
    checked_shards,
    replacing,
    sha256,
    write_index,
    write_shards,
)

TENSORS = {name: torch.full((10,), float(k)) for k, name in enumerate("cab")}


def test_every_tensor_is_in_one_shard_none_larger_than_asked(tmp_path):
    weight_map = write_shards(TENSORS, tmp_path, 80)  # two tensors of 40 bytes
    assert weight_map == {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00001-of-00002.safetensors",
        "c": "model-00002-of-00002.safetensors",
    }
    for name, file in weight_map.items():
        assert torch.equal(load_file(tmp_path / file)[name], TENSORS[name])


def test_a_tensor_larger_than_a_shard_has_a_shard_of_its_own(tmp_path):
    assert len(set(write_shards(TENSORS, tmp_path, 1).values())) == 3


def test_the_index_knows_the_files_as_they_were_written(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    write_index(tmp_path, write_shards(TENSORS, tmp_path, 1000), ["notes.txt"])
    files = json.loads((tmp_path / INDEX).read_text())["files"]
    assert files["notes.txt"] == {"bytes": 5, "sha256": sha256(tmp_path / "notes.txt")}
    assert [path.name for path in checked_shards(tmp_path, ["notes.txt"])] == [
        "model-00001-of-00001.safetensors"
    ]
    (tmp_path / "notes.txt").write_text("hullo")
    with pytest.raises(CheckpointError, match="notes.txt was changed"):
        checked_shards(tmp_path, ["notes.txt"])


def test_a_folder_is_replaced_only_when_the_block_ends_well(tmp_path):
    target = tmp_path / "folder"
    with replacing(target) as new:
        (new / "version").write_text("1")
    with pytest.raises(UnicodeEncodeError), replacing(target) as new:
        (new / "version").write_text("\ud800", encoding="utf-8")
    assert (target / "version").read_text() == "1"
    with replacing(target) as new:
        (new / "version").write_text("3")
    assert (target / "version").read_text() == "3"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_if_the_new_folder_cannot_take_its_place_the_old_one_stays(tmp_path):
    target = tmp_path / "folder"
    with replacing(target) as new:
        (new / "version").write_text("1")
    with pytest.raises(OSError), replacing(target) as new:  # noqa: PT011 - any reason will do
        new.rmdir()
    assert (target / "version").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
