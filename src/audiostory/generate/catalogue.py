"""Which models are known by name, and where a model's folder is. Loads no torch."""

from __future__ import annotations

from pathlib import Path

from audiostory.errors import CheckpointError

DEFAULT_MODEL = "nano"
PACKAGE = Path(__file__).parent.parent
KNOWN_MODELS = {"nano": PACKAGE / "nano"}
"""Models that come with the package, by name."""


def resolve_model(name_or_dir: str) -> Path:
    """The folder of a model named or pointed to.

    Raises:
        CheckpointError: if there is no such model, or its folder holds none.
    """
    known = ", ".join(KNOWN_MODELS)
    folder = KNOWN_MODELS.get(name_or_dir, Path(name_or_dir).expanduser())
    if name_or_dir in KNOWN_MODELS and not folder.is_dir():
        raise CheckpointError(
            f"the weights of {name_or_dir!r} are not part of this installation: train them "
            "(docs/nano.md), or give the folder of a model with --model"
        )
    if not folder.is_dir():
        raise CheckpointError(
            f"no model {name_or_dir!r}: known models are {known}; or give the folder of a "
            "checkpoint"
        )
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{folder} holds no model (config.json is missing): known models are {known}; or give "
            "the folder of a checkpoint"
        )
    return folder
