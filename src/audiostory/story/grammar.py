"""The canonical story text as a walk over slots: what is fixed, what is written, what is chosen.

One description serves two readers: constrained decoding sends a slot's text back as the language
model writes it, and training turns a known story into ids slot by slot (``slots_of``), so both cut
the text into tokens at the same places. The layout is that of ``format.render``.

Source: AudioStory Sec. 4.1, Eq. 1.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from audiostory.errors import ConfigError, FormatError
from audiostory.story.format import (
    COUNT_LEAD,
    COUNT_TAIL,
    DETAIL_LEAD,
    GRID_PER_S,
    PARAGRAPH,
    SOUNDS_LEAD,
    SUMMARY_LEAD,
    THINK_END,
    check_pairing,
    duration_tag,
    event_lead,
    render_clip,
    render_storyline,
    seconds_text,
    tenths,
)
from audiostory.story.tokens import SpecialTokens, clean_field
from audiostory.story.types import Clip, Event, Story, Storyline

NUM_EVENTS = "num_events"
"""Name of the number that says how many events a storyline has."""


@dataclass(frozen=True)
class Fixed:
    """Text that stands there whatever the model thinks; fed in one forward pass."""

    text: str


@dataclass(frozen=True)
class Words:
    """Free single-line text, at least one word, ended by the first token of the next ``Fixed``.

    That ``Fixed`` always starts with a line break or a special token, which the words cannot hold.
    """

    name: str
    """``summary``, ``detail``, ``sounds`` or ``caption``."""
    max_tokens: int
    event: int | None = None
    """The event it tells, counted from 0; None where it tells of them all."""
    is_distinct: bool = False
    """Whether the text should differ from earlier ones of the same name."""
    is_heard: bool = False
    """Whether it says what is heard, and so has to tell all that its event should."""


@dataclass(frozen=True)
class Number:
    """One of a few numbers, ended by the next ``Fixed``, which never starts with a digit."""

    name: str
    """``NUM_EVENTS`` or ``end_s``."""
    choices: tuple[str, ...]


Slot: TypeAlias = Fixed | Words | Number
T = TypeVar("T")
Slots: TypeAlias = Generator[Slot, str | None, T]
"""Yields slots; is sent the text written for ``Words`` and ``Number`` (None for ``Fixed``)."""


@dataclass(frozen=True, kw_only=True)
class GrammarLimits:
    """What a storyline may look like.

    Raises:
        ConfigError: for limits that no storyline can keep.
    """

    min_events: int = 2
    """Fewest events; a track too short for them has as many as fit, at least one."""
    max_events: int = 8
    """Most events; the paper's stories have 3 to 5."""
    min_event_s: float = 1.0
    """Shortest event in seconds; the paper's shortest lasts 1.1 s (Fig. 1)."""
    step_s: float = 0.1
    """Grid of the events' end times in seconds, a multiple of 0.1."""
    max_words_tokens: int = 96
    """Most tokens in one free text."""

    def __post_init__(self) -> None:
        """Refuse limits that no storyline can keep."""
        if not 1 <= self.min_events <= self.max_events:
            raise ConfigError(
                f"{self.min_events} to {self.max_events} events: need 1 <= min <= max"
            )
        if tenths(self.step_s) < 1 or abs(tenths(self.step_s) / GRID_PER_S - self.step_s) > 1e-9:
            raise ConfigError(f"step_s is {self.step_s}: give a multiple of 0.1 s")
        if tenths(self.min_event_s) < 1 or self.max_words_tokens < 1:
            raise ConfigError("min_event_s must be at least 0.1 s and max_words_tokens at least 1")

    @property
    def shortest_event(self) -> int:
        """``min_event_s`` rounded up to the grid, in tenths of a second."""
        step = tenths(self.step_s)
        return -(-tenths(self.min_event_s) // step) * step


_UNLIMITED = GrammarLimits(min_events=1, max_events=999, min_event_s=0.1)


Heading: TypeAlias = tuple[int, str]
"""Where an event starts, in tenths of a second, and its title."""


def storyline_slots(
    total_s: float,
    *,
    limits: GrammarLimits,
    summary: str | None = None,
    headings: Sequence[Heading] | None = None,
) -> Slots[Storyline]:
    """The slots of a storyline that fills ``total_s`` seconds.

    Each event starts where the one before ended; the last ends at ``total_s``, rounded to 0.1 s.

    Args:
        total_s: length of the track, at least 0.1 s.
        limits: how many events there may be and how short.
        summary: given when it is already known, as for the later passages of a long track; empty
            to leave it out.
        headings: the events' starts and titles, given when the story is known (``slots_of``).

    Raises:
        FormatError: if what is sent is not one of the choices, or holds no word.
    """
    total = tenths(total_s)
    if total < 1:
        raise FormatError(f"a storyline of {total_s:g} s: the shortest time written is 0.1 s")
    if summary is None:
        yield Fixed(SUMMARY_LEAD)
        summary = yield from _written(Words("summary", limits.max_words_tokens))
        yield Fixed(PARAGRAPH + COUNT_LEAD)
    elif clean_field(summary) != summary:
        raise FormatError(f"the summary {summary[:60]!r} is not clean: pass it through clean_field")
    else:
        yield Fixed((SUMMARY_LEAD + summary + PARAGRAPH if summary else "") + COUNT_LEAD)
    num_events = int((yield from _chosen(Number(NUM_EVENTS, _counts(total, limits)))))
    events: list[Event] = []
    lead, end = COUNT_TAIL, 0
    for index in range(num_events):
        start, title = headings[index] if headings is not None else (end, "")
        lead += PARAGRAPH + event_lead(index + 1, start / GRID_PER_S, title)
        num_after = num_events - index - 1
        event = yield from _event_slots(lead, (start, total), (index, num_after), limits)
        events.append(replace(event, title=title))
        lead, end = "", tenths(event.end_s)
    yield Fixed(THINK_END)
    return Storyline(summary=summary, events=tuple(events))


def caption_slots(
    duration_s: float, *, tokens: SpecialTokens, limits: GrammarLimits, event: int
) -> Slots[Clip]:
    """The slots of one clip: caption, duration and bridge block (each marker group is one slot).

    Args:
        duration_s: length of the clip.
        tokens: markers, and how many bridge tokens there are.
        limits: how long the caption may be.
        event: the event it belongs to, counted from 0.

    Raises:
        FormatError: if what is sent holds no word.
    """
    yield Fixed(tokens.gen_open)
    caption = yield from _written(Words("caption", limits.max_words_tokens, event, is_heard=True))
    yield Fixed(duration_tag(duration_s, tokens))
    yield Fixed(tokens.bridge_block())
    yield Fixed(tokens.gen_close)
    return Clip(caption=caption, duration_s=duration_s)


def story_slots(total_s: float, *, tokens: SpecialTokens, limits: GrammarLimits) -> Slots[Story]:
    """The slots of a whole story: its storyline, then one clip per event, then ``<|im_end|>``."""
    storyline = yield from storyline_slots(total_s, limits=limits)
    clips: list[Clip] = []
    for index, event in enumerate(storyline.events):
        duration_s = (tenths(event.end_s) - tenths(event.start_s)) / GRID_PER_S
        clip = yield from caption_slots(duration_s, tokens=tokens, limits=limits, event=index)
        clips.append(clip)
    yield Fixed(tokens.message_close)
    return Story(storyline=storyline, clips=tuple(clips))


def drive(slots: Slots[T], author: Callable[[Words | Number], str]) -> T:
    """What the slots return once ``author`` has written every ``Words`` and ``Number``."""
    written: str | None = None
    while True:
        try:
            slot = slots.send(written)
        except StopIteration as done:
            return done.value
        written = None if isinstance(slot, Fixed) else author(slot)


def storyline_slots_of(
    storyline: Storyline, *, limits: GrammarLimits = _UNLIMITED
) -> list[tuple[Slot, str]]:
    """The slots of a known storyline with their texts, which join to ``render_storyline``.

    Args:
        storyline: at least one event; titles and gaps become part of the fixed text.
        limits: taken over by the slots; by default any number and length of events.

    Raises:
        FormatError: if the storyline cannot be written down, or does not keep the limits.
    """
    render_storyline(storyline)  # refuses what cannot be written, with the reason
    events = storyline.events
    check_pairing(len(events), len(events))
    texts = [storyline.summary] if storyline.summary else []
    texts.append(str(len(events)))
    for event in events:
        texts += [seconds_text(event.end_s), event.detail, event.sounds]
    del texts[-3]  # the last end is fixed by the length of the story
    slots = storyline_slots(
        events[-1].end_s,
        limits=limits,
        summary=None if storyline.summary else "",
        headings=[(tenths(event.start_s), event.title) for event in events],
    )
    return _record(slots, texts)


def slots_of(
    story: Story, tokens: SpecialTokens, *, limits: GrammarLimits = _UNLIMITED
) -> list[tuple[Slot, str]]:
    """The slots of a known story with their texts, which join to ``format.render(story)``.

    Raises:
        FormatError: if the story cannot be written down, or does not keep the limits.
    """
    check_pairing(len(story.storyline.events), len(story.clips))
    steps = storyline_slots_of(story.storyline, limits=limits)
    for event, clip in enumerate(story.clips):
        render_clip(clip, tokens)  # refuses what cannot be written, with the reason
        slots = caption_slots(clip.duration_s, tokens=tokens, limits=limits, event=event)
        steps += _record(slots, [clip.caption])
    return [*steps, (Fixed(tokens.message_close), tokens.message_close)]


def _record(slots: Slots[T], texts: Iterable[str]) -> list[tuple[Slot, str]]:
    """The slots in order, each with its own text or the next of ``texts``."""
    steps: list[tuple[Slot, str]] = []
    source = iter(texts)
    written: str | None = None
    while True:
        try:
            slot = slots.send(written)
        except StopIteration:
            return steps
        written = None if isinstance(slot, Fixed) else next(source)
        steps.append((slot, slot.text if isinstance(slot, Fixed) else str(written)))


def _written(slot: Words) -> Slots[str]:
    """The words sent for ``slot``, made clean."""
    text = yield slot
    words = clean_field(text or "")
    if not words:
        raise FormatError(f"the {slot.name} holds no word: {text!r}; write at least one")
    return words


def _chosen(slot: Number) -> Slots[str]:
    """The number sent for ``slot``, if it is one of the choices."""
    text = yield slot
    if text is None or text not in slot.choices:
        raise FormatError(
            f"{text!r} is not a choice for {slot.name}: give one of the {len(slot.choices)} "
            f"from {slot.choices[0]} to {slot.choices[-1]}"
        )
    return text


def _event_slots(
    lead: str, span: tuple[int, int], place: tuple[int, int], limits: GrammarLimits
) -> Slots[Event]:
    """The slots of one event.

    Args:
        lead: everything before the event's end time, from the last written text on.
        span: where the event starts and the track ends, in tenths of a second.
        place: how many events stand before it, and how many follow; the last one ends with the
            track.
        limits: how short an event may be.
    """
    start, end = span
    index, num_after = place
    if num_after:
        yield Fixed(lead)
        text = yield from _chosen(Number("end_s", _ends(span, num_after, limits)))
        end, lead = tenths(float(text)), ""
    else:
        lead += seconds_text(end / GRID_PER_S)
    yield Fixed(f"{lead}]{DETAIL_LEAD}")
    detail = yield from _written(Words("detail", limits.max_words_tokens, index, is_distinct=True))
    yield Fixed(SOUNDS_LEAD)
    sounds = yield from _written(Words("sounds", limits.max_words_tokens, index, is_heard=True))
    return Event(start_s=start / GRID_PER_S, end_s=end / GRID_PER_S, detail=detail, sounds=sounds)


def _counts(total: int, limits: GrammarLimits) -> tuple[str, ...]:
    """How many events fit into ``total`` tenths of a second."""
    most = min(limits.max_events, max(1, total // limits.shortest_event))
    return tuple(map(str, range(min(limits.min_events, most), most + 1)))


def _ends(span: tuple[int, int], num_after: int, limits: GrammarLimits) -> tuple[str, ...]:
    """End times that leave every later event its shortest length."""
    start, total = span
    shortest = limits.shortest_event
    last = total - num_after * shortest
    ends = range(start + shortest, last + 1, tenths(limits.step_s))
    return tuple(seconds_text(end / GRID_PER_S) for end in ends)
