from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from audiostory.errors import CheckpointError
from audiostory.models import tensor_files
from audiostory.models.tensor_files import all_shards, opened_tensors, shapes_in

STATE = {f"t{index}": torch.arange(12.0).view(3, 4) + index for index in range(5)}
KINDS = ("m.bin", "m.safetensors")


def written(folder: Path, kind: str, state=None) -> Path:
    path = folder / kind
    save = save_file if path.suffix == ".safetensors" else torch.save
    save(STATE if state is None else state, path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_known_and_numbers_read_in_the_order_asked_for(tmp_path, kind):
    file = opened_tensors(written(tmp_path, kind))
    assert file.shapes == dict.fromkeys(STATE, (3, 4))
    read = list(file.read(["t3", "t0"]))
    assert [name for name, _ in read] == ["t3", "t0"]
    assert all(torch.equal(value, STATE[name]) for name, value in read)
    assert torch.equal(file.one("t4"), STATE["t4"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_opened_anew_for_every_group(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(tensor_files, "GROUP_BYTES", 2 * 12 * 4)
    file = opened_tensors(written(tmp_path, kind))
    assert [list(group) for group in file._groups(STATE)] == [["t0", "t1"], ["t2", "t3"], ["t4"]]
    assert all(torch.equal(value, STATE[name]) for name, value in file.read(STATE))


def test_a_tensor_larger_than_a_group_is_read_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_files, "GROUP_BYTES", 8)
    file = opened_tensors(written(tmp_path, "m.bin"))
    assert list(file._groups(["t0", "t1"])) == [["t0"], ["t1"]]
    assert list(file._groups([])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_there_or_cut_off_is_told_apart(tmp_path, kind):
    with pytest.raises(CheckpointError, match=f"{kind} is missing"):
        opened_tensors(tmp_path / kind)
    path = written(tmp_path, kind)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut off"):
        opened_tensors(path)


def test_a_changed_byte_of_a_pickle_is_noticed(tmp_path):
    path = written(tmp_path, "m.bin", {"t": torch.ones(1000)})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged at m/data/0"):
        opened_tensors(path)


def test_a_pickle_of_an_old_torch_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "m.bin"
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="torch older than 1.6"):
        opened_tensors(path)


class Trojan:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, capsys):
    path = written(tmp_path, "m.bin", {"t": Trojan()})
    with pytest.raises(CheckpointError, match="could run code"):
        opened_tensors(path)
    assert "this must not run" not in capsys.readouterr().out


@pytest.mark.parametrize("state", [{"step": 3, **STATE}, [torch.ones(1)]])
def test_anything_but_a_table_of_tensors_is_refused(tmp_path, state):
    with pytest.raises(CheckpointError, match="no plain table of tensors"):
        opened_tensors(written(tmp_path, "m.bin", state))


def test_one_file_comes_before_several_and_safetensors_before_a_pickle(tmp_path):
    assert all_shards(tmp_path, "m") == []
    index = tmp_path / "m.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"b": "m-2.bin", "a": "m-1.bin", "c": "m-1.bin"}}))
    with pytest.raises(CheckpointError, match=r"lacks 2 of 2 shards \(m-1\.bin, m-2\.bin\)"):
        all_shards(tmp_path, "m")
    for name in ("m-1.bin", "m-2.bin"):
        (tmp_path / name).touch()
    assert [path.name for path in all_shards(tmp_path, "m")] == ["m-1.bin", "m-2.bin"]
    (tmp_path / "m.bin").touch()
    assert all_shards(tmp_path, "m") == [tmp_path / "m.bin"]
    (tmp_path / "m.safetensors").touch()
    assert all_shards(tmp_path, "m") == [tmp_path / "m.safetensors"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}']
)
def test_a_damaged_index_is_told(tmp_path, text):
    (tmp_path / "m.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointError, match="is damaged"):
        all_shards(tmp_path, "m")


def test_a_name_in_two_files_is_refused(tmp_path):
    first = opened_tensors(written(tmp_path, "a.bin"))
    second = opened_tensors(written(tmp_path, "b.bin", {"t9": torch.ones(1)}))
    assert set(shapes_in([first, second])) == {*STATE, "t9"}
    with pytest.raises(CheckpointError, match=r"t0 is stored twice, the second time in .*a\.bin"):
        shapes_in([first, first])
