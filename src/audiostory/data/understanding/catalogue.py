"""The published lists that questions are asked from, by the names of ``train --questions``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from audiostory.data.sounds import load_rows
from audiostory.data.understanding.audiosetcaps import read_audiosetcaps, read_audiosetcaps_qa
from audiostory.data.understanding.auto_acd import read_auto_acd
from audiostory.data.understanding.corpus import heard_rows
from audiostory.data.understanding.musiccaps import read_musiccaps
from audiostory.data.understanding.rows import Gathered, HeardRow
from audiostory.data.understanding.vggsound import read_vggsound
from audiostory.errors import CorpusError


def read_corpus(folder: Path) -> Gathered:
    """The train split of a corpus of ours, without share-alike clips.

    Raises:
        CorpusError: if no clip is left.
    """
    return Gathered(rows=tuple(heard_rows(load_rows(folder, split="train"))), bad=())


LISTS: dict[str, Callable[[Path], Gathered]] = {
    "audiosetcaps": read_audiosetcaps,
    "audiosetcaps-qa": read_audiosetcaps_qa,
    "vggsound": read_vggsound,
    "vggsound-caps": partial(read_audiosetcaps, captions="VGGSound_AudioSetCaps_caption.csv"),
    "vggsound-qa": partial(
        read_audiosetcaps_qa, questions="VGGSound_AudioSetCaps_Qwen-Audio_Q&A.csv"
    ),
    "musiccaps": read_musiccaps,
    "auto-acd": read_auto_acd,
    "corpus": read_corpus,
}
"""Each reads a folder that holds the list and a folder ``audio`` of clips; ``corpus`` our own."""


def named_list(given: str) -> tuple[str, Path]:
    """The name and the folder in ``NAME=FOLDER``.

    Raises:
        CorpusError: if it is not of this form, the name is unknown, or there is no such folder.
    """
    name, equals, folder = given.partition("=")
    if not equals or not folder:
        raise CorpusError(f"{given!r} names no list and folder: write NAME=FOLDER")
    if name not in LISTS:
        raise CorpusError(f"no list '{name}'; there are {', '.join(LISTS)}")
    if not Path(folder).is_dir():
        raise CorpusError(f"no folder {folder} of the list '{name}'")
    return name, Path(folder)


def rows_of_lists(lists: Sequence[tuple[str, Path]]) -> list[HeardRow]:
    """The rows of several lists, in order, their files with their folders before them.

    Bad rows are left out, named and counted in the log.

    Raises:
        CorpusError: if a list is broken or leaves nothing.
    """
    return [
        replace(row, file=str(folder / row.file))
        for name, folder in lists
        for row in LISTS[name](folder).rows
    ]
