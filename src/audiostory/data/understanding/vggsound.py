"""VGGSound: clips of ten seconds with one label of 309 each.

``vggsound.csv`` has no header; its columns are YouTube id, start seconds, label, ``train`` or
``test``. Clips are called ``<id>_<start>`` with six digits. A label with commas ("cattle, bovinae
cowbell") is one thing in several words.

Sources: Chen et al., VGGSound, arXiv:2004.14368, and the description of the list on its page
(robots.ox.ac.uk/~vgg/data/vggsound), for example ``---g-f_I2yQ,1,people marching,test``; AudioStory
Sec. 5.1, which speaks of VGGSound's captions: the set has none (AudioSetCaps and Auto-ACD do).
"""

from __future__ import annotations

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

COLUMNS = ("youtube_id", "start", "label", "split")
Split = Literal["train", "test"]


def read_vggsound(
    folder: Path,
    *,
    split: Split = "train",
    table: str = "vggsound.csv",
    audio: str = "audio",
    exclude: Iterable[str] = (),
    on_bad: OnBad = "count",
) -> Gathered:
    """The labelled clips of a split whose sound is there.

    Args:
        folder: where the list and the folder of clips lie.
        split: which rows of the list.
        table: name of the list.
        audio: name of the folder of clips, called ``<id>_<start>`` with six digits.
        exclude: names of clips or of videos to leave out, as evaluation plays them; every clip of
            these videos is, whatever its start.
        on_bad: what a bad row does.

    Raises:
        CorpusError: as ``gather``.
    """
    recordings, held_out = Recordings(folder / audio), videos_of(exclude)
    rows = (
        row
        for row in read_table(folder / table, COLUMNS, has_header=False)
        if row.cells["split"] != ("test" if split == "train" else "train")
    )

    def read(row: Row) -> HeardRow:
        if row.cells["split"] != split:
            raise BadRowError(row, "bad cell", f"split is {row.cells['split']!r}")
        video = cell_of(row, "youtube_id")
        check_not_held_out(row, video, held_out)
        start_s = seconds_of(row, "start")
        segment = segment_of(row, start_s, None, CLIP_S)
        stems = (f"{video}_{round(start_s):06d}",)
        label = caption_of(row, "label")
        file, seconds = file_of(row, recordings, stems, segment)
        return HeardRow(
            file=file,
            seconds=seconds,
            source="vggsound",
            place=row.place,
            labels=(label,),
            start_s=segment.start_s,
            end_s=segment.end_s,
        )

    return gather(rows, read, on_bad)
