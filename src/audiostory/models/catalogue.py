"""Which models are known by name, and where a model's folder is. Loads no torch."""

from __future__ import annotations

from pathlib import Path

from audiostory.errors import CheckpointError
from audiostory.models.hub import fetched, is_repo

DEFAULT_MODEL = "nano"
RELEASED_MODEL = "TencentARC/AudioStory-3B"
PACKAGE = Path(__file__).parent.parent
KNOWN_MODELS = {"nano": PACKAGE / "nano"}
"""Models that come with the package, by name."""
RELEASE_STEM = "pytorch_model"
"""How the weights files of a release are called, endings left out."""
PATTERNS = ("*.json", "*.yaml", "*.safetensors", f"{RELEASE_STEM}*.bin")
"""What is fetched of a model on the hub."""


def resolve_model(name_or_dir: str) -> Path:
    """The folder of a model that is named, pointed to, or on the hub.

    A known name comes first, then a folder, then a repository of that name on the hub, which is
    fetched.

    Raises:
        CheckpointError: if there is no such model, its folder holds none, or the hub does not give
            it.
    """
    known = ", ".join(KNOWN_MODELS)
    ways_out = (
        f"known models are {known}; or give the folder of a checkpoint, or a repository of the hub "
        f"such as {RELEASED_MODEL}"
    )
    folder = KNOWN_MODELS.get(name_or_dir, Path(name_or_dir).expanduser())
    if name_or_dir in KNOWN_MODELS and not folder.is_dir():
        raise CheckpointError(
            f"the weights of {name_or_dir!r} are not part of this installation: train them "
            "(docs/nano.md), or give the folder of a model with --model"
        )
    if not folder.is_dir() and is_repo(name_or_dir) and not name_or_dir.startswith("."):
        folder = fetched(name_or_dir, PATTERNS)
    if not folder.is_dir():
        raise CheckpointError(f"no model {name_or_dir!r}: {ways_out}")
    if not is_release(folder) and not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} holds no model (config.json is missing): {ways_out}")
    return folder


def is_release(folder: Path) -> bool:
    """Whether a folder is laid out as the released AudioStory is, not as ours."""
    return any(
        (folder / f"{RELEASE_STEM}{ending}").is_file()
        for ending in (".bin", ".bin.index.json", ".safetensors", ".safetensors.index.json")
    )
