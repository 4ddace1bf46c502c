"""Malformed story text mended, each change said: what a free-running language model may need.

Constrained decoding (``grammar``) never needs this; released models and chat planners write text
that announces five events and tells four, forgets a duration, or does not fill the asked length.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

from audiostory.errors import FormatError
from audiostory.story.draft import Draft, DraftClip, DraftEvent, read_draft
from audiostory.story.format import GRID_PER_S, parse, seconds_text, tenths
from audiostory.story.types import Clip, Event, Story, Storyline


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A story that can be rendered, and what was changed to make it one."""

    story: Story
    repairs: tuple[str, ...]
    """One sentence per change; empty if the text was well-formed and filled the asked length."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One event with its clip; None stands for times that the text does not give."""

    title: str
    detail: str
    sounds: str
    caption: str
    start_s: float | None
    end_s: float | None
    clip_s: float | None


def repair(text: str, total_s: float) -> Repaired:
    """The story that ``text`` tells, mended where it must be, filling ``total_s`` without gaps.

    Args:
        text: what the model wrote after the prompt.
        total_s: length of the track in seconds; the story fills it to the nearest 0.1 s.

    Raises:
        FormatError: if the text names neither an event nor a clip, or more than fit.
    """
    notes: list[str] = []
    try:
        story = parse(text)
    except FormatError as reason:
        notes.append(f"the text was not a story in the form of Eq. 1 ({reason})")
        draft = read_draft(text)
        summary, parts = draft.summary, _mended(draft, notes)
    else:
        summary, parts = story.storyline.summary, _parts_of(story)
    if not parts:
        raise FormatError("nothing to repair: the text names neither an event nor a clip")
    lengths = _fitted(_lengths(parts, notes), tenths(total_s), notes)
    spans = pairwise(accumulate(lengths, initial=0))
    events = tuple(
        Event(
            start_s=start / GRID_PER_S,
            end_s=end / GRID_PER_S,
            detail=part.detail,
            sounds=part.sounds,
            title=part.title,
        )
        for part, (start, end) in zip(parts, spans, strict=True)
    )
    clips = tuple(
        Clip(caption=part.caption, duration_s=length / GRID_PER_S)
        for part, length in zip(parts, lengths, strict=True)
    )
    mended = Story(storyline=Storyline(summary=summary, events=events), clips=clips)
    return Repaired(story=mended, repairs=tuple(notes))


def _parts_of(story: Story) -> list[_Part]:
    return [
        _Part(
            title=event.title,
            detail=event.detail,
            sounds=event.sounds,
            caption=clip.caption,
            start_s=event.start_s,
            end_s=event.end_s,
            clip_s=clip.duration_s,
        )
        for event, clip in zip(story.storyline.events, story.clips, strict=True)
    ]


def _mended(draft: Draft, notes: list[str]) -> list[_Part]:
    """Events and clips of a draft paired by order, with words wherever words are needed."""
    for line, text in draft.strays:
        notes.append(f"line {line}: left out {text[:40]!r}")
    events, clips = draft.events, draft.clips
    if draft.stated_count not in (None, len(events)) and events:
        notes.append(f"the text announced {draft.stated_count} events and told {len(events)}")
    if [event.number for event in events] != list(range(1, len(events) + 1)):
        notes.append("the events were numbered anew")
    parts: list[_Part] = []
    for index in range(max(len(events), len(clips))):
        event = events[index] if index < len(events) else None
        clip = clips[index] if index < len(clips) else None
        part = _part_of(event, clip, index + 1, notes)
        if part is not None:
            parts.append(part)
    return parts


