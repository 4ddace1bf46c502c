"""What the released AudioStory-3B needs besides its own weights, and where that is found.

The release keeps its trained weights in one repository and takes vocabulary, autoencoder and text
encoder from those of others. A companion is looked for in the release's folder and around it, under
the names that the release's scripts use, or is fetched from the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import CheckpointError
from audiostory.models.hub import fetched


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A repository of others that the release takes files from."""

    repo: str
    """Its name on the hub."""
    folders: tuple[str, ...]
    """How its folder may be called beside the release."""
    files: tuple[str, ...]
    """What is needed of it; alternatives are divided by a bar."""
    gives: str
    """What it is needed for."""


COMPANIONS = {
    "base": Companion(
        repo="Qwen/Qwen2.5-3B-Instruct",
        folders=("Qwen2.5-3B-Instruct",),
        files=("config.json", "generation_config.json", "tokenizer.json"),
        gives="vocabulary and sizes of the language model",
    ),
    "vae": Companion(
        repo="declare-lab/TangoFlux",
        folders=("Flux_detokenizer", "TangoFlux"),
        files=("vae.safetensors|model.safetensors", "config.json"),
        gives="autoencoder and sizes of the DiT",
    ),
    "text_encoder": Companion(
        repo="google/flan-t5-large",
        folders=("flan-t5-large",),
        files=("config.json", "model.safetensors", "tokenizer.json"),
        gives="features of the empty text, for guidance",
    ),
    "whisper": Companion(
        repo="openai/whisper-large-v3",
        folders=("whisper-large-v3",),
        files=("config.json", "model.safetensors"),
        gives="ears, for instructions with a recording",
    ),
}
"""By role. Without ``text_encoder`` the release must hold one; without ``whisper`` it is deaf."""

OPTIONAL = frozenset({"text_encoder", "whisper"})


def found_companion(role: str, folder: Path) -> Path | None:
    """The folder of a companion in or around a model's folder; None if it is not there."""
    companion = COMPANIONS[role]
    places = _places(folder, companion)
    return next((place for place in places if not lacking(place, companion)), None)


def companions_of(folder: Path, given: Mapping[str, Path], *, fetch: bool) -> dict[str, Path]:
    """The folder of each companion that there is, by role.

    Args:
        folder: the release's own.
        given: folders that were named, by role; they are not looked for.
        fetch: whether what is needed and not there is fetched from the hub.

    Raises:
        CheckpointError: if one that is always needed is nowhere, with the command that fetches it;
            if a folder that was named lacks a file; if the hub does not give one.
    """
    if unknown := [role for role in given if role not in COMPANIONS]:
        raise CheckpointError(f"no companion {unknown[0]!r}; there are {', '.join(COMPANIONS)}")
    found: dict[str, Path] = {}
    problems: list[str] = []
    for role, companion in COMPANIONS.items():
        if role in given and (names := lacking(given[role], companion)):
            problems.append(f"{given[role]} lacks {', '.join(names)}")
        elif (whole := given.get(role) or found_companion(role, folder)) is not None:
            found[role] = whole
        elif role not in OPTIONAL and fetch:
            found[role] = fetch_companion(role)
        elif role not in OPTIONAL:
            problems.append(way_to(role, folder))
    if problems:
        raise CheckpointError("; ".join(problems))
    return found


def fetch_companion(role: str) -> Path:
    """The folder of a companion, from the hub.

    Raises:
        CheckpointError: if the hub does not give it.
    """
    companion = COMPANIONS[role]
    return fetched(companion.repo, _patterns(companion))


def way_to(role: str, folder: Path) -> str:
    """What to do where a companion of the release in ``folder`` is missing."""
    companion = COMPANIONS[role]
    target = folder / companion.folders[0]
    files = " ".join(_patterns(companion))
    return (
        f"{folder} needs {companion.repo} ({companion.gives}) beside it: "
        f"hf download {companion.repo} {files} --local-dir {target}"
    )


def lacking(folder: Path, companion: Companion) -> list[str]:
    """The files of a companion that a folder lacks."""
    return [
        names.partition("|")[0]
        for names in companion.files
        if not any((folder / name).is_file() for name in names.split("|"))
    ]


def _places(folder: Path, companion: Companion) -> list[Path]:
    """Where a companion may be; the release's own folder comes last."""
    around = (folder, folder / "ckpt", folder.parent, folder.parent / "ckpt")
    return [*(place / name for place in around for name in companion.folders), folder]


def _patterns(companion: Companion) -> list[str]:
    return [name for names in companion.files for name in names.split("|")[:1]]
