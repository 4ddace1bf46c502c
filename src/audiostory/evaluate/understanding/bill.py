"""What a run of questions has cost so far, in a file beside its answers that every run adds to."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path

from audiostory.data.manifest import read_objects
from audiostory.errors import CorpusError, OutputError
from audiostory.evaluate.judge.cost import Usage
from audiostory.evaluate.understanding.lines import append_line, remove_torn_line


class Bill:
    """Tokens of every question that was paid for: JSON Lines with the fields of ``Usage``.

    A question is entered before its answer is kept: what a kill makes be asked again counts twice,
    as it is paid twice. Threads may share a bill, processes may not.

    Args:
        path: of the file; it begins with the first entry.

    Raises:
        OutputError: if the file is there and damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = Usage()
        """Of all runs."""
        self._lock = threading.Lock()
        if path.exists():
            remove_torn_line(path)
            self.total = _read(path)

    def add(self, used: Usage) -> None:
        """Enter what one question took.

        Raises:
            OutputError: if it cannot be written.
        """
        with self._lock:
            append_line(self.path, asdict(used))
            self.total += used


def bill_beside(path: Path) -> Path:
    """Where the bill of a file of predictions is kept."""
    return path.with_name(f"{path.name}.bill")


def _read(path: Path) -> Usage:
    try:
        return sum((Usage(**entry) for _, entry in read_objects(path)), Usage())
    except (CorpusError, TypeError) as error:
        raise OutputError(
            f"{path} is no bill of questions ({error}): remove it, and what was spent counts anew"
        ) from error