def _part_of(
    event: DraftEvent | None, clip: DraftClip | None, number: int, notes: list[str]
) -> _Part | None:
    caption = clip.caption if clip is not None else ""
    title, detail, sounds = (event.title, event.detail, event.sounds) if event else ("", "", "")
    words = {
        "caption": caption or sounds or detail or title,
        "story details": detail or title or sounds or caption,
        "sound effects": sounds or caption or detail or title,
    }
    if not words["caption"]:
        notes.append(f"event {number} was left out: it has no words")
        return None
    for name, own in (("caption", caption), ("story details", detail), ("sound effects", sounds)):
        if not own:
            notes.append(f"event {number} had no {name}: took {words[name][:40]!r}")
    if clip is not None and clip.duration_s is None:
        notes.append(f"clip {number} had no readable duration")
    if clip is not None and not clip.is_whole:
        notes.append(f"clip {number} stopped inside its bridge block: it is written anew")
    return _Part(
        title=title,
        detail=words["story details"],
        sounds=words["sound effects"],
        caption=words["caption"],
        start_s=event.start_s if event else None,
        end_s=event.end_s if event else None,
        clip_s=clip.duration_s if clip else None,
    )


def _lengths(parts: list[_Part], notes: list[str]) -> list[int]:
    """How long each event lasts as the text has it, in tenths of a second."""
    lengths = _lengths_from_timeline(parts, notes)
    if lengths is None:
        lengths = _lengths_one_by_one(parts, notes)
    for number, (part, length) in enumerate(zip(parts, lengths, strict=True), start=1):
        if part.clip_s is not None and tenths(part.clip_s) != length:
            notes.append(
                f"clip {number} was to last {part.clip_s:g} s, its event lasts "
                f"{seconds_text(length / GRID_PER_S)} s: took the event's length"
            )
    return lengths


def _lengths_from_timeline(parts: list[_Part], notes: list[str]) -> list[int] | None:
    """Lengths from each event's start to the next one's; None if the times make no timeline."""
    starts = [part.start_s for part in parts]
    ends = [part.end_s for part in parts]
    edges_s = [*starts[1:], ends[-1]]
    if starts[0] is None or any(edge_s is None for edge_s in edges_s):
        return None
    edges = [0, *(tenths(edge_s) for edge_s in edges_s if edge_s is not None)]
    lengths = [after - before for before, after in pairwise(edges)]
    if min(lengths) < 1:
        return None
    if starts[0] or any(end != start for end, start in zip(ends, starts[1:], strict=False)):
        notes.append("events now follow one another without gaps from 0 s on")
    times_s = [edge_s for edge_s in edges_s if edge_s is not None]
    if any(abs(time_s * GRID_PER_S - tenths(time_s)) > 1e-6 for time_s in times_s):
        notes.append("times were rounded to tenths of a second")
    return lengths


def _lengths_one_by_one(parts: list[_Part], notes: list[str]) -> list[int]:
    """Each event's own length, or its clip's, or the mean of those that are known."""
    known = [_length(part) for part in parts]
    given = [length for length in known if length is not None]
    mean = max(1, round(sum(given) / len(given))) if given else 1
    notes.append("the events' times made no timeline: they follow one another by their lengths")
    for number, length in enumerate(known, start=1):
        if length is None:
            notes.append(f"event {number} had no length: took the mean of the others")
    return [length if length is not None else mean for length in known]


def _length(part: _Part) -> int | None:
    """The event's length, else its clip's, in tenths of a second; None if neither is known."""
    lengths_s = [part.clip_s or 0.0]
    if part.start_s is not None and part.end_s is not None:
        lengths_s.insert(0, part.end_s - part.start_s)
    return next((tenths(length_s) for length_s in lengths_s if tenths(length_s) >= 1), None)


def _fitted(lengths: list[int], total: int, notes: list[str]) -> list[int]:
    """Lengths in the same proportions that add up to ``total`` tenths, each at least one."""
    count, asked = len(lengths), sum(lengths)
    if count > total:
        raise FormatError(
            f"{count} events do not fit into {seconds_text(total / GRID_PER_S)} s: ask for more"
        )
    if asked == total:
        return lengths
    notes.append(
        f"the events filled {seconds_text(asked / GRID_PER_S)} s: fitted to "
        f"{seconds_text(total / GRID_PER_S)} s in proportion"
    )
    ends = [0]
    for index, end in enumerate(accumulate(lengths), start=1):
        latest = total - (count - index)
        ends.append(max(ends[-1] + 1, min(round(end * total / asked), latest)))
    return [after - before for before, after in pairwise(ends)]
