"""How far sounds, and the track itself, are from when they should be: by plan, text, reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from audiostory.data.sets.item import Item, NamedSound
from audiostory.evaluate.metric import Column, Subject
from audiostory.evaluate.narrative.finding import Stretch, place
from audiostory.evaluate.narrative.grounding import Grounder
from audiostory.story.clauses import stems
from audiostory.story.plan import Plan, PlanClip
from audiostory.story.stated import stated_duration

SOURCE = "measurable form of AudioStory Sec. E.2 (d): semantic and temporal accuracy"
_column = partial(Column, source=SOURCE, section="narrative")


@dataclass(frozen=True)
class _Found:
    """A mention that was found, and the clip of the plan that tells it, if one does."""

    sound: NamedSound
    stretch: Stretch
    clip: PlanClip | None


class TimingMetric:
    """Errors in seconds of found sounds and of the track's length; medians over an item's sounds.

    A sound's onset is when it is first heard, its duration runs to when it is last heard; which
    stretch answers which mention is ``finding.place``'s to say. A sound that is heard fewer times
    than it is named answers none, so it is left out here. All errors are absolute, in seconds, 0
    or more, lower is better:

    - ``onset_error_plan_s``, ``duration_error_plan_s``: against ``start_s`` and ``duration_s`` of
      the clip of the plan the track follows that tells the sound: the one whose caption shares most
      words (stems) with the sound's text, at least half of them; of several the nearest in
      sequence. A plan says no more than its clips, so a sound that rightly comes later within
      its clip, or ends earlier, still counts as off: compare systems that plan one sound a clip,
      or read it beside the reference's error.
    - ``onset_error_asked_s``: against the times the instruction itself states.
    - ``onset_error_reference_s``, ``duration_error_reference_s``: against the reference's times,
      in seconds from the start of both tracks, neither stretched.
    - ``length_error_s``: track against the length asked for (the item's, else the instruction's
      ``duration_s``, else what
      its text states); ``length_error_plan_s``: track against the plan's own.
    - ``boundary_accuracy`` in [0, 1], higher is better: of the plan's clips that tell a found
      sound, the share where one of them begins within ``tolerance_s`` of the clip's start.
    - ``planned`` in [0, 1]: share of the found sounds that a clip tells by its words.
    - ``timing_resolution_s``: what the grounder cannot tell apart. Errors below it are noise;
      a column's errors are worth comparing only above it.

    None: each where nothing it compares with is known, or no such sound is found: a sound that
    is missing is counted by coverage, not here.

    Args:
        grounder: finds the sounds.
        tolerance_s: of ``boundary_accuracy``; never less than the grounder's resolution.
    """

    def __init__(self, grounder: Grounder, *, tolerance_s: float = 1.0) -> None:
        self._grounder = grounder
        self._tolerance_s = tolerance_s

    @property
    def columns(self) -> tuple[Column, ...]:
        """Errors by what they compare with, and the instrument's resolution."""
        heard_by = self._grounder.card.described
        within = f"within {self._tolerance_s:g} s, or the resolution; {heard_by}"
        return (
            _column(
                key="onset_error_plan_s",
                title="Onset error, plan (s)",
                better="lower",
                detail=heard_by,
                decimals=2,
            ),
            _column(
                key="duration_error_plan_s",
                title="Duration error, plan (s)",
                better="lower",
                detail=heard_by,
                decimals=2,
            ),
            _column(
                key="onset_error_asked_s",
                title="Onset error, asked (s)",
                better="lower",
                detail=heard_by,
                decimals=2,
            ),
            _column(
                key="onset_error_reference_s",
                title="Onset error, reference (s)",
                better="lower",
                detail=heard_by,
                decimals=2,
            ),
            _column(
                key="duration_error_reference_s",
                title="Duration error, reference (s)",
                better="lower",
                detail=heard_by,
                decimals=2,
            ),
            _column(
                key="length_error_s",
                title="Length error (s)",
                better="lower",
                detail="track against what was asked",
                decimals=2,
            ),
            _column(
                key="length_error_plan_s",
                title="Length error, plan (s)",
                better="lower",
                detail="track against its plan",
                decimals=2,
            ),
            _column(
                key="boundary_accuracy", title="Boundary accuracy", better="higher", detail=within
            ),
            _column(
                key="planned",
                title="Planned",
                better="neither",
                detail=f"share of found sounds; {heard_by}",
            ),
            _column(
                key="timing_resolution_s",
                title="Resolution (s)",
                better="neither",
                detail=heard_by,
                decimals=2,
            ),
        )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The item's median errors."""
        scores: dict[str, float | None] = {column.key: None for column in self.columns}
        scores |= _lengths(subject)
        sounds = subject.item.sounds
        if not sounds:
            return scores
        activity = self._grounder.hear_sounds(subject.waveform, sounds)
        found = [
            _Found(sound, stretch, clip_of(sound, subject.plan, subject.item))
            for sound, stretch in zip(sounds, place(activity, sounds), strict=True)
            if stretch is not None
        ]
        tolerance_s = max(self._tolerance_s, activity.finest_s)
        scores |= _plan_errors(found, tolerance_s) | _truth_errors(found)
        if subject.plan is not None and found:
            scores["planned"] = float(np.mean([one.clip is not None for one in found]))
        return scores | {"timing_resolution_s": activity.finest_s}


