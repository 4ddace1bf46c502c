"""MusicCaps: music of ten seconds with a caption and aspects by musicians.

``musiccaps-public.csv`` has the columns ``ytid``, ``start_s``, ``end_s``,
``audioset_positive_labels``, ``aspect_list`` (a Python list of strings, as text), ``caption``,
``author_id``, ``is_balanced_subset``, ``is_audioset_eval`` (``True`` or ``False``).

Sources: Agostinelli et al., MusicLM, arXiv:2301.11325; columns of the list published on Kaggle
(googleai/musiccaps) and as huggingface.co/datasets/google/MusicCaps; AudioStory Sec. 5.1.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from audiostory.data.sets.recordings import Recordings
from audiostory.data.sets.tables import Row, read_table
from audiostory.data.understanding.rows import (
    BadRowError,
    Gathered,
    HeardRow,
    OnBad,
    caption_of,
    cell_of,
    check_not_held_out,
    file_of,
    gather,
    seconds_of,
    segment_of,
)
from audiostory.data.understanding.youtube import CLIP_S, videos_of

COLUMNS = ("ytid", "start_s", "end_s", "aspect_list", "caption", "is_audioset_eval")
Split = Literal["train", "eval", "all"]
IS_EVAL = {"True": True, "False": False}


def read_musiccaps(
    folder: Path,
    *,
    split: Split = "train",
    table: str = "musiccaps-public.csv",
    audio: str = "audio",
    exclude: Iterable[str] = (),
    on_bad: OnBad = "count",
) -> Gathered:
    """The captioned clips of a split whose sound is there.

    Args:
        folder: where the list and the folder of clips lie.
        split: ``train`` and ``eval`` are those of AudioSet, by ``is_audioset_eval``.
        table: name of the list.
        audio: name of the folder of clips, called ``<ytid>``, ``<ytid>_<start>`` or
            ``<ytid>_<start>_<end>``.
        exclude: names of clips or of videos to leave out, as evaluation plays them; every clip of
            these videos is, whatever its start.
        on_bad: what a bad row does.

    Raises:
        CorpusError: as ``gather``.
    """
    recordings, held_out = Recordings(folder / audio), videos_of(exclude)
    left_out = {"train": "True", "eval": "False", "all": None}[split]
    rows = (
        row
        for row in read_table(folder / table, COLUMNS)
        if row.cells["is_audioset_eval"] != left_out
    )
    return gather(rows, lambda row: _heard(row, recordings, held_out), on_bad)


def _heard(row: Row, recordings: Recordings, held_out: frozenset[str]) -> HeardRow:
    """One row.

    Raises:
        BadRowError: if it cannot be learned from.
    """
    if row.cells["is_audioset_eval"] not in IS_EVAL:
        raise BadRowError(row, "bad cell", f"is_audioset_eval is {row.cells['is_audioset_eval']!r}")
    name = cell_of(row, "ytid")
    check_not_held_out(row, name, held_out)
    start_s, end_s = seconds_of(row, "start_s"), seconds_of(row, "end_s")
    segment = segment_of(row, start_s, end_s, CLIP_S)
    caption, aspects = caption_of(row), aspects_of(row)
    stems = (name, f"{name}_{round(start_s)}", f"{name}_{round(start_s)}_{round(end_s)}")
    file, seconds = file_of(row, recordings, stems, segment)
    return HeardRow(
        file=file,
        seconds=seconds,
        source="musiccaps",
        place=row.place,
        caption=caption,
        labels=aspects,
        start_s=segment.start_s,
        end_s=segment.end_s,
    )


def aspects_of(row: Row) -> tuple[str, ...]:
    """The aspects of a row, each once, in order.

    Raises:
        BadRowError: if the cell is no list of texts.
    """
    text = row.cells["aspect_list"]
    try:
        aspects = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise BadRowError(row, "bad cell", f"aspect_list is {text[:60]!r}, no list") from error
    if not isinstance(aspects, list) or not all(isinstance(one, str) for one in aspects):
        raise BadRowError(row, "bad cell", f"aspect_list is {text[:60]!r}, no list of texts")
    return tuple(dict.fromkeys(" ".join(one.split()) for one in aspects if one.strip()))
