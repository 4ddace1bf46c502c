"""AudioStory-10k: long recordings, each with an instruction and the story that answers it.

The paper's own set, 10k recordings of which 15 % are for testing, is not published: numbers of a
set rebuilt after its recipe compare with the paper's only loosely. What a row holds, and how it
is written: ``audiostory_manifest``.

Source: AudioStory Sec. 3 and Sec. E.
"""

from __future__ import annotations

from pathlib import Path

from audiostory.data.sets.audiostory_manifest import (
    TEST_SHARE,
    AudioStoryRow,
    Source,
    Split,
    read_audiostory10k,
)
from audiostory.data.sets.item import Item, ItemSet, seed_of
from audiostory.data.sets.recordings import edition_of, length_of, note_missing, waveform_of
from audiostory.data.sets.tables import digest_of
from audiostory.errors import CorpusError, InstructionError
from audiostory.story.types import Instruction

NAME = "audiostory-10k"
LENGTH_TOLERANCE_S = 0.5
"""By how much a sound file may differ from its row's duration."""


def load_audiostory10k(
    folder: Path,
    *,
    split: Split = "test",
    source: Source | None = None,
    max_missing: int = 0,
    manifest: str = "audiostory-10k.jsonl",
) -> ItemSet:
    """The recordings of one split, each with its instruction and story.

    Args:
        folder: where the manifest lies, with the sounds below it.
        split: ``test`` or ``train``.
        source: only ``natural`` or ``cartoon`` ones; None takes both.
        max_missing: how many recordings may have no sound; they are left out, and named in the
            notes.
        manifest: name of the manifest.

    Raises:
        CorpusError: naming the row that cannot be used, the recordings that are missing, or a
            file that is not as long as its row says.
    """
    path = folder / manifest
    rows = list(read_audiostory10k(path))
    share = sum(row.split == "test" for row in rows) / max(len(rows), 1)
    chosen = [row for row in rows if row.split == split and source in (None, row.source)]
    lacking = [row.id for row in chosen if not (folder / row.audio).is_file()]
    missing = note_missing(lacking, len(chosen), max_missing=max_missing, folder=folder)
    present = [row for row in chosen if row.id not in set(lacking)]
    files = {row.id: folder / row.audio for row in present}
    for row in present:
        _check_length(files[row.id], row)
    return ItemSet(
        name=NAME,
        version=edition_of(
            split, source or "all", digest_of(path), present=len(present), total=len(chosen)
        ),
        items=tuple(_item(row) for row in present),
        reference_of=lambda item: waveform_of(files[item.id]),
        notes=(
            f"{len(present)} recordings; {100 * share:.1f} % of the manifest's are for testing "
            f"(the paper's: {100 * TEST_SHARE:g} %)",
            *missing,
        ),
    )


def _item(row: AudioStoryRow) -> Item:
    """The question that a row asks."""
    try:
        instruction = Instruction(text=row.instruction, duration_s=row.duration_s)
        return Item(
            id=row.id,
            instruction=instruction,
            seed=seed_of(NAME, row.id),
            stratum=row.source,
            captions=(row.summary,),
            story=row.story,
        )
    except InstructionError as error:
        raise CorpusError(f"the recording {row.id}: {error}") from error


def _check_length(path: Path, row: AudioStoryRow) -> None:
    """CorpusError if a sound file is not as long as its row says."""
    length_s = length_of(path)
    if abs(length_s - row.duration_s) > LENGTH_TOLERANCE_S:
        raise CorpusError(
            f"{path} lasts {length_s:.2f} s, its row says {row.duration_s:g} s: cut it anew"
        )
