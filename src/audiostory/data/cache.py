"""Many arrays of different lengths in one file: decoded clips, latents, text features.

Computed once, read at every training step. A cache is keyed by what it was made from, so a
changed corpus, codec or text encoder makes a new file instead of reading a stale one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from audiostory.errors import CorpusError

log = logging.getLogger(__name__)


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


def key_of_tensors(tensors: dict[str, Tensor]) -> str:
    """A short name for the exact contents of tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def cached(folder: Path, name: str, key: str, make: Callable[[], Ragged]) -> Ragged:
    """The arrays stored under ``name`` and ``key``, made and stored first where absent."""
    path = folder / f"{name}-{key}.safetensors"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        log.info("making %s, once", path)
        made = make()
        temporary = path.with_suffix(".partial")
        save_file({"values": made.values.contiguous(), "starts": made.starts}, temporary)
        temporary.replace(path)
    with safe_open(path, "pt") as file:
        return Ragged(file.get_tensor("values"), file.get_tensor("starts"))
