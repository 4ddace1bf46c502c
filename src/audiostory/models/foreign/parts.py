"""The published parts that the paper's recipes begin with: repositories, files, and where they are.

A part is given as a folder or a repository of the hub; what is not given is fetched from the
repository that the paper names.

Source: AudioStory Sec. 5.1 (Qwen2.5-3B-Instruct, TangoFlux, Whisper-large-v3), Sec. 4.2 (Flan-T5;
the release has flan-t5-large).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import CheckpointError
from audiostory.models.foreign.tangoflux_checkpoint import FILES as TANGOFLUX_FILES
from audiostory.models.hub import fetched, is_repo
from audiostory.models.tensor_files import all_shards


@dataclass(frozen=True, kw_only=True)
class Part:
    """A repository of others."""

    repo: str
    """Its name on the hub."""
    files: tuple[str, ...]
    """What is needed of it, besides ``shards``."""
    shards: tuple[str, ...] = ()
    """Its weights where they may be one file or several: as they are published."""
    gives: str
    """What it is needed for."""

    @property
    def names(self) -> tuple[str, ...]:
        """All files that are needed of its own repository."""
        return (*self.files, *self.shards)

    @property
    def patterns(self) -> tuple[str, ...]:
        """What is needed of another repository of the kind."""
        others = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
        return (*self.files, *(others if self.shards else ()))

    def lacking(self, folder: Path) -> list[str]:
        """The files that a folder lacks.

        Raises:
            CheckpointError: if some shards of its weights are missing.
        """
        names = [name for name in self.files if not (folder / name).is_file()]
        return names + [*self.shards] * (bool(self.shards) and not all_shards(folder, "model"))

    def paths(self, folder: Path) -> list[Path]:
        """The files that are read."""
        shards = all_shards(folder, "model") if self.shards else []
        return [*(folder / name for name in self.files), *shards]

    def command(self, folder: Path | str) -> str:
        """The command that fetches it into a folder."""
        return f"hf download {self.repo} {' '.join(self.names)} --local-dir {folder}"


PARTS = {
    "llm": Part(
        repo="Qwen/Qwen2.5-3B-Instruct",
        files=("config.json", "generation_config.json", "tokenizer.json"),
        shards=(
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ),
        gives="the language model and its vocabulary",
    ),
    "tangoflux": Part(
        repo="declare-lab/TangoFlux",
        files=TANGOFLUX_FILES,
        gives="the DiT and the autoencoder",
    ),
    "whisper": Part(
        repo="openai/whisper-large-v3",
        files=("config.json",),
        shards=("model.safetensors",),
        gives="ears",
    ),
    "teacher": Part(
        repo="google/flan-t5-large",
        files=("config.json", "tokenizer.json", "model.safetensors"),
        gives="the null condition, and the targets of semantic tokens",
    ),
}
"""By role, which is also the option's name."""


def find_parts(given: Mapping[str, str]) -> dict[str, Path]:
    """The folder of each part, by role.

    Args:
        given: a folder or a repository of the hub by role; others are fetched from their own.

    Raises:
        CheckpointError: naming all parts that are not there, each with the command that fetches it.
    """
    found: dict[str, Path] = {}
    problems: list[str] = []
    for role, part in PARTS.items():
        try:
            found[role] = _found(role, part, given.get(role, part.repo))
        except CheckpointError as error:
            problems.append(str(error))
    if problems:
        raise CheckpointError("; ".join(problems))
    return found


def _found(role: str, part: Part, name: str) -> Path:
    """The folder of one part.

    Raises:
        CheckpointError: if it is not there, or lacks files.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if not is_repo(name) or name.startswith("."):
            raise CheckpointError(f"no folder {name} (--{role}): {part.command(name)}")
        folder = fetched(name, part.names if name == part.repo else part.patterns)
    if names := part.lacking(folder):
        raise CheckpointError(
            f"{folder} (--{role}, {part.gives}) lacks {', '.join(names)}: {part.command(folder)}"
        )
    return folder
