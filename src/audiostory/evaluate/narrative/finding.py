"""When each named sound is heard: an activity's frames as stretches, given out to mentions.

A *mention* is one ``NamedSound`` of an item: an instruction that names rain twice has two mentions
of one sound. Shapes: ``Q`` mentions, ``T`` frames.
"""

from __future__ import annotations

import itertools
import math
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
    """The stretch of the track that answers each mention, one-to-one; None where none is left.

    Mentions of one kind (``kind_of``) whose rows of the activity are equal are one sound, named
    several times: the instrument cannot tell them apart. With ``n`` stretches of a sound that is
    named ``m`` times:

    - ``n >= m``: the stretches are grouped into ``m`` runs, parted at the ``m - 1`` longest
      pauses, and given to the mentions in the order asked. This looks at no other sound, so it
      cannot favour the order it is used to measure. A sound named once gets all it is heard in,
      so its onset is where it is first heard.
    - ``n < m``: which mentions were meant cannot be known. The stretches go, in order, to those
      mentions that make the most pairs with other sounds come in the order asked (of several
      such choices the first). Sounds are decided one after the other, as they are first named,
      beside the sounds of the case above and those decided before.
    """
    placed: list[Stretch | None] = [None] * len(sounds)
    short: list[tuple[list[int], list[Stretch]]] = []
    for mentions in _same_sounds(activity, sounds):
        mentions.sort(key=lambda mention: sounds[mention].event)
        heard = stretches(activity.found_QT[mentions[0]], activity.frames_per_s)
        if len(heard) < len(mentions):
            short.append((mentions, heard))
            continue
        for mention, run in zip(mentions, _runs(heard, len(mentions)), strict=True):
            placed[mention] = run
    for mentions, heard in short:
        chosen = _best_mentions(placed, mentions, heard, sounds)
        for mention, stretch in zip(chosen, heard, strict=True):
            placed[mention] = stretch
    return placed


def ordered_pairs(
    placed: Sequence[Stretch | None], sounds: Sequence[NamedSound]
) -> Iterator[tuple[float, float]]:
    """Onsets (earlier asked, later asked) of all found pairs whose events differ."""
    found = [
        (sound.event, stretch.start_s)
        for sound, stretch in zip(sounds, placed, strict=True)
        if stretch is not None
    ]
    for (event, onset_s), (other, other_s) in itertools.combinations(found, 2):
        if event != other:
            yield (onset_s, other_s) if event < other else (other_s, onset_s)


def kind_of(sound: NamedSound) -> str:
    """What makes two named sounds the same one: their group, or their text where it has none."""
    return f"group {sound.group}" if sound.group is not None else sound.text.casefold().strip()


def _same_sounds(activity: Activity, sounds: Sequence[NamedSound]) -> list[list[int]]:
    """Mentions of one kind and with equal rows, in the order in which sounds are first named."""
    groups: dict[tuple[str, bytes, float], list[int]] = {}
    rows = zip(sounds, activity.presence_QT, activity.thresholds_Q, strict=True)
    for mention, (sound, row_T, threshold) in enumerate(rows):
        groups.setdefault((kind_of(sound), row_T.tobytes(), float(threshold)), []).append(mention)
    return list(groups.values())


def _runs(heard: Sequence[Stretch], count: int) -> list[Stretch]:
    """``count`` runs of neighbouring stretches, parted at the longest pauses."""
    pauses_s = [after.start_s - before.end_s for before, after in itertools.pairwise(heard)]
    longest = sorted(range(len(pauses_s)), key=lambda pause: -pauses_s[pause])[: count - 1]
    edges = [0, *sorted(pause + 1 for pause in longest), len(heard)]
    return [Stretch(heard[a].start_s, heard[b - 1].end_s) for a, b in itertools.pairwise(edges)]


def _best_mentions(
    placed: Sequence[Stretch | None],
    mentions: Sequence[int],
    heard: Sequence[Stretch],
    sounds: Sequence[NamedSound],
) -> tuple[int, ...]:
    """Which of a sound's mentions take its fewer stretches, one each, both in order.

    Stretch by stretch over the mentions, keeping the best choice for each number of stretches
    given out so far.
    """
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    best += [(-math.inf, ())] * len(heard)
    for mention in mentions:
        for given in range(len(heard), 0, -1):
            gain, chosen = best[given - 1]
            gain += _in_order(sounds[mention].event, heard[given - 1], placed, sounds)
            if gain > best[given][0]:
                best[given] = (gain, (*chosen, mention))
    return best[-1][1]


def _in_order(
    event: int, stretch: Stretch, placed: Sequence[Stretch | None], sounds: Sequence[NamedSound]
) -> int:
    """Pairs in order less pairs in disorder, of a stretch with what is placed already."""
    return sum(
        int(np.sign((event - sound.event) * (stretch.start_s - other.start_s)))
        for sound, other in zip(sounds, placed, strict=True)
        if other is not None
    )
