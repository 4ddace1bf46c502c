"""A model as a folder: written at once, read strictly, no pickle.

    config.json                        AudioStoryConfig; sampling settings may be edited
    tokenizer.json                     the vocabulary
    model-00001-of-00002.safetensors   weights
    model.safetensors.index.json       which shard holds which weight; size and SHA-256 of each file

Saving writes a temporary folder beside the target and renames it. Loading checks every byte
against the index and every weight against the configuration, and names all that is wrong in one
``CheckpointError``. The released checkpoint's names occur in this file and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers.initialization import no_init_weights

from audiostory.config import from_json, to_json
from audiostory.errors import CheckpointError, ConfigError, OutputError
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.shards import (
    INDEX,
    checked_shards,
    opened,
    replacing,
    write_index,
    write_shards,
)
from audiostory.models.tokenizer import StoryTokenizer

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
    dtype: torch.dtype = torch.float32,
    overwrite: bool = False,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> None:
    """Write a model folder that ``from_pretrained`` reads; a crash leaves no half of it.

    Args:
        model: its parameters are stored as ``dtype``, its buffers as they are.
        tokenizer: stored beside the weights.
        folder: the model folder; parents are made.
        dtype: storage type of the parameters, e.g. ``torch.float16`` for half the size.
        overwrite: replace a model folder that is already there.
        max_shard_bytes: largest weights file, unless a single tensor is larger.

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
        with replacing(folder) as temporary:
            (temporary / CONFIG).write_text(to_json(model.config), encoding="utf-8")
            (temporary / TOKENIZER).write_text(tokenizer.to_str(), encoding="utf-8")
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
    model = _without_weights(config)
    _load_shards(model, shards)
    return Pretrained(model.to(device, dtype).eval(), tokenizer)


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


def stored(model: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds of a model: parameters and lasting buffers, tied ones once."""
    seen: set[int] = set()
    kept: dict[str, Tensor] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            kept[name] = value
    return kept


def _for_storage(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    """A contiguous copy on the CPU; parameters in the storage type."""
    is_parameter = isinstance(value, nn.Parameter) and value.is_floating_point()
    tensor = value.detach().to("cpu", dtype if is_parameter else value.dtype).contiguous()
    if not torch.isfinite(tensor).all():
        raise CheckpointError(
            f"{name} is not finite as {str(tensor.dtype).removeprefix('torch.')}: "
            "store the model as float32, or the training run has diverged"
        )
    return tensor


def _without_weights(config: AudioStoryConfig) -> AudioStoryModel:
    """A model whose parameters hold no numbers yet: drawing them would be most of the wait."""
    with no_init_weights():
        model = AudioStoryModel(config)
    model.llm.network.tie_weights()  # done in the initialisation that was left out
    return model


@torch.no_grad()
def _load_shards(model: AudioStoryModel, shards: list[Path]) -> None:
    """Fill the model from its shards, after checking that names and shapes are exactly its own."""
    wanted = stored(model)
    found: dict[str, Path] = {}
    problems: list[str] = []
    for shard in shards:
        with opened(shard) as file:
            for name in list(file.keys()):
                shape = list(file.get_slice(name).get_shape())
                if name in found:
                    problems.append(f"{name} is stored twice")
                elif name not in wanted:
                    problems.append(f"{name} is unknown")
                elif shape != list(wanted[name].shape):
                    problems.append(f"{name} is {shape}, needs {list(wanted[name].shape)}")
                found[name] = shard
    problems += [f"{name} is missing" for name in wanted if name not in found]
    if problems:
        raise CheckpointError(f"the weights do not fit {CONFIG}: {'; '.join(problems)}")
    for shard in shards:
        with opened(shard) as file:
            for name in list(file.keys()):
                wanted[name].copy_(file.get_tensor(name))


RELEASE_NAMES = (
    ("seedx.llm.base_model.model.", "llm.network."),
    ("seedx.projector.", "bridge.semantic_head."),
    ("seedx.audio_projector.", "bridge.residual_head."),
    ("multihead_attention.", "bridge.fuser.attention."),
    ("seedx.whisper_resampler_llava.aud_projector.", "audio_encoder.projector."),
    ("tangoflux.transformer.", "dit.transformer."),
    ("tangoflux.fc.", "dit.pooled_projection."),
    ("tangoflux.duration_emebdder.", "dit.duration_embedder."),
)
"""Prefixes of the released checkpoint (its spelling) and ours."""

RELEASE_UNUSED = re.compile(
    r".*\.original_module\.|seedx\.(input|output)_resampler\.|tangoflux\.text_encoder\."
)
"""Released tensors without a part in generation: norms before training, dead code, the teacher."""

_LORA_BASE = re.compile(r"(llm\.network\..*_proj)\.(weight|bias)")


def name_of_release(name: str) -> str | None:
    """Our name of a tensor of the released checkpoint; None if generation does not use it.

    Norms were trained as copies (``modules_to_save``), which are the ones that count. Projections
    under LoRA may or may not be called ``base_layer``, by the version of PEFT that saved them.

    Raises:
        CheckpointError: if the released model has no such tensor.
    """
    if RELEASE_UNUSED.match(name):
        return None
    for theirs, ours in RELEASE_NAMES:
        if name.startswith(theirs):
            renamed = ours + name.removeprefix(theirs).replace(".modules_to_save.default", "")
            return _LORA_BASE.sub(r"\1.base_layer.\2", renamed)
    raise CheckpointError(f"'{name}' is no tensor of the released model")
