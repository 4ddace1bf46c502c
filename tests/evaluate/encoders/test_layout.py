import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.layout import digest_of_tensors, fill, read_tensors, weights_in

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, -1.0])}


def same(tensors) -> bool:
    return tensors.keys() == STATE.keys() and all(torch.equal(tensors[k], STATE[k]) for k in STATE)


@pytest.mark.parametrize("is_archive", [True, False])
def test_pickles_old_and_new_are_read(tmp_path, is_archive):
    path = tmp_path / "ear.pth"
    torch.save(OrderedDict(STATE), path, _use_new_zipfile_serialization=is_archive)
    assert same(read_tensors(path))


def test_safetensors_are_read(tmp_path):
    save_file(STATE, tmp_path / "ear.safetensors")
    assert same(read_tensors(tmp_path / "ear.safetensors", inside="model"))


def test_weights_are_found_beside_what_a_training_run_left(tmp_path):
    run = {"model": STATE, "iteration": 3, "sampler": {"indexes": np.arange(4), "pointer": 1}}
    torch.save(run, tmp_path / "run.pth", _use_new_zipfile_serialization=False)
    assert same(read_tensors(tmp_path / "run.pth", inside="model"))
    with pytest.raises(CheckpointError, match="no table of tensors"):
        read_tensors(tmp_path / "run.pth")


def test_arrays_pickled_before_numpy_2_are_read(tmp_path):
    path = tmp_path / "run.pth"
    torch.save({"model": STATE, "order": np.arange(4)}, path, _use_new_zipfile_serialization=False)
    old = path.read_bytes().replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    path.write_bytes(old)
    assert b"numpy._core" not in old
    assert same(read_tensors(path, inside="model"))


class Trap:
    def __reduce__(self):
        return print, ("reading ran code",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    torch.save({"weight": Trap()}, tmp_path / "ear.pth")
    with pytest.raises(CheckpointError, match="could run code"):
        read_tensors(tmp_path / "ear.pth")
    assert "ran code" not in capsys.readouterr().out


@pytest.mark.parametrize("is_archive", [True, False])
def test_a_pickle_that_was_cut_off_is_refused(tmp_path, is_archive):
    path = tmp_path / "ear.pth"
    torch.save(STATE, path, _use_new_zipfile_serialization=is_archive)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError, match="fetch it again"):
        read_tensors(path)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"<html>")
    (tmp_path / "a.pth").write_bytes(b"<html>")
    (tmp_path / "b.pth").write_bytes(pickle.dumps([1, 2]))
    for name in ("a.safetensors", "a.pth", "b.pth", "none.pth"):
        with pytest.raises(CheckpointError, match=name):
            read_tensors(tmp_path / name)


def test_a_network_is_filled_name_by_name(tmp_path):
    layer = nn.Linear(3, 2)
    fill(layer, STATE, tmp_path)
    assert layer(torch.ones(1, 3)).tolist() == [[4.0, 11.0]]


def test_all_that_does_not_fit_is_listed(tmp_path):
    other = {"weight": torch.zeros(2, 4), **{f"extra.{i}": torch.zeros(1) for i in range(5)}}
    with pytest.raises(CheckpointError) as caught:
        fill(nn.Linear(3, 2), other, tmp_path / "ear.pth")
    for said in (
        "ear.pth",
        "lacks bias",
        "extra.0, extra.1, extra.2 and 2 more",
        "[2, 4], not [2, 3]",
    ):
        assert said in str(caught.value)


def test_a_digest_tells_names_shapes_and_numbers_apart():
    changed = [
        {**STATE, "bias": torch.tensor([1.0, -1.5])},
        {**STATE, "weight": STATE["weight"].reshape(3, 2)},
        {"weight": STATE["weight"], "offset": STATE["bias"]},
    ]
    digests = {digest_of_tensors(tensors) for tensors in (STATE, *changed)}
    assert len(digests) == 4
    assert digest_of_tensors(dict(reversed(STATE.items()))) in digests


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="neither model.safetensors nor"):
        weights_in(tmp_path)


def test_the_digest_of_a_folder_covers_all_its_files(tmp_path):
    names = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    for key, name in names.items():
        save_file({key: torch.ones(2)}, tmp_path / name)
    index = '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index)
    before = weights_in(tmp_path).sha256
    save_file({"b": torch.zeros(2)}, tmp_path / "model-2.safetensors")
    assert weights_in(tmp_path).sha256 != before
