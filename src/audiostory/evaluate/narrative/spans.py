"""Where a track's clips should lie: its plan's, or the reference's events where it has no plan.

Times are seconds from the start of the track. A plan may be longer than its track, or say nothing
of layers that a mixer knows; what of it lies outside the track is cut off here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from audiostory.evaluate.metric import Subject

SAME_PLACE_S = 0.05
"""Boundaries closer than this are one (``story.plan`` takes them for rounding, too)."""


@dataclass(frozen=True)
class Span:
    """A stretch of a track."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The stretches a track should consist of."""

    source: Literal["plan", "reference", "none"]
    """Who says so."""
    events: tuple[Span, ...] = ()
    """One after another: the clips of the layer that has the most (of several, of the first)."""
    boundaries_s: tuple[float, ...] = ()
    """Starts and ends of the clips of all layers, within the track, its own ends left out."""


def layout_of(subject: Subject) -> Layout:
    """Where events and boundaries lie in the subject's track."""
    if subject.plan is not None:
        clips = sorted(subject.plan.clips, key=lambda clip: clip.start_s)
        main = Counter(clip.layer for clip in subject.plan.clips).most_common(1)[0][0]
        events = [Span(clip.start_s, clip.end_s) for clip in clips if clip.layer == main]
        spans = [Span(clip.start_s, clip.end_s) for clip in clips]
        return _layout("plan", events, spans, subject.waveform.duration_s)
    if subject.item.story is not None:
        events = [Span(event.start_s, event.end_s) for event in subject.item.story.storyline.events]
        return _layout("reference", events, events, subject.waveform.duration_s)
    return Layout(source="none")


def _layout(
    source: Literal["plan", "reference"], events: list[Span], spans: list[Span], track_s: float
) -> Layout:
    inside = tuple(
        Span(event.start_s, min(event.end_s, track_s))
        for event in events
        if event.start_s < track_s
    )
    boundaries: list[float] = []
    for moment_s in sorted({time for span in spans for time in (span.start_s, span.end_s)}):
        is_inner = SAME_PLACE_S < moment_s < track_s - SAME_PLACE_S
        if is_inner and not (boundaries and moment_s - boundaries[-1] < SAME_PLACE_S):
            boundaries.append(moment_s)
    return Layout(source=source, events=inside, boundaries_s=tuple(boundaries))
