"""Files of JSON lines that grow while a run goes on, and survive its being killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from audiostory.errors import OutputError


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Write one line and have it on the disk.

    Raises:
        OutputError: if it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except (OSError, UnicodeEncodeError) as error:
        raise OutputError(f"cannot write to {path}: {error}") from error


def remove_torn_line(path: Path) -> None:
    """Cut off what follows the last line break: the line a kill left unfinished.

    Raises:
        OutputError: if the file cannot be read or written.
    """
    try:
        with path.open("rb+") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)
    except OSError as error:
        raise OutputError(f"cannot go on with {path}: {error.strerror}") from error
