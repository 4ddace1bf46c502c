"""Many arrays of different lengths in one file, or in several: clips, latents, text features.

Computed once, read at every training step. A cache is keyed by what it was made from, so a
changed corpus, codec or text encoder makes a new file instead of reading a stale one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from audiostory.audio.waveform import atomic_output
from audiostory.errors import CorpusError, OutputError
from audiostory.models.shards import sha256

WAY_OUT = "make room and give the same command again"
"""What to do where a disk is full: whatever was made before is kept."""

log = logging.getLogger(__name__)

PART = 1024
"""Arrays that share a file where there are several."""


@dataclass(frozen=True)
class Ragged:
    """Arrays of one width and different lengths, end to end in one tensor."""

    values: Tensor
    """``(X, ...)``: all arrays, one after another."""
    starts: Tensor
    """``(n + 1,)``: where each array starts in ``values``; the last entry is X."""

    def __len__(self) -> int:
        """Number of arrays."""
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> Tensor:
        """The array at ``index``, in the dtype it is stored in."""
        return self.values[int(self.starts[index]) : int(self.starts[index + 1])]

    def length(self, index: int) -> int:
        """Rows of the array at ``index``."""
        return int(self.starts[index + 1] - self.starts[index])


@dataclass(frozen=True)
class Parts:
    """Arrays of one width in several files of equally many, the last one perhaps of fewer."""

    parts: Sequence[Ragged]

    def __len__(self) -> int:
        """Number of arrays."""
        return sum(map(len, self.parts))

    def __getitem__(self, index: int) -> Tensor:
        """The array at ``index``, in the dtype it is stored in."""
        part, place = divmod(index, len(self.parts[0]))
        return self.parts[part][place]


def pack(arrays: Iterable[Tensor]) -> Ragged:
    """The arrays end to end."""
    kept = list(arrays)
    if not kept:
        raise CorpusError("nothing to cache: the list of clips is empty; check the corpus filter")
    lengths = torch.tensor([0, *[len(array) for array in kept]])
    return Ragged(torch.cat(kept), lengths.cumsum(0))


def key_of(*parts: object) -> str:
    """A short name that changes when any part does; parts must be JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def key_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """A short name for the exact contents of tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if they are not there.

    Raises:
        OutputError: if that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"cannot make the folder {folder}: {error.strerror}; {WAY_OUT}"
        raise OutputError(told) from error


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file to write to, which becomes ``path`` once it is whole; folders are made.

    Raises:
        OutputError: if it cannot be written; what was at ``path`` is kept, and nothing else left.
    """
    make_folder(path.parent)
    with atomic_output(path, overwrite=True, way_out=WAY_OUT) as partial:
        yield partial


def write_tensors(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file, whole or not at all.

    Raises:
        OutputError: as ``written``.
    """
    with written(path) as partial:
        try:
            save_file(dict(tensors), partial, metadata=dict(metadata) if metadata else None)
        except SafetensorError as error:
            raise OSError(errno.EIO, f"{error}") from error


def cached(folder: Path, name: str, key: str, make: Callable[[], Ragged]) -> Ragged:
    """The arrays stored under ``name`` and ``key``, made and stored first where absent.

    Raises:
        OutputError: if they cannot be stored.
    """
    path = folder / f"{name}-{key}.safetensors"
    if not path.exists():
        log.info("making %s, once", path)
        made = make()
        write_tensors({"values": made.values.contiguous(), "starts": made.starts}, path)
    with safe_open(path, "pt") as file:
        return Ragged(file.get_tensor("values"), file.get_tensor("starts"))


def cached_parts(
    folder: Path,
    name: str,
    key: str,
    contents: Sequence[str],
    make: Callable[[range], Iterable[Tensor]],
    *,
    size: int = PART,
) -> Parts:
    """Arrays that are made and stored part by part: what an interrupted run has made stays.

    Args:
        folder: where the files are kept.
        name: what they begin with.
        key: a name that changes with what makes them.
        contents: of each array, a name that changes with what it is made from.
        make: the arrays of a run of indices.
        size: arrays in a file.

    Raises:
        CorpusError: if there is nothing to make, and as ``make``.
    """
    parts: list[Ragged] = []
    for start in range(0, len(contents), size):
        indices = range(start, min(start + size, len(contents)))
        part_key = key_of(key, [contents[index] for index in indices])
        parts.append(cached(folder, name, part_key, lambda of=indices: pack(make(of))))
    if not parts:
        raise CorpusError("nothing to cache: the list of clips is empty; check the corpus filter")
    return Parts(parts)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, which is read once in a process, and again where its stamp changed.

    Raises:
        CorpusError: if it cannot be read.
    """
    try:
        about = path.stat()
        return _sha256(path.absolute(), (about.st_ino, about.st_size, about.st_mtime_ns))
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


@cache
def _sha256(path: Path, stamp: tuple[int, int, int]) -> str:
    return sha256(path)
