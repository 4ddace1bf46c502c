"""When each named sound is heard: an activity's frames as stretches, given out to mentions.

A *mention* is one ``NamedSound`` of an item: an instruction that names rain twice has two mentions
of one sound. Shapes: ``Q`` mentions, ``T`` frames.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiostory.data.sets.item import NamedSound
from audiostory.evaluate.narrative.grounding import Activity

MERGE_S = 0.5
"""Stretches of one sound that are no further apart are one: a sound's own flicker."""


@dataclass(frozen=True)
class Stretch:
    """Where a sound was heard, in seconds."""

    start_s: float
    """When it is first heard."""
    end_s: float
    """When it is last heard; pauses in between are part of it."""

    @property
    def duration_s(self) -> float:
        """From first to last heard."""
        return self.end_s - self.start_s


def stretches(found_T: NDArray[np.bool_], frames_per_s: float) -> list[Stretch]:
    """The stretches in which a sound is found, in order."""
    steps = np.diff(found_T.astype(np.int8), prepend=0, append=0)
    runs = zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)
    merged: list[Stretch] = []
    for first, end in runs:
        stretch = Stretch(float(first) / frames_per_s, float(end) / frames_per_s)
        if merged and stretch.start_s - merged[-1].end_s <= MERGE_S:
            stretch = Stretch(merged.pop().start_s, stretch.end_s)
        merged.append(stretch)
    return merged


def place(activity: Activity, sounds: Sequence[NamedSound]) -> list[Stretch | None]:
    """The stretch of the track that answers each mention, one-to-one; None where none does.

    Mentions of one kind (``kind_of``) whose rows of the activity are equal are one sound, named
    several times: the instrument cannot tell them apart. The stretches of a sound that is named
    ``m`` times are grouped into ``m`` runs, parted at the ``m - 1`` longest pauses, and given to
    the mentions in the order asked. This looks at no other sound. A sound named once gets all it
    is heard in, so its onset is where it is first heard.

    Where a sound is heard in fewer than ``m`` stretches nobody can tell which mentions are meant,
    so none of them is answered.
    """
    placed: list[Stretch | None] = [None] * len(sounds)
    for mentions in _same_sounds(activity, sounds):
        runs = _runs_of(activity, mentions)
        if len(runs) == len(mentions):
            for mention, run in zip(mentions, runs, strict=True):
                placed[mention] = run
    return placed


def ordered_pairs(
    activity: Activity, sounds: Sequence[NamedSound]
) -> Iterator[tuple[float, float]]:
    """Onsets (earlier asked, later asked) of pairs of found sounds whose order is beyond doubt.

    A pair counts if *all* mentions of one sound belong to earlier events than all mentions of the
    other: then it does not matter which stretch answers which mention, and as many pairs are in
    order as in disorder where onsets are random. Left out are pairs whose mentions interleave, as
    in "rain, thunder, rain" (giving the earlier rain to the earlier mention puts two of three
    random tracks in order there), and pairs of a sound with itself, which are never in disorder.
    """
    told = [
        ([sounds[mention].event for mention in mentions], _runs_of(activity, mentions))
        for mentions in _same_sounds(activity, sounds)
    ]
    for (events, runs), (others, other_runs) in itertools.combinations(told, 2):
        if max(events) < min(others):
            first, second = runs, other_runs
        elif max(others) < min(events):
            first, second = other_runs, runs
        else:
            continue
        for one, other in itertools.product(first, second):
            yield one.start_s, other.start_s


def kind_of(sound: NamedSound) -> str:
    """What makes two named sounds the same one: their group, or their text where it has none."""
    return f"group {sound.group}" if sound.group is not None else sound.text.casefold().strip()


def _same_sounds(activity: Activity, sounds: Sequence[NamedSound]) -> list[list[int]]:
    """Mentions of one kind and with equal rows, each sound's in the order of their events."""
    groups: dict[tuple[str, bytes, float], list[int]] = {}
    rows = zip(sounds, activity.presence_QT, activity.thresholds_Q, strict=True)
    for mention, (sound, row_T, threshold) in enumerate(rows):
        groups.setdefault((kind_of(sound), row_T.tobytes(), float(threshold)), []).append(mention)
    return [sorted(each, key=lambda mention: sounds[mention].event) for each in groups.values()]


def _runs_of(activity: Activity, mentions: Sequence[int]) -> list[Stretch]:
    """Where a sound is heard: as many runs as it has mentions, or all stretches if fewer."""
    heard = stretches(activity.found_QT[mentions[0]], activity.frames_per_s)
    return _runs(heard, min(len(heard), len(mentions)))


def _runs(heard: Sequence[Stretch], count: int) -> list[Stretch]:
    """``count`` runs of neighbouring stretches, parted at the longest pauses."""
    if not count:
        return []
    pauses_s = [after.start_s - before.end_s for before, after in itertools.pairwise(heard)]
    longest = sorted(range(len(pauses_s)), key=lambda pause: -pauses_s[pause])[: count - 1]
    edges = [0, *sorted(pause + 1 for pause in longest), len(heard)]
    return [Stretch(heard[a].start_s, heard[b - 1].end_s) for a, b in itertools.pairwise(edges)]
