"""Clips of our own corpus as rows to learn understanding from: their caption and their group.

Groups that name no sound ("misc", "object") are no labels.
"""

from __future__ import annotations

from collections.abc import Iterable

from audiostory.data.manifest import SoundRow
from audiostory.data.understanding.rows import HeardRow
from audiostory.data.wordings import VAGUE_GROUPS


def heard_rows(rows: Iterable[SoundRow]) -> list[HeardRow]:
    """One row for each clip, in order."""
    return [
        HeardRow(
            file=row.file,
            seconds=row.seconds,
            source="corpus",
            place=f"metadata.jsonl: {row.file}",
            caption=row.caption,
            labels=() if row.group in VAGUE_GROUPS else (row.group.replace("_", " "),),
        )
        for row in rows
    ]
