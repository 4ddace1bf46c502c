"""Tensors of published checkpoints, and networks filled with them name by name.

Checkpoints older than torch 1.6 are plain pickles, not archives; all are read in torch's
weights-only mode, which runs no code.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.weights_file import WeightsFile, sha256_of
from audiostory.models.tensor_files import all_shards

Tensors = dict[str, Tensor]

_ARRAY = np.empty(0).__reduce__()[0]  # what pickles of arrays call
PLAIN_ARRAYS: list[Any] = [
    _ARRAY,
    (_ARRAY, "numpy.core.multiarray._reconstruct"),  # its name before numpy 2
    np.ndarray,
    np.dtype,
    *{type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"},
]
"""What some training runs leave beside their weights (a sampler's order): arrays of numbers."""


def read_tensors(path: Path, *, inside: str | None = None) -> Tensors:
    """The tensors of a file by their names.

    Args:
        path: ``*.safetensors``, or what ``torch.save`` wrote, in its old form or its new one.
        inside: name of the entry that holds the weights, where a training run saved more than
            them; a file without that entry is taken to be the weights themselves.

    Raises:
        CheckpointError: if the file is cut off, damaged, or holds anything but tensors.
    """
    stored = _loaded(path)
    if inside is not None and isinstance(stored, Mapping) and inside in stored:
        stored = stored[inside]
    if not isinstance(stored, Mapping) or not stored or not all(map(_is_tensor, stored.values())):
        raise CheckpointError(f"{path} is no table of tensors: give the file of weights itself")
    return dict(stored)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Give a network its numbers, one for one.

    Raises:
        CheckpointError: if names or shapes differ in any way; the message lists them.
    """
    own = network.state_dict()
    missing = sorted(own.keys() - tensors.keys())
    foreign = sorted(tensors.keys() - own.keys())
    others = [
        f"{name} is {list(tensors[name].shape)}, not {list(own[name].shape)}"
        for name in sorted(own.keys() & tensors.keys())
        if tensors[name].shape != own[name].shape
    ]
    if missing or foreign or others:
        raise CheckpointError(
            f"{source} holds another network: {_listed('lacks', missing)}"
            f"{_listed('does not know', foreign)}{_listed('differs in', others)}"
            "give the checkpoint that this encoder was published with"
        )
    network.load_state_dict(dict(tensors))


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """All 64 hex digits of the digest of named tensors, for weights that come in no file."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        numbers = np.ascontiguousarray(tensors[name].detach().cpu().numpy())
        digest.update(f"{name} {numbers.dtype} {numbers.shape}".encode())
        digest.update(numbers.tobytes())
    return digest.hexdigest()


def weights_in(folder: Path) -> WeightsFile:
    """The weights of a folder as ``transformers`` saves it; of several files, the first's path.

    The digest of several files is that of their digests in order.

    Raises:
        CheckpointError: if there are none, or an index names a file that is not there.
    """
    shards = all_shards(folder, "model") or all_shards(folder, "pytorch_model")
    if not shards:
        raise CheckpointError(
            f"{folder} holds neither model.safetensors nor pytorch_model.bin: give the folder of a "
            "model as the hub keeps it (config.json beside its weights)"
        )
    digests = [sha256_of(shard) for shard in shards]
    whole = digests[0] if len(digests) == 1 else _sha256_of_text("".join(digests))
    return WeightsFile(shards[0], whole)


def _loaded(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(PLAIN_ARRAYS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} cannot be read as plain weights: it is damaged, or reading it could run code "
            f"({str(error).splitlines()[0]}); fetch it again, or save its tensors anew"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} is no whole file of weights ({str(error).partition(chr(10))[0]}): it was cut "
            "off or damaged, fetch it again"
        ) from error


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _listed(verb: str, names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"it {verb} {', '.join(names[:3])}{more}; " if names else ""


def _sha256_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
