"""Where the files of a released checkpoint lie, and the few plain values of its configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from audiostory.errors import CheckpointError
from audiostory.models.audiostory import THREE_B
from audiostory.models.foreign.companions import companions_of
from audiostory.models.tensor_files import TensorFile, all_shards, opened_tensors


@dataclass(frozen=True, kw_only=True)
class ReleaseFiles:
    """A released checkpoint on disk, looked at but not read yet."""

    folder: Path
    companions: Mapping[str, Path]
    """Folders of what it needs besides, by role."""
    may_fetch: bool = False
    """Whether a text encoder may be fetched where the weights hold none."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Values that replace those of ``config.yaml``, under its names."""

    @cached_property
    def weights(self) -> Sequence[TensorFile]:
        """The files of trained weights."""
        return [opened_tensors(path) for path in weights_in(self.folder)]

    @cached_property
    def autoencoder(self) -> TensorFile:
        """The autoencoder's weights, under either name."""
        names = ("vae.safetensors", "model.safetensors")
        folder = self.companions["vae"]
        return opened_tensors(next(folder / n for n in names if (folder / n).is_file()))

    @cached_property
    def whisper(self) -> TensorFile | None:
        """The weights of Whisper, if it is there."""
        folder = self.companions.get("whisper")
        return folder and opened_tensors(folder / "model.safetensors")

    @cached_property
    def plain(self) -> Mapping[str, Any]:
        """The plain values of ``config.yaml``, wherever they stand in its tree."""
        return plain_values(self.folder / "config.yaml") | dict(self.options)


def weights_in(folder: Path) -> list[Path]:
    """The files of a folder that hold a release's trained weights; none if it is no release."""
    return all_shards(folder, "pytorch_model")


def find_release(
    folder: Path,
    given: Mapping[str, Path] | None = None,
    *,
    may_fetch: bool = False,
    options: Mapping[str, Any] | None = None,
) -> ReleaseFiles:
    """The release in a folder, with its companions.

    Args:
        folder: holds ``pytorch_model.bin`` and, usually, ``config.yaml``.
        given: folders of companions, by role; the others are looked for.
        may_fetch: whether missing companions are fetched from the hub.
        options: values instead of those in ``config.yaml``.

    Raises:
        CheckpointError: if there are no weights, or a companion is missing.
    """
    if not weights_in(folder):
        raise CheckpointError(
            f"{folder} holds no release (pytorch_model.bin is missing): give the folder of "
            "TencentARC/AudioStory-3B"
        )
    return ReleaseFiles(
        folder=folder,
        companions=companions_of(folder, given or {}, fetch=may_fetch),
        may_fetch=may_fetch,
        options=options or {},
    )


PLAIN_DEFAULTS: dict[str, Any] = {
    "t5_feature_scale": 10.0,
    "model_dims": THREE_B.llm.hidden_size,
    "num_t5_out_tokens": 64,
    "num_aud_out_tokens": 8,
    "lora_alpha": 32.0,
}
"""What is read of ``config.yaml``, and the release's values, taken where it says nothing."""


def plain_values(path: Path) -> dict[str, Any]:
    """The values that ``config.yaml`` gives to the names in ``PLAIN_DEFAULTS``, nothing more.

    The file is a Hydra tree that names classes to build; it is read as plain YAML, and no class is
    built. A missing file says nothing, nor does a reference to another value (``${...}``), which
    is found where it stands.

    Raises:
        CheckpointError: if it is no YAML, gives one name two values, or one that cannot be its.
    """
    if not path.is_file():
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is no YAML ({error}): fetch it again") from error
    found: dict[str, Any] = {}
    for name, value in _leaves(tree):
        is_reference = isinstance(value, str) and value.startswith("${")
        if name not in PLAIN_DEFAULTS or value is None or is_reference:
            continue
        if (wanted := _wanted_of(name, value)) is not None:
            raise CheckpointError(f"{path}: {name} is {value!r}, not {wanted}")
        if found.setdefault(name, value) != value:
            raise CheckpointError(f"{path} gives {name} both {found[name]} and {value}")
    return found


def _wanted_of(name: str, value: Any) -> str | None:
    """What a value has to be, if it is not."""
    if isinstance(PLAIN_DEFAULTS[name], int):
        return None if type(value) is int and value >= 0 else "a whole number"
    is_number = type(value) in (int, float) and 0 < value < math.inf
    return None if is_number else "a number above 0"


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    """All names in a tree of dictionaries and lists that lead to a plain value."""
    if isinstance(tree, list):
        return [leaf for branch in tree for leaf in _leaves(branch)]
    if not isinstance(tree, dict):
        return []
    leaves = [leaf for branch in tree.values() for leaf in _leaves(branch)]
    return leaves + [(str(k), v) for k, v in tree.items() if not isinstance(v, dict | list)]
