"""Rows to ask about, and a folder of clips."""

from __future__ import annotations

from pathlib import Path

from audiostory.data.understanding.rows import Exchange, HeardRow
from tests.data.sets.files import write_sound


def heard(caption: str = "", *labels: str, own: tuple[Exchange, ...] = ()) -> HeardRow:
    return HeardRow(
        file="audio/x.wav", seconds=1.0, source="test", place="list.csv:2",
        caption=caption, labels=labels, exchanges=own,
    )  # fmt: skip


def write_clips(folder: Path, *stems: str, duration_s: float = 10.0) -> None:
    for stem in stems:
        write_sound(folder / "audio" / f"{stem}.wav", duration_s)
