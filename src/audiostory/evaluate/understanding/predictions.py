"""What a system said about each item of a set, in a file that grows and can be gone on with.

JSON Lines, UTF-8. The first line says what was asked, each further one what came back:

    {"task": "captions", "set": "clotho", "version": "first-3f2a...", "system": "whisper-llm"}
    {"id": "rain-1", "text": "Rain falls on a tin roof"}
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from audiostory.data.manifest import read_objects
from audiostory.errors import CorpusError, OutputError

Progress = Callable[[int, int], None]
"""Told how many items are done, and of how many."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a file of predictions answers."""

    task: Literal["captions", "answers"]
    set: str
    version: str
    """Of the set."""
    system: str
    """What names the system, its weights and its prompt: another name, another file."""


def predict(
    asked: Asked,
    ids: Sequence[str],
    say: Callable[[int], str],
    path: Path,
    *,
    progress: Progress | None = None,
) -> dict[str, str]:
    """What a system says about every item, by id; what the file already holds is not asked again.

    Each text is on the disk before the next item is asked. A last line that a kill left unfinished
    is removed, and its item asked again. One process at a time may write a file.

    Args:
        asked: what is asked, written into a new file and compared with that of an old one.
        ids: of the items, in the order they are asked in.
        say: what the system says about the item of an index.
        path: of the file; its folder exists.
        progress: told after every item.

    Raises:
        OutputError: if the file answers something else, holds items that are not asked, is
            damaged, or cannot be written.
    """
    said = _resumed(path, asked)
    foreign = sorted(said.keys() - set(ids))
    if foreign:
        raise OutputError(f"{path} is about items that are not asked: {', '.join(foreign[:3])}")
    for index, name in enumerate(ids):
        if name not in said:
            text = say(index)
            _append(path, {"id": name, "text": text})
            said[name] = text
        if progress is not None:
            progress(index + 1, len(ids))
    return {name: said[name] for name in ids}


def read_predictions(path: Path) -> tuple[Asked, dict[str, str]]:
    """What a file of predictions answers, and its texts by id.

    Raises:
        OutputError: if it is missing or damaged, naming the line.
    """
    said: dict[str, str] = {}
    asked: Asked | None = None
    try:
        for number, entry in read_objects(path):
            if asked is None:
                asked = Asked(**entry)
            elif entry.keys() != {"id", "text"} or entry["id"] in said:
                raise OutputError(f"{path}:{number}: not an id of its own and a text")
            else:
                said[str(entry["id"])] = str(entry["text"])
    except TypeError as error:
        raise OutputError(f"{path}:1: no head of a file of predictions: {error}") from error
    except CorpusError as error:
        raise OutputError(f"{error}: remove the file, or the line, to ask again") from error
    if asked is None:
        raise OutputError(f"{path} is empty: remove it")
    return asked, said


def _resumed(path: Path, asked: Asked) -> dict[str, str]:
    """Texts of a file that answers the same; a file that is not there is begun."""
    if path.exists():
        _remove_torn_line(path)
    if not path.exists() or not path.stat().st_size:
        _append(path, asdict(asked))
        return {}
    before, said = read_predictions(path)
    if before != asked:
        raise OutputError(
            f"{path} answers {before}, not {asked}: write to another file, or remove this one"
        )
    return said


def _remove_torn_line(path: Path) -> None:
    """Cut off what follows the last line break: the line a kill left unfinished."""
    try:
        with path.open("rb+") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)
    except OSError as error:
        raise OutputError(f"cannot go on with {path}: {error.strerror}") from error


def _append(path: Path, entry: dict[str, Any]) -> None:
    """Write one line and have it on the disk."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except (OSError, UnicodeEncodeError) as error:
        raise OutputError(f"cannot write to {path}: {error}") from error
