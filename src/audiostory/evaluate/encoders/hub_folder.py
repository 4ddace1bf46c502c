"""A model folder as ``transformers`` keeps them: on this machine, or a repository of the hub."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.layout import weights_in
from audiostory.evaluate.encoders.weights_file import WeightsFile
from audiostory.models.hub import fetched, is_repo

DAMAGED = (SafetensorError, pickle.UnpicklingError, EOFError)
PATTERNS = ("*.json", "*.txt", "*.safetensors", "pytorch_model*.bin")
"""Files of a repository that an encoder may need."""


@dataclass(frozen=True)
class ModelFolder:
    """A folder, what its model is called in reports, and its weights."""

    path: Path
    name: str
    weights: WeightsFile


def find_folder(
    given: Path | str | None, repo: str, *, patterns: Sequence[str] = PATTERNS
) -> ModelFolder:
    """The folder that was given, or that of a repository, fetched if need be.

    Args:
        given: a folder, or another repository of the hub; None is ``repo``.
        repo: the repository this encoder comes from.
        patterns: files to fetch.

    Raises:
        CheckpointError: if there is no such folder, it lacks files, or the hub cannot be reached.
    """
    name = repo if given is None else str(given)
    path = Path(name)
    if not path.is_dir():
        if not is_repo(name) or isinstance(given, Path):
            raise CheckpointError(
                f"there is no folder {name}: give that of a downloaded model, or a repository of "
                f"the hub such as {repo}"
            )
        path = fetched(name, patterns)
    if not (path / "config.json").is_file():
        raise CheckpointError(f"{path} has no config.json: give the whole folder of a model")
    return ModelFolder(path, name if is_repo(name) else path.name, weights_in(path))


def read_model(kind: Any, folder: ModelFolder, expected_type: str) -> Any:
    """The model in a folder, every weight of it from there, in float32.

    Args:
        kind: a class of ``transformers`` with ``from_pretrained``.
        folder: where it is read from; nothing is fetched.
        expected_type: what its configuration calls itself.

    Raises:
        CheckpointError: if the folder holds another kind of model, is damaged, or lacks weights.
    """
    found = _type_in(folder.path)
    if found != expected_type:
        raise CheckpointError(
            f"{folder.path} holds a model of type {found!r}, not {expected_type!r}: give the one "
            "this encoder is made for"
        )
    try:
        model, report = kind.from_pretrained(
            folder.path, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, *DAMAGED) as error:
        raise CheckpointError(_unreadable(folder, error)) from error
    own = model.state_dict()
    missing = {name for name in report["missing_keys"] if _is_learnt(own.get(name))}
    lacking = sorted({*missing, *map(str, report["mismatched_keys"])})
    if lacking:
        raise CheckpointError(
            f"{folder.path} lacks {len(lacking)} weights or holds them in other shapes "
            f"({', '.join(lacking[:3])}): fetch it again"
        )
    return model


def read_part(kind: Any, folder: ModelFolder) -> Any:
    """A configuration, feature extractor or tokenizer from a folder; nothing is fetched.

    Raises:
        CheckpointError: if its files are missing or damaged.
    """
    try:
        return kind.from_pretrained(folder.path, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(_unreadable(folder, error)) from error


def _is_learnt(tensor: Tensor | None) -> bool:
    """Whether a checkpoint has to hold it: whole numbers are positions, which are computed."""
    return tensor is None or tensor.is_floating_point()


def _type_in(path: Path) -> object:
    try:
        return json.loads((path / "config.json").read_text("utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path / 'config.json'} is damaged: fetch it again") from error


def _unreadable(folder: ModelFolder, error: Exception) -> str:
    reason = str(error).partition("\n")[0]
    return f"the model in {folder.path} cannot be read ({reason}): fetch the whole of it again"
