"""Whether the sounds that an instruction names are heard, where they belong, and in its order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from audiostory.data.sets.item import Item, NamedSound
from audiostory.evaluate.metric import Column, Subject
from audiostory.evaluate.narrative.finding import ordered_pairs
from audiostory.evaluate.narrative.grounding import Activity, Grounder

SOURCE = "measurable form of AudioStory Sec. E.2 (c): key element presence, event sequence"
_column = partial(Column, source=SOURCE, section="narrative")


class CoverageMetric:
    """Shares of the named sounds that are found, and the order in which they come.

    A sound is found where its presence exceeds its threshold (``grounding``). Over the sounds the
    grounder can hear at all:

    - ``coverage`` in [0, 1], higher is better: found anywhere in the track. One stretch may
      answer two mentions of a sound: how often it comes is what the next number looks at.
    - ``coverage_in_place`` in [0, 1], higher is better: found within the span
      ``[start_s - tolerance_s, end_s + tolerance_s]`` that the reference gives it. Times are
      compared in seconds, from the start of both tracks; a track of another length than the
      reference is not stretched to it, so a sound that belongs after its end is not in place.
      Only sounds with a reference time count.
    - ``order`` in [-1, 1], higher is better: Kendall's tau-b between the order asked (``event``)
      and the order of first presence, over the pairs of found sounds that belong to different
      events (two sounds of one event are asked in no order): ``(C - D) / sqrt(P (P - E))`` with
      ``C`` of the ``P`` pairs in order, ``D`` the other way round and ``E`` with equal onsets; 0
      where all onsets are equal. Without two sounds in one event, and with every sound named
      once, this is tau-b itself. A sound named more than once counts with the sounds that are
      asked wholly before or wholly after it, and with no other: which of its mentions a stretch
      answers cannot be known (``finding.ordered_pairs``). Sounds at random score 0 on average.
    - ``order_defined`` in [0, 1]: 1 where that number exists, so its mean is the share of ordered
      items it stands on. Read both: a track with two sounds in order scores 1 in order.
    - ``groundable`` in [0, 1]: share of the named sounds the grounder can hear at all.

    None: all where an item names no sounds; ``coverage`` also where none is groundable;
    ``coverage_in_place`` where none has a reference time; ``order`` where no two sounds are found
    of which one is asked before the other, or the item is unordered (``order_defined`` as well).
    Such items would say something about the question, not about the track: a missing sound lowers
    ``coverage`` already.

    Args:
        grounder: finds the sounds.
        tolerance_s: how far a span is widened on both sides, in seconds; never less than half of
            the grounder's own resolution, which it could not tell.
    """

    def __init__(self, grounder: Grounder, *, tolerance_s: float = 1.0) -> None:
        self._grounder = grounder
        self._tolerance_s = tolerance_s

    @property
    def columns(self) -> tuple[Column, ...]:
        """Coverage, coverage in place, order, and what they stand on."""
        heard_by = self._grounder.card.described
        within = f"within {self._tolerance_s:g} s, or half the resolution; {heard_by}"
        return (
            _column(key="coverage", title="Coverage", better="higher", detail=heard_by),
            _column(
                key="coverage_in_place", title="Coverage in place", better="higher", detail=within
            ),
            _column(key="order", title="Order (tau-b)", better="higher", detail=heard_by),
            _column(
                key="order_defined",
                title="Order defined",
                better="neither",
                detail=f"share of ordered items; {heard_by}",
            ),
            _column(
                key="groundable",
                title="Groundable",
                better="neither",
                detail=f"share of named sounds; {heard_by}",
            ),
        )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The item's shares and its tau-b."""
        sounds = subject.item.sounds
        if not sounds:
            return {column.key: None for column in self.columns}
        activity = self._grounder.hear_sounds(subject.waveform, sounds)
        order = self._order(activity, subject.item)
        return {
            "coverage": _share(np.any(activity.found_QT[activity.is_audible_Q], axis=1)),
            "coverage_in_place": self._in_place(activity, sounds),
            "order": order,
            "order_defined": float(order is not None) if subject.item.is_ordered else None,
            "groundable": float(activity.is_audible_Q.mean()),
        }

    def _in_place(self, activity: Activity, sounds: Sequence[NamedSound]) -> float | None:
        widened_s = max(self._tolerance_s, activity.finest_s / 2)
        found = [
            bool(found_T[_frames(sound, widened_s, activity.frames_per_s)].any())
            for sound, found_T, is_audible in zip(
                sounds, activity.found_QT, activity.is_audible_Q, strict=True
            )
            if sound.start_s is not None and is_audible
        ]
        return _share(found)

    def _order(self, activity: Activity, item: Item) -> float | None:
        if not item.is_ordered:
            return None
        return tau(list(ordered_pairs(activity, item.sounds)))


def tau(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Kendall's tau-b of onsets against the order asked; None without any pair.

    Source: M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).

    Args:
        pairs: onsets of the sound that is asked earlier and of the one that is asked later.
    """
    if not pairs:
        return None
    agreement = sum(np.sign(later_s - earlier_s) for earlier_s, later_s in pairs)
    num_untied = sum(earlier_s != later_s for earlier_s, later_s in pairs)
    return float(agreement / math.sqrt(len(pairs) * num_untied)) if num_untied else 0.0


def _frames(sound: NamedSound, widened_s: float, frames_per_s: float) -> slice:
    """Frames that touch a sound's span in the reference, widened."""
    start_s = sound.start_s or 0.0
    end_s = start_s if sound.end_s is None else sound.end_s
    first = math.floor((start_s - widened_s) * frames_per_s)
    return slice(max(0, first), max(0, math.ceil((end_s + widened_s) * frames_per_s)))


def _share(found: Sequence[bool] | np.ndarray) -> float | None:
    return float(np.mean(found)) if len(found) else None
