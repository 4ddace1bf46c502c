"""Clotho: recordings of Freesound, 15 to 30 seconds long, five captions each.

The evaluation split of version 2.1 has 1,045 recordings: ``clotho_captions_evaluation.csv``
(columns ``file_name``, ``caption_1`` to ``caption_5``) and a folder ``evaluation``.

Source: Drossos et al., Clotho, ICASSP 2020, arXiv:1910.09387; AudioStory Sec. 5.1, Table 2.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from audiostory.data.sets.captioned import (
    Caption,
    CaptionChoice,
    Captioned,
    Published,
    find_all,
    item_set_of,
)
from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.recordings import Recordings, inside, length_of
from audiostory.data.sets.tables import read_table
from audiostory.errors import CorpusError

PUBLISHED = Published(name="clotho", num_clips=1_045, captions_per_clip=5)
CAPTION_COLUMNS = tuple(f"caption_{number}" for number in range(1, PUBLISHED.captions_per_clip + 1))
COLUMNS = ("file_name", *CAPTION_COLUMNS)


def load_clotho(
    folder: Path,
    *,
    choice: CaptionChoice = "first",
    max_missing: int = 0,
    captions: str = "clotho_captions_evaluation.csv",
    audio: str = "evaluation",
) -> ItemSet:
    """The evaluation recordings of Clotho; each is asked for at the length its file has.

    Args:
        folder: where the list and the folder of recordings lie.
        choice: which captions are asked: ``caption_1`` of each recording, or all five.
        max_missing: how many recordings may be missing; they are left out, and named in the notes.
        captions: name of the list.
        audio: name of the folder of recordings, which are called as in ``file_name``; the suffix
            may be another.

    Raises:
        CorpusError: naming the line of the list that cannot be used, or the recordings that are
            missing or cannot be read.
    """
    clips = _clips(folder / captions)
    there, missing = find_all(clips, Recordings(folder / audio), max_missing=max_missing)
    found = [(replace(clip, duration_s=round(length_of(path), 3)), path) for clip, path in there]
    return item_set_of(
        PUBLISHED, clips, found, table=folder / captions, choice=choice, missing=missing
    )


def _clips(path: Path) -> list[Captioned]:
    """The recordings of the list."""
    clips: dict[str, Captioned] = {}
    places: dict[str, str] = {}
    for row in read_table(path, COLUMNS):
        file = inside(row.text("file_name"), row.place)
        if len(file.parts) > 1:
            raise CorpusError(f"{row.place}: {file} is no file name: give it without folders")
        name = stem_of(file)
        if name in clips:
            raise CorpusError(f"{row.place}: {file} is described a second time: {places[name]}")
        places[name] = row.place
        texts = (Caption(column, row.text(column), row.place) for column in CAPTION_COLUMNS)
        clips[name] = Captioned(name=name, captions=tuple(texts), stems=(name,))
    return list(clips.values())


def stem_of(file: PurePosixPath) -> str:
    """The name of a recording without ``.wav``; other dots belong to the name."""
    return file.stem if file.suffix.lower() == ".wav" else file.name
