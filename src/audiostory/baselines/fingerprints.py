"""What tells a baseline's weights, program or corpus from another's, in words for reports.

A run that goes on compares these words, so that answers of two systems never mix. Gigabytes are not
read for them: a large file is known by its name, size and time of modification, which ``cp -a`` and
``rsync -t`` keep.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from audiostory.errors import ConfigError
from audiostory.models.hub import is_repo

READ_BYTES = 1 << 20
"""Files up to this size are read, larger ones go by their time of modification."""
MANIFEST = "metadata.jsonl"
"""What lists the clips of a corpus."""

KnownBy = Literal["weights", "program", "corpus", "nothing"]
"""What a baseline's answers depend on beside its name."""


def identity_of(known_by: KnownBy, location: str, dtype: str) -> str:
    """Words that change whenever what is at a location would answer differently.

    Args:
        known_by: what lies there.
        location: a folder or repository of weights, a command or an address, a folder of clips.
        dtype: what weights become.

    Raises:
        ConfigError: if an address holds a password.
    """
    return _IDENTITIES[known_by](location, dtype)


def _weights(location: str, dtype: str) -> str:
    folder = Path(location)
    if not folder.exists() and is_repo(location):
        return f"weights {location} {_revision(location)} in {dtype}"
    return f"weights {digest_of_files(folder)} in {dtype}"


def _program(location: str, dtype: str) -> str:
    """A command by its words, an address by itself: what they run cannot be seen from here."""
    del dtype
    if not location.startswith(("http://", "https://")):
        return f"command {Path(shlex.split(location)[0]).name} {_digest(location)}"
    address = urlsplit(location)
    if "@" in address.netloc:
        raise ConfigError(
            "the address of an endpoint holds a password, which would be written into reports: "
            "serve it on this machine, or behind one that adds the password"
        )
    query = f" {_digest(address.query)}" if address.query else ""
    return f"{address.scheme}://{address.netloc}{address.path}{query}"


def _corpus(location: str, dtype: str) -> str:
    del dtype
    manifest = Path(location) / MANIFEST
    return f"corpus {hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]}"


def _nothing(location: str, dtype: str) -> str:
    del location, dtype
    return ""


_IDENTITIES: dict[KnownBy, Callable[[str, str], str]] = {
    "weights": _weights,
    "program": _program,
    "corpus": _corpus,
    "nothing": _nothing,
}


def digest_of_files(folder: Path) -> str:
    """12 hex digits of a folder's files, or of one file: of names and sizes, and of what is inside.

    What is inside stands for itself up to ``READ_BYTES``; of larger files, the time of modification
    does. Hidden files are left out: downloads keep their notes there.
    """
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    found: list[tuple[str, int, str | int]] = []
    for path in paths:
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or not path.is_file():
            continue
        size, changed = path.stat().st_size, path.stat().st_mtime_ns
        inside = hashlib.sha256(path.read_bytes()).hexdigest() if size <= READ_BYTES else changed
        found.append((name.as_posix(), size, inside))
    return _digest(found)


def _revision(repo: str) -> str:
    """The revision of a repository that the hub's cache holds, where it tells."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    main = folder / "refs" / "main"
    return main.read_text(encoding="utf-8").strip()[:12] if main.is_file() else "main"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
