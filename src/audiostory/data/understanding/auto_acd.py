"""Auto-ACD: captions of AudioSet and VGGSound by models that also saw the video.

``train.csv`` and ``test.csv`` have the columns ``youtube_id`` and ``caption``. The set's page has a
question about suffixes of these ids that we could not read: names with a start (``youtube.py``)
are understood, others are looked for as they stand.

Sources: Sun et al., Auto-ACD, arXiv:2309.11500; huggingface.co/datasets/Loie/Auto-ACD, columns as
code that reads the published lists names them; AudioStory Sec. 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audiostory.data.sets.recordings import Recordings
from audiostory.data.sets.tables import Row, read_table
from audiostory.data.understanding.rows import (
    Gathered,
    HeardRow,
    OnBad,
    caption_of,
    cell_of,
    check_not_held_out,
    file_of,
    gather,
    segment_of,
)
from audiostory.data.understanding.youtube import CLIP_S, clip_name, videos_of

COLUMNS = ("youtube_id", "caption")


def read_auto_acd(
    folder: Path,
    *,
    table: str = "train.csv",
    audio: str = "audio",
    exclude: Iterable[str] = (),
    on_bad: OnBad = "count",
) -> Gathered:
    """The captioned clips whose sound is there.

    Args:
        folder: where the list and the folder of clips lie.
        table: name of the list.
        audio: name of the folder of clips, called as in ``youtube_id``, with or without a ``Y``.
        exclude: names of clips or of videos to leave out, as evaluation plays them; every clip of
            these videos is, whatever its start.
        on_bad: what a bad row does.

    Raises:
        CorpusError: as ``gather``.
    """
    recordings, held_out = Recordings(folder / audio), videos_of(exclude)

    def read(row: Row) -> HeardRow:
        clip = clip_name(cell_of(row, "youtube_id"))
        check_not_held_out(row, clip.video, held_out)
        caption = caption_of(row)
        segment = segment_of(row, clip.start_s, None, CLIP_S)
        file, seconds = file_of(row, recordings, clip.stems, segment)
        return HeardRow(
            file=file,
            seconds=seconds,
            source="auto-acd",
            place=row.place,
            caption=caption,
            start_s=segment.start_s,
            end_s=segment.end_s,
        )

    return gather(read_table(folder / table, COLUMNS), read, on_bad)
