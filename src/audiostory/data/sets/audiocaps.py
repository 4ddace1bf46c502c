"""AudioCaps: ten-second clips of AudioSet, five captions each in the test list.

The list is ``test.csv`` of the release (columns ``audiocap_id``, ``youtube_id``, ``start_time``,
``caption``): 975 clips and 4,875 captions. The sound is not part of it; of the test clips, 880 to
957 can still be had, and papers differ in which, and in which caption they ask.

Source: Kim et al., AudioCaps, NAACL 2019; AudioStory Sec. 5.1, Tables 2 and 3, which do not say
which clips or captions were used.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audiostory.data.sets.captioned import (
    Caption,
    CaptionChoice,
    Captioned,
    Published,
    find_all,
    item_set_of,
)
from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.recordings import Recordings, length_of
from audiostory.data.sets.tables import Row, read_table
from audiostory.errors import CorpusError

COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")
CLIP_S = 10.0
"""Length of AudioSet's clips; at the end of a video they are shorter."""
TOO_LONG_S = CLIP_S + 0.5
"""What lasts longer was not cut out of its video."""
PUBLISHED = Published(name="audiocaps", num_clips=975, captions_per_clip=5)


def load_audiocaps(
    folder: Path,
    *,
    choice: CaptionChoice = "first",
    max_missing: int = 0,
    captions: str = "test.csv",
    audio: str = "audio",
) -> ItemSet:
    """The test clips of AudioCaps whose sound is there.

    Args:
        folder: where the list and the folder of clips lie.
        choice: which captions are asked. ``first``: the one that stands first in the list, one
            question a clip. ``all``: every caption, 4,875 of them.
        max_missing: how many clips may have no sound; they are left out, and named in the notes.
        captions: name of the list.
        audio: name of the folder of clips. A clip is called ``<youtube_id>``, ``Y<youtube_id>``,
            ``<youtube_id>_<start>``, ``<youtube_id>_<start>_<end>`` (whole seconds) or by one of
            its ``audiocap_id``, with a suffix of sound.

    Raises:
        CorpusError: naming the line of the list that cannot be used, the clips that are missing,
            or the clip that is longer than ten seconds or cannot be read.
    """
    clips = _clips(read_table(folder / captions, COLUMNS))
    found, missing = find_all(clips, Recordings(folder / audio), max_missing=max_missing)
    for _, path in found:
        if (length_s := length_of(path)) > TOO_LONG_S:
            raise CorpusError(
                f"{path} lasts {length_s:.1f} s: cut out the {CLIP_S:g} s from start_time on"
            )
    return item_set_of(
        PUBLISHED, clips, found, table=folder / captions, choice=choice, missing=missing
    )


def _clips(rows: Iterable[Row]) -> list[Captioned]:
    """The clips of the list, in the order of their first captions."""
    captions: dict[str, list[Caption]] = {}
    starts: dict[str, float] = {}
    places: dict[str, str] = {}
    for row in rows:
        number, clip = row.text("audiocap_id"), row.text("youtube_id")
        start_s = row.seconds("start_time")
        if number in places:
            raise CorpusError(f"{row.place}: audiocap_id {number} is that of {places[number]}")
        places[number] = row.place
        if starts.setdefault(clip, start_s) != start_s:
            raise CorpusError(
                f"{row.place}: {clip} starts at {start_s:g} s here and at {starts[clip]:g} s above"
            )
        captions.setdefault(clip, []).append(Caption(number, row.text("caption"), row.place))
    return [_clip(name, starts[name], tuple(of_clip)) for name, of_clip in captions.items()]


def _clip(name: str, start_s: float, captions: tuple[Caption, ...]) -> Captioned:
    """A clip, with the names its file may have."""
    start, end = round(start_s), round(start_s + CLIP_S)
    stems = (name, f"Y{name}", f"{name}_{start}", f"{name}_{start}_{end}")
    return Captioned(
        name=name,
        captions=captions,
        stems=(*stems, *(caption.id for caption in captions)),
        duration_s=CLIP_S,
    )