def clip_of(sound: NamedSound, plan: Plan | None, item: Item) -> PlanClip | None:
    """The clip whose caption tells a sound: most words in common, at least half of the sound's."""
    wanted = set(stems(sound.text))
    if plan is None or not wanted:
        return None
    num_events = 1 + max(named.event for named in item.sounds)
    clips = sorted(plan.clips, key=lambda clip: clip.start_s)

    def fit(index: int) -> tuple[float, float]:
        shared = len(wanted & set(stems(clips[index].caption))) / len(wanted)
        return shared, -abs((index + 0.5) / len(clips) - (sound.event + 0.5) / num_events)

    best = max(range(len(clips)), key=fit)
    return clips[best] if fit(best)[0] >= 0.5 else None


def _plan_errors(found: Sequence[_Found], tolerance_s: float) -> dict[str, float | None]:
    """Errors against the clips that tell the sounds."""
    onsets_s: dict[float, list[float]] = {}
    durations_s: list[float] = []
    for one in found:
        if one.clip is not None:
            error_s = abs(one.stretch.start_s - one.clip.start_s)
            onsets_s.setdefault(one.clip.start_s, []).append(error_s)
            durations_s.append(abs(one.stretch.duration_s - one.clip.duration_s))
    hits = [min(errors_s) <= tolerance_s for errors_s in onsets_s.values()]
    return {
        "onset_error_plan_s": _median([error for each in onsets_s.values() for error in each]),
        "duration_error_plan_s": _median(durations_s),
        "boundary_accuracy": float(np.mean(hits)) if hits else None,
    }


def _truth_errors(found: Sequence[_Found]) -> dict[str, float | None]:
    """Errors against the instruction's times and the reference's."""
    asked = [(one.stretch.start_s, one.sound.asked_s) for one in found]
    onsets = [(one.stretch.start_s, one.sound.start_s) for one in found]
    durations_s = [
        abs(one.stretch.duration_s - (one.sound.end_s - one.sound.start_s))
        for one in found
        if one.sound.start_s is not None and one.sound.end_s is not None
    ]
    return {
        "onset_error_asked_s": _median([abs(a - b) for a, b in asked if b is not None]),
        "onset_error_reference_s": _median([abs(a - b) for a, b in onsets if b is not None]),
        "duration_error_reference_s": _median(durations_s),
    }


def _lengths(subject: Subject) -> dict[str, float | None]:
    """Errors of the track's length."""
    instruction, track_s = subject.item.instruction, subject.waveform.duration_s
    asked_s = subject.item.asked_duration_s or instruction.duration_s
    asked_s = stated_duration(instruction.text) if asked_s is None else asked_s
    planned_s = None if subject.plan is None else subject.plan.duration_s
    return {
        "length_error_s": None if asked_s is None else abs(track_s - asked_s),
        "length_error_plan_s": None if planned_s is None else abs(track_s - planned_s),
    }


def _median(errors_s: Sequence[float]) -> float | None:
    return float(np.median(errors_s)) if errors_s else None
