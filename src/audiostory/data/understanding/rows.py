"""A recording and what its data set says of it: one row type for every set that is learned from.

A reader makes each row of a published list into a ``HeardRow`` or says what is wrong with it. Bad
rows are named and counted, and the reading goes on or stops, as ``on_bad`` says. A list that is no
table at all (``data/sets/tables.py``) always stops it.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audiostory.data.sets.recordings import Recordings, length_of
from audiostory.data.sets.tables import Row
from audiostory.errors import CorpusError

log = logging.getLogger(__name__)

SLACK_S = 0.5
"""By how much a file may be longer than its segment: cut at key frames, padded by its encoder."""
NAMED = 5
"""Bad rows of a kind that a summary names."""

OnBad = Literal["count", "stop"]
"""What a bad row does. ``count``: it is left out, named and counted. ``stop``: it is an error."""
Fault = Literal[
    "missing audio", "ambiguous audio", "unreadable audio", "wrong duration", "empty caption",
    "bad cell", "held out",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A question about a recording and its answer."""

    question: str
    answer: str
    kind: str = "own"
    """What was asked, a key of ``questions.KINDS``; ``own`` comes with the data set."""


@dataclass(frozen=True, kw_only=True)
class HeardRow:
    """A recording and what is known to be heard in it."""

    file: str
    """Path relative to the data set's folder, with ``/`` between its parts."""
    seconds: float
    """How long the file lasts."""
    source: str
    """The data set it comes from."""
    place: str
    """File and line it was read from."""
    caption: str = ""
    """What is heard, in a sentence or more; empty where the set has labels alone."""
    labels: tuple[str, ...] = ()
    """What is heard, in a few words each."""
    start_s: float | None = None
    """Where in its video the recording was cut out; None where the list does not say."""
    end_s: float | None = None
    """Where in its video it ends."""
    exchanges: tuple[Exchange, ...] = ()
    """Questions and answers of the data set itself."""


class BadRowError(CorpusError):
    """A row cannot be learned from."""

    def __init__(self, row: Row, fault: Fault, said: str) -> None:
        super().__init__(f"{row.place}: {fault}: {said}")
        self.bad = BadRow(place=row.place, fault=fault, said=said)


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that is left out."""

    place: str
    """File and line."""
    fault: Fault
    said: str
    """What is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The rows of a data set that can be learned from, and those that cannot."""

    rows: tuple[HeardRow, ...]
    bad: tuple[BadRow, ...]

    def summary(self) -> str:
        """How many rows there are, and of every fault how many and which."""
        places: dict[str, list[str]] = defaultdict(list)
        for bad in self.bad:
            places[bad.fault].append(bad.place)
        faults = Counter(bad.fault for bad in self.bad)
        told = [f"{len(self.rows)} rows of {len(self.rows) + len(self.bad)}"]
        for fault, count in faults.most_common():
            more = ", ..." if count > NAMED else ""
            told.append(f"{count} left out for {fault} ({', '.join(places[fault][:NAMED])}{more})")
        return "; ".join(told)


def gather(table: Iterable[Row], read: Callable[[Row], HeardRow], on_bad: OnBad) -> Gathered:
    """All rows of a list, read.

    Args:
        table: rows of the published list.
        read: makes one a ``HeardRow``; raises ``BadRowError``.
        on_bad: what a bad row does.

    Raises:
        CorpusError: at the first bad row under ``stop``, if no row is left, or for a broken list.
    """
    rows: list[HeardRow] = []
    bad: list[BadRow] = []
    for row in table:
        try:
            rows.append(read(row))
        except BadRowError as error:
            if on_bad == "stop":
                raise
            bad.append(error.bad)
    gathered = Gathered(rows=tuple(rows), bad=tuple(bad))
    if not rows:
        raise CorpusError(f"nothing can be learned from this list: {gathered.summary()}")
    log.log(logging.WARNING if bad else logging.INFO, "%s", gathered.summary())
    return gathered


@dataclass(frozen=True)
class Segment:
    """A part of a video that a row is about."""

    start_s: float | None
    end_s: float | None
    longest_s: float
    """How long a file of it may last, without ``SLACK_S``."""


def segment_of(row: Row, start_s: float | None, end_s: float | None, clip_s: float) -> Segment:
    """The segment between two times, or ``clip_s`` seconds from a start without an end.

    Raises:
        BadRowError: if it ends before it starts.
    """
    if start_s is None:
        return Segment(None, None, clip_s)
    end_s = start_s + clip_s if end_s is None else end_s
    if not end_s > start_s:
        raise BadRowError(row, "wrong duration", f"it ends at {end_s:g} s, starts at {start_s:g} s")
    return Segment(start_s, end_s, end_s - start_s)


def file_of(
    row: Row, recordings: Recordings, stems: Iterable[str], segment: Segment
) -> tuple[str, float]:
    """The file of a row, relative to the folder above ``recordings``, and its seconds.

    Raises:
        BadRowError: if it is missing, not the only one, unreadable, or longer than its segment.
    """
    names = list(stems)
    try:
        path = recordings.find(names)
    except CorpusError as error:
        raise BadRowError(row, "ambiguous audio", str(error)) from error
    if path is None:
        raise BadRowError(row, "missing audio", f"no {' or '.join(names)} in {recordings.folder}")
    try:
        seconds = length_of(path)
    except CorpusError as error:
        raise BadRowError(row, "unreadable audio", str(error)) from error
    if seconds > segment.longest_s + SLACK_S:
        raise BadRowError(
            row,
            "wrong duration",
            f"{path.name} lasts {seconds:.1f} s, its segment {segment.longest_s:g} s: cut it out",
        )
    return _relative(path, recordings.folder.parent), seconds


def check_not_held_out(row: Row, video: str, held_out: Container[str]) -> None:
    """Refuse a row of a video that evaluation plays.

    Raises:
        BadRowError: if it is one.
    """
    if video in held_out:
        raise BadRowError(row, "held out", f"the video {video} is one of those to leave out")


def caption_of(row: Row, column: str = "caption") -> str:
    """The caption of a row, on one line.

    Raises:
        BadRowError: if it is empty.
    """
    caption = " ".join(row.cells[column].split())
    if not caption:
        raise BadRowError(row, "empty caption", f"the column {column} is empty")
    return caption


def seconds_of(row: Row, column: str) -> float:
    """The cell of a column as a time in seconds.

    Raises:
        BadRowError: if it is none.
    """
    try:
        return row.seconds(column)
    except CorpusError as error:
        raise BadRowError(row, "wrong duration", str(error)) from error


def cell_of(row: Row, column: str) -> str:
    """The cell of a column.

    Raises:
        BadRowError: if it is empty.
    """
    if not row.cells[column]:
        raise BadRowError(row, "bad cell", f"the column {column} is empty")
    return row.cells[column]


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
