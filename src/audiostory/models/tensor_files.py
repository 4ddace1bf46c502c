"""Files of named tensors: safetensors, and torch's pickles without the danger.

Names and shapes are known at once; numbers are read tensor by tensor. A pickle is read in torch's
weights-only mode, which runs no code. Files are opened anew for every few hundred megabytes, so
that what was read is given back to the system.
"""

from __future__ import annotations

import json
import math
import pickle
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from audiostory.errors import CheckpointError

GROUP_BYTES = 64 * 1024**2
"""A file is opened anew after as many bytes, four a number."""


@dataclass(frozen=True)
class TensorFile:
    """One file and the shapes of the tensors in it."""

    path: Path
    shapes: Mapping[str, tuple[int, ...]]

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """The tensors of these names, in order.

        One that is kept keeps the memory of those read with it: use each up soon.
        """
        load = _safetensors if is_safetensors(self.path) else _mapped
        for group in self._groups(names):
            tensors = load(self.path, group)
            for name in group:
                yield name, tensors.pop(name)
            del tensors

    def one(self, name: str) -> Tensor:
        """One tensor."""
        ((_, tensor),) = self.read([name])
        return tensor

    def _groups(self, names: Iterable[str]) -> Iterator[list[str]]:
        group: list[str] = []
        for name in names:
            numbers = sum(math.prod(self.shapes[each]) for each in (*group, name))
            if group and 4 * numbers > GROUP_BYTES:
                yield group
                group = []
            group.append(name)
        if group:
            yield group


def opened_tensors(path: Path) -> TensorFile:
    """A file's names and shapes, after its bytes were checked.

    Args:
        path: ``*.safetensors``, or a pickle as ``torch.save`` writes it (a zip archive).

    Raises:
        CheckpointError: if the file is missing, cut off, damaged, of another kind, or holds
            anything but tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: fetch it again")
    if is_safetensors(path):
        return _opened_safetensors(path)
    _check_archive(path)
    return TensorFile(path, {name: tuple(t.shape) for name, t in _mapped(path).items()})


def all_shards(folder: Path, stem: str) -> list[Path]:
    """The files that a checkpoint called ``stem`` has in a folder, in their order; maybe none.

    One file, or several with an index; safetensors before a pickle, if both are there.

    Raises:
        CheckpointError: if an index is damaged, or names a file that is not there.
    """
    for name in (f"{stem}.safetensors", f"{stem}.bin"):
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _indexed(index)
    return []


def is_safetensors(path: Path) -> bool:
    """Whether a file's name says that it is one."""
    return path.suffix == ".safetensors"


def _indexed(index: Path) -> list[Path]:
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        shards = [index.parent / name for name in sorted(set(weight_map.values()))]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index} is damaged ({error}): fetch it again") from error
    if missing := [shard.name for shard in shards if not shard.is_file()]:
        raise CheckpointError(
            f"{index.parent} lacks {len(missing)} of {len(shards)} shards ({', '.join(missing)}): "
            "the download is incomplete, fetch it again"
        )
    return shards


def _opened_safetensors(path: Path) -> TensorFile:
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in list(file.keys())}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is no whole safetensors file ({error}): it was cut off or damaged, "
            "fetch it again"
        ) from error
    return TensorFile(path, shapes)


def _safetensors(path: Path, names: Sequence[str]) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in names}


def _check_archive(path: Path) -> None:
    """Refuse a pickle whose archive is cut off or whose bytes are not those that were written."""
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path} is no archive of tensors: the download was cut off, or it was written by a "
            "torch older than 1.6; fetch it again, or save it with a newer torch"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): fetch it again") from error
    if damaged is not None:
        raise CheckpointError(f"{path} is damaged at {damaged}: fetch it again")


def _mapped(path: Path, names: Sequence[str] | None = None) -> dict[str, Tensor]:
    """The tensors of a pickle, or some, their numbers left on disk until they are looked at."""
    try:
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than tensors, and reading it could run code: only plain weights "
            f"are read ({str(error).splitlines()[0]})"
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): fetch it again") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(
            f"{path} is no plain table of tensors: give the file of weights, not that of a "
            "training run"
        )
    return state if names is None else {name: state[name] for name in names}


def shapes_in(files: Sequence[TensorFile]) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors in several files.

    Raises:
        CheckpointError: if a name occurs twice.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        if twice := [name for name in file.shapes if name in shapes]:
            raise CheckpointError(f"{twice[0]} is stored twice, the second time in {file.path}")
        shapes |= file.shapes
    return shapes
