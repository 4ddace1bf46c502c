"""Names of clips cut out of YouTube videos: what AudioSetCaps and Auto-ACD call their rows.

``Y<video>`` (AudioSet), ``<video>_<start>`` with six digits (VGGSound) and ``<video>_<start>_<n>``
(YouTube-8M). What ``n`` means is not agreed on: a length in the examples of AudioSetCaps'
own page (``_7Xe9vD3Hpg_4_10`` lasts ten seconds), an end in others' code that reads the same lists
(``Y1ZooVL-H9A_30_40``). All these clips last ten seconds, so that it is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

CLIP_S = 10.0
"""Length of the clips of AudioSet, VGGSound and YouTube-8M; shorter where a video ends."""
CLIP = re.compile(r"Y?(?P<video>[\w-]{11})(?:_(?P<start>\d+(?:\.\d+)?)(?:_\d+(?:\.\d+)?)?)?")


@dataclass(frozen=True, kw_only=True)
class ClipName:
    """What a clip's name says."""

    stems: tuple[str, ...]
    """What its file may be called, without suffix."""
    start_s: float | None
    """Where in its video it starts, if the name says so."""
    video: str
    """The video it was cut out of; the name itself where that is not told."""


def clip_name(name: str) -> ClipName:
    """What the name of a row says of its clip."""
    found = CLIP.fullmatch(name)
    bare = name.removeprefix("Y") if found and not name.startswith(found["video"]) else name
    start = found["start"] if found else None
    return ClipName(
        stems=tuple(dict.fromkeys((name, bare, f"Y{bare}"))),
        start_s=None if start is None else float(start),
        video=found["video"] if found else name,
    )


def videos_of(names: Iterable[str]) -> frozenset[str]:
    """The videos that clips or videos of these names are of."""
    return frozenset(clip_name(name).video for name in names)
