"""A model as a folder of our own layout: written at once, read strictly, no pickle.

    config.json                        AudioStoryConfig; sampling settings may be edited
    tokenizer.json                     the vocabulary
    model-00001-of-00002.safetensors   weights
    model.safetensors.index.json       which shard holds which weight; size and SHA-256 of each file

Saving writes a temporary folder beside the target and renames it. Loading checks every byte
against the index and every weight against the configuration, and names all that is wrong in one
``CheckpointError``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from audiostory.config import from_json, to_json
from audiostory.errors import CheckpointError, ConfigError, OutputError
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.shards import (
    INDEX,
    checked_shards,
    replacing,
    write_index,
    write_shards,
)
from audiostory.models.tensor_files import opened_tensors, shapes_in
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.models.weights import (
    check_memory,
    fill,
    finished,
    listed,
    misfits,
    shapes_of,
    size_of,
    stored,
    type_of,
    without_weights,
)

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
MAX_SHARD_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Pretrained:
    """A model and the vocabulary it was trained with."""

    model: AudioStoryModel
    tokenizer: StoryTokenizer


def save_pretrained(
    model: AudioStoryModel,
    tokenizer: StoryTokenizer,
    folder: Path,
    *,
    dtype: torch.dtype | None = torch.float32,
    overwrite: bool = False,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a model folder that ``from_pretrained`` reads; a crash leaves no half of it.

    Args:
        model: its parameters are stored as ``dtype``, its buffers as they are.
        tokenizer: stored beside the weights.
        folder: the model folder; parents are made.
        dtype: storage type of the parameters, e.g. ``torch.float16`` for half the size; None keeps
            each one's own.
        overwrite: replace a model folder that is already there.
        max_shard_bytes: largest weights file, unless a single tensor is larger.
        notes: text files beside them, by name, that loading does not read.

    Raises:
        OutputError: if the folder exists (and is not to be overwritten) or cannot be written.
        CheckpointError: if a weight is not finite in ``dtype``, or the vocabularies differ.
    """
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} exists: choose another folder, or overwrite")
    if folder.exists() and not (folder / INDEX).is_file():
        raise OutputError(f"{folder} is no model folder, so it is not replaced: choose another")
    check_vocabulary(model.config, tokenizer)
    tensors = {name: _for_storage(name, value, dtype) for name, value in stored(model).items()}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check_disk(folder.parent, sum(tensor.nbytes for tensor in tensors.values()))
        with replacing(folder) as temporary:
            (temporary / CONFIG).write_text(to_json(model.config), encoding="utf-8")
            (temporary / TOKENIZER).write_text(tokenizer.to_str(), encoding="utf-8")
            for name, text in (notes or {}).items():
                (temporary / name).write_text(text, encoding="utf-8")
            weight_map = write_shards(tensors, temporary, max_shard_bytes)
            write_index(temporary, weight_map, [TOKENIZER])
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write the model to {folder}: {error}") from error


def from_pretrained(
    folder: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> Pretrained:
    """The model stored in ``folder``, in evaluation mode, with every byte and name checked.

    Args:
        folder: as ``save_pretrained`` writes it.
        device: where the model goes.
        dtype: what its floating-point weights become, whatever they are stored as.

    Raises:
        CheckpointError: if files are missing, cut off, changed or not of this format, or weights
            are missing, unknown or of another shape.
    """
    shards = checked_shards(folder, [TOKENIZER])
    config = read_config(folder)
    tokenizer = StoryTokenizer.from_file(folder / TOKENIZER)
    check_vocabulary(config, tokenizer)
    model = without_weights(config)
    check_memory(size_of(shapes_of(model), dtype), device)
    _fill_from(model, shards, device=device, dtype=dtype)
    return Pretrained(finished(model, device=device), tokenizer)


def read_config(folder: Path) -> AudioStoryConfig:
    """The configuration in a model folder.

    Raises:
        CheckpointError: if it is missing or not one of ours.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG}: the model folder is incomplete")
    try:
        return from_json(AudioStoryConfig, path.read_text(encoding="utf-8"))
    except (ConfigError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def check_vocabulary(config: AudioStoryConfig, tokenizer: StoryTokenizer) -> None:
    """Refuse a tokenizer that the model cannot have been trained with.

    Raises:
        CheckpointError: if it has more ids than the model, or lacks a marker.
    """
    if tokenizer.vocab_size > config.llm.vocab_size:
        raise CheckpointError(
            f"the tokenizer has {tokenizer.vocab_size} ids, the model {config.llm.vocab_size}: "
            "they do not belong together"
        )
    if missing := [marker for marker in config.markers if len(tokenizer.encode(marker)) != 1]:
        raise CheckpointError(
            f"the tokenizer lacks {len(missing)} of the story's markers ({missing[0]}...): "
            "it belongs to another model"
        )


def _check_disk(folder: Path, num_bytes: int) -> None:
    """Refuse to begin writing what the disk has no room for."""
    free = shutil.disk_usage(folder).free
    if num_bytes > free:
        raise OutputError(
            f"the model takes {num_bytes / 1e9:.2f} GB, {folder} has {free / 1e9:.2f} GB left: "
            "make room, or choose another folder"
        )


def _for_storage(name: str, value: Tensor, dtype: torch.dtype | None) -> Tensor:
    """A contiguous copy on the CPU; parameters in the storage type."""
    is_parameter = isinstance(value, nn.Parameter) and value.is_floating_point()
    wanted = dtype if is_parameter and dtype is not None else value.dtype
    tensor = value.detach().to("cpu", wanted).contiguous()
    if not torch.isfinite(tensor).all():
        raise CheckpointError(
            f"{name} is not finite as {str(tensor.dtype).removeprefix('torch.')}: "
            "store the model as float32, or the training run has diverged"
        )
    return tensor


def _fill_from(
    model: AudioStoryModel,
    shards: Sequence[Path],
    *,
    device: torch.device | str,
    dtype: torch.dtype,
) -> None:
    """Fill the model from its shards, after checking that names and shapes are exactly its own."""
    files = [opened_tensors(shard) for shard in shards]
    if problems := misfits(shapes_of(model), shapes_in(files)):
        raise CheckpointError(f"the weights do not fit {CONFIG}: {listed(problems)}")
    for file in files:
        for name, value in file.read(file.shapes):
            fill(model, name, value, device=device, dtype=type_of(name, dtype))
