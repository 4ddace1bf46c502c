"""Tables that data sets are published in: rows that know their line, cells that are there."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import CorpusError


@dataclass(frozen=True)
class Row:
    """One row of a table, and where it stands."""

    cells: dict[str, str]
    """Text of each column, without spaces around it."""
    place: str
    """``test.csv:17``: file and line the row begins in."""

    def text(self, column: str) -> str:
        """The cell of a column.

        Raises:
            CorpusError: if it is empty.
        """
        if not self.cells[column]:
            raise CorpusError(f"{self.place}: the column {column} is empty")
        return self.cells[column]

    def seconds(self, column: str) -> float:
        """The cell of a column as a time in seconds.

        Raises:
            CorpusError: if it is empty, no number, negative or not finite.
        """
        text = self.text(column)
        try:
            value = float(text)
        except ValueError as error:
            raise CorpusError(f"{self.place}: {column} is {text!r}, not a number") from error
        if not 0 <= value < float("inf"):
            raise CorpusError(f"{self.place}: {column} is {text}: not a time in seconds")
        return value


def read_table(path: Path, columns: tuple[str, ...], *, has_header: bool = True) -> Iterator[Row]:
    """Rows of a comma-separated file whose first line names its columns.

    Args:
        path: UTF-8 text, with or without a byte order mark.
        columns: names that have to be there; others are read too.
        has_header: without one, ``columns`` are all columns there are, in order.

    Raises:
        CorpusError: naming the line, if the file is missing, is not UTF-8, lacks a column or has
            a row with more or fewer cells than columns.
    """
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    number = 1
    try:
        names = [name.strip() for name in next(lines, [])] if has_header else list(columns)
        missing = [name for name in columns if name not in names]
        if missing:
            raise CorpusError(
                f"{path}:1: no column {', '.join(missing)}; it has {', '.join(names) or 'none'}: "
                "is this the published file?"
            )
        number = lines.line_num + 1
        for cells in lines:
            place, number = f"{path.name}:{number}", lines.line_num + 1
            if not any(cells):
                continue
            if len(cells) != len(names):
                raise CorpusError(f"{place}: {len(cells)} cells for {len(names)} columns")
            stripped = (cell.strip() for cell in cells)
            yield Row(dict(zip(names, stripped, strict=True)), place)
    except csv.Error as error:
        raise CorpusError(f"{path}:{number}: not comma-separated text: {error}") from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    Raises:
        CorpusError: if it cannot be read, or naming the line that is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"cannot read {path}: {error.strerror}; download the data set, and name its folder"
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{path}:{line}: not UTF-8 text: save the file as UTF-8, or download it anew"
        ) from error


def digest_of(path: Path) -> str:
    """First 12 hex digits of the sha256 of a file: what tells its edition from others.

    Raises:
        CorpusError: if it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error
