"""Weights files with an index that says how they were when they were written.

The index lists size and SHA-256 of every file, so that a download that was cut off and a file that
was changed are told apart and neither is ever used. Weights are safetensors; pickles are refused.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from audiostory.errors import CheckpointError

INDEX = "model.safetensors.index.json"
FORMAT, VERSION = "audiostory.checkpoint", 1
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def write_shards(tensors: Mapping[str, Tensor], folder: Path, max_bytes: int) -> dict[str, str]:
    """Write tensors, in the order of their names, as one or more shards.

    Args:
        tensors: contiguous tensors on the CPU.
        folder: where the files go.
        max_bytes: largest size of a shard, unless one tensor alone is larger.

    Returns:
        The file of each tensor.
    """
    shards: list[dict[str, Tensor]] = [{}]
    room = max_bytes
    for name in sorted(tensors):
        if tensors[name].nbytes > room and shards[-1]:
            shards.append({})
            room = max_bytes
        shards[-1][name] = tensors[name]
        room -= tensors[name].nbytes
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(shard, file)
    return weight_map


def write_index(folder: Path, weight_map: Mapping[str, str], others: Sequence[str]) -> None:
    """Write the index of the shards in ``weight_map`` and of other files that must not change."""
    facts = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        for name in (*others, *sorted(set(weight_map.values())))
    }
    index = {"format": FORMAT, "version": VERSION, "files": facts, "weight_map": dict(weight_map)}
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def checked_shards(folder: Path, others: Sequence[str]) -> list[Path]:
    """The shards of a folder, after comparing every listed file with the index byte for byte.

    Args:
        folder: a folder with an index.
        others: files beside the shards that the index must list, and no more.

    Raises:
        CheckpointError: if a file is missing, cut off or changed, or there is no usable index.
    """
    files = _read_index(folder)
    shards = sorted(set(files) - set(others))
    if missing := set(others) - set(files):
        raise CheckpointError(f"{folder / INDEX} does not list {min(missing)}: fetch it again")
    if foreign := [name for name in shards if not SHARD.fullmatch(name)]:
        raise CheckpointError(f"{folder / INDEX} lists '{foreign[0]}', which is no weights file")
    for name, facts in files.items():
        _check_file(folder / name, facts)
    return [folder / name for name in shards]


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of ``folder`` if the block ends well.

    Nothing that was at ``folder`` is touched before that.
    """
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    new, old = temporary / "new", temporary / "old"
    try:
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        if folder.exists() or not old.exists():  # else it is all that is left: keep it
            shutil.rmtree(temporary)


def _read_index(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of each file the index lists."""
    path = folder / INDEX
    if not folder.is_dir():
        raise CheckpointError(f"there is no model folder {folder}: check the name or fetch it")
    if not path.is_file():
        pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
        if pickles:
            raise CheckpointError(
                f"{folder} holds {pickles[0]}, a pickle, which could run code when read: only "
                "safetensors are read; convert it where you trust its source"
            )
        raise CheckpointError(f"{folder} has no {INDEX}: it is no model folder, or incomplete")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged ({error}): fetch the model again") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no index of this project's models: check the folder")
    if index.get("version") != VERSION:
        raise CheckpointError(
            f"{path} has version {index.get('version')}, this program reads version {VERSION}: "
            "update the program or fetch a matching model"
        )
    files = index.get("files")
    if not isinstance(files, dict) or not all(map(_has_facts, files.values())):
        raise CheckpointError(f"{path} does not describe its files: fetch the model again")
    return files


def _has_facts(facts: Any) -> bool:
    """Whether an entry of the index holds a size and a hash."""
    return (
        isinstance(facts, dict)
        and type(facts.get("bytes")) is int
        and isinstance(facts.get("sha256"), str)
    )


def _check_file(path: Path, facts: dict[str, Any]) -> None:
    """Refuse a file that is not, byte for byte, the one that was saved."""
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: the model folder is incomplete, fetch it again")
    if (size := path.stat().st_size) != facts["bytes"]:
        raise CheckpointError(
            f"{path} has {size} of {facts['bytes']} bytes: it was cut off or changed, "
            "fetch it again"
        )
    if (found := sha256(path)) != facts["sha256"]:
        raise CheckpointError(
            f"{path} was changed after it was saved (SHA-256 {found[:12]}..., the index says "
            f"{facts['sha256'][:12]}...): fetch it again"
        )
