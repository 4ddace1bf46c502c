"""Ragged arrays and the files that keep them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from safetensors.torch import load_file

from audiostory.data.cache import (
    Parts,
    Ragged,
    cached,
    cached_parts,
    key_of,
    key_of_tensors,
    pack,
    sha256_of,
    write_tensors,
)
from audiostory.errors import CorpusError, OutputError
from tests.disk import disk_full


def arrays() -> list[torch.Tensor]:
    return [torch.arange(6.0).view(3, 2), torch.zeros(0, 2), torch.ones(1, 2)]


def test_arrays_come_back_one_by_one() -> None:
    packed = pack(arrays())
    assert len(packed) == 3
    for index, array in enumerate(arrays()):
        assert packed[index].equal(array)
        assert packed.length(index) == len(array)


def test_nothing_to_pack_is_an_error() -> None:
    with pytest.raises(CorpusError, match="empty"):
        pack([])


def test_a_cache_is_made_once_per_key(tmp_path: Path) -> None:
    made: list[str] = []

    def make(key: str) -> Ragged:
        return cached(tmp_path, "things", key, lambda: made.append(key) or pack(arrays()))

    assert make("a")[0].equal(make("a")[0])
    make("b")
    assert made == ["a", "b"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    write_tensors({"x": torch.zeros(1)}, tmp_path / "kept.safetensors")
    with disk_full():
        with pytest.raises(OutputError, match=r"kept.safetensors: .*make room and give the same"):
            write_tensors({"x": torch.ones(5000)}, tmp_path / "kept.safetensors")
        with pytest.raises(OutputError, match=r"things-a.safetensors: .*make room"):
            cached(tmp_path, "things", "a", lambda: pack(arrays()))
    assert [path.name for path in tmp_path.iterdir()] == ["kept.safetensors"]
    assert load_file(tmp_path / "kept.safetensors")["x"].equal(torch.zeros(1))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot make the folder .*file/runs: Not a directory"):
        write_tensors({"x": torch.zeros(1)}, tmp_path / "file" / "runs" / "x.safetensors")


def test_keys_follow_contents() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})
    values = torch.arange(4.0)
    assert key_of_tensors({"x": values}) == key_of_tensors({"x": values.clone()})
    assert key_of_tensors({"x": values}) != key_of_tensors({"x": values + 1})


def test_a_file_is_named_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    (tmp_path / "c").write_text("other")
    assert sha256_of(tmp_path / "a") == sha256_of(tmp_path / "b") != sha256_of(tmp_path / "c")
    with pytest.raises(CorpusError, match="cannot read"):
        sha256_of(tmp_path / "d")


def test_parts_that_were_made_stay_and_only_those_that_changed_are_made_again(
    tmp_path: Path,
) -> None:
    made: list[int] = []

    def make(indices: range) -> Iterator[torch.Tensor]:
        for index in indices:
            made.append(index)
            yield torch.full((index + 1, 2), float(index))

    def parts(*contents: str) -> Parts:
        return cached_parts(tmp_path, "things", "key", contents, make, size=2)

    kept = parts("a", "b", "c", "d", "e")
    assert len(kept) == 5
    assert [len(kept[index]) for index in range(5)] == [1, 2, 3, 4, 5]
    assert kept[4].equal(torch.full((5, 2), 4.0))
    parts("a", "b", "c", "other", "e")
    assert made == [0, 1, 2, 3, 4, 2, 3]
    with pytest.raises(CorpusError, match="empty"):
        parts()


def test_a_file_is_read_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = tmp_path / "sound", []
    digest = hashlib.file_digest

    def counted(file: BinaryIO, name: str) -> Any:
        read.append(name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    path.write_bytes(b"rain")
    first = [sha256_of(path), sha256_of(path)]
    assert len(read) == 1
    path.write_bytes(b"wind")
    os.utime(path, ns=(0, 0))
    assert [sha256_of(path)] * 2 != first
    assert len(read) == 2
