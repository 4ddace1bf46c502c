"""A story as text, in the layout of Eq. 1, and text as a story.

``render`` writes the canonical layout, which the language model is trained on; ``parse`` reads it
back exactly, and also reads the looser layouts that the paper's figures show (see ``draft``).
Times are written with exactly one decimal, so stories on the 0.1 s grid survive unchanged.

Source: AudioStory Sec. 4.1, Eq. 1; layout of the storyline after Figs. 1, 9 and 10.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate, pairwise

from audiostory.errors import FormatError
from audiostory.story.draft import Draft, DraftClip, DraftEvent, read_draft
from audiostory.story.tokens import SpecialTokens, clean_field
from audiostory.story.types import Clip, Event, Story, Storyline

SUMMARY_LEAD = "The storyline is mainly about: "
COUNT_LEAD = "The story can be divided into "
COUNT_TAIL = " points."
DETAIL_LEAD = "\n**Story Details**: "
SOUNDS_LEAD = "\n**Sound Effects**: "
PARAGRAPH = "\n\n"
THINK_END = "\n" + SpecialTokens.think_close

GRID_PER_S = 10
"""Times in the text lie on a grid of tenths of a second."""
OVERLAP_TOLERANCE_S = 0.05
"""Events may overlap by this much: half a step of the grid, the error of rounding."""

_TIME = r"[0-9]+\.[0-9]"
_FIELD = r"\S[^\n]*"
_CANONICAL_EVENT = (
    rf"\n\n(?P<number>[0-9]+)\. (?:\*\*(?P<title>{_FIELD})\*\* )?"
    rf"\[(?P<start>{_TIME}), (?P<end>{_TIME})\]"
    rf"\n\*\*Story Details\*\*: (?P<detail>{_FIELD})\n\*\*Sound Effects\*\*: (?P<sounds>{_FIELD})"
)
_EVENT = re.compile(_CANONICAL_EVENT)
_STORYLINE = re.compile(
    rf"(?:{SUMMARY_LEAD}(?P<summary>{_FIELD})\n\n)?{COUNT_LEAD}[0-9]+{re.escape(COUNT_TAIL)}"
    rf"(?P<events>(?:{re.sub(r'[?]P<[a-z]+>', '?:', _CANONICAL_EVENT)})+){re.escape(THINK_END)}"
)
_CLIP = re.compile(
    rf"<\|gen\|>(?P<caption>[^\n]+?) ?<timestamp>(?P<duration>{_TIME})</timestamp>"
    r"<t5>(?:<t5_[0-9]{5}>)*</t5>\n?<aud>(?:<aud_[0-9]{5}>)*</aud>\n?<\|/gen\|>"
)


def tenths(seconds: float) -> int:
    """The nearest point of the text's time grid, in tenths of a second."""
    return round(seconds * GRID_PER_S)


def seconds_text(seconds: float) -> str:
    """Seconds as the text writes them: exactly one decimal."""
    return f"{tenths(seconds) / GRID_PER_S:.1f}"


def event_lead(number: int, start_s: float, title: str = "") -> str:
    """The start of an event's heading, up to its end time: ``"2. [14.0, "``."""
    named = f"**{title}** " if title else ""
    return f"{number}. {named}[{seconds_text(start_s)}, "


def duration_tag(duration_s: float, tokens: SpecialTokens) -> str:
    """A clip's duration in seconds between its markers, as it follows the caption."""
    seconds = f"{tokens.timestamp_open}{seconds_text(duration_s)}{tokens.timestamp_close}"
    return tokens.caption_gap + seconds


def target_text(clip: Clip, tokens: SpecialTokens) -> str:
    """The text whose features the clip's semantic tokens learn (Eq. 3)."""
    return TARGET_TEXTS[tokens.target_text](clip, tokens)


TARGET_TEXTS: dict[str, Callable[[Clip, SpecialTokens], str]] = {
    "caption": lambda clip, _: clip.caption,
    "caption_and_duration": lambda clip, tokens: (
        clip.caption + duration_tag(clip.duration_s, tokens)
    ),
}


def render_storyline(storyline: Storyline) -> str:
    """The canonical text of a storyline, up to and with ``<|/think|>``.

    Raises:
        FormatError: if a field is not clean, or times would be lost in rounding.
    """
    check_order(storyline.events)
    paragraphs = [f"{COUNT_LEAD}{len(storyline.events)}{COUNT_TAIL}"]
    if storyline.summary:
        paragraphs.insert(0, SUMMARY_LEAD + _checked(storyline.summary, "the summary"))
    for number, event in enumerate(storyline.events, start=1):
        _check_length(event.duration_s, f"event {number}")
        title = _checked(event.title, f"the title of event {number}") if event.title else ""
        paragraphs.append(
            f"{event_lead(number, event.start_s, title)}{seconds_text(event.end_s)}]"
            f"{DETAIL_LEAD}{_checked(event.detail, f'the detail of event {number}')}"
            f"{SOUNDS_LEAD}{_checked(event.sounds, f'the sounds of event {number}')}"
        )
    return PARAGRAPH.join(paragraphs) + THINK_END


def render_clip(clip: Clip, tokens: SpecialTokens) -> str:
    """The canonical text of one clip, bridge block included.

    Raises:
        FormatError: if the caption is not clean, or the duration rounds to nothing.
    """
    _check_length(clip.duration_s, f"the clip {clip.caption!r}")
    caption = _checked(clip.caption, "a caption")
    return (
        f"{tokens.gen_open}{caption}{duration_tag(clip.duration_s, tokens)}"
        f"{tokens.bridge_block()}{tokens.gen_close}"
    )


def render(story: Story, tokens: SpecialTokens) -> str:
    """The canonical text of a story, as it follows the prompt: Eq. 1 after [BOT].

    Raises:
        FormatError: if the story does not have one clip per event, or a part cannot be written.
    """
    check_pairing(len(story.storyline.events), len(story.clips))
    clips = "".join(render_clip(clip, tokens) for clip in story.clips)
    return f"{render_storyline(story.storyline)}{clips}{tokens.message_close}"


def parse(text: str) -> Story:
    """The story that ``text`` tells: the inverse of ``render``, and a reader of the figures.

    Where events carry no times (Fig. 15) they take the clips' durations, one after the other;
    where the reasoning is prose (Figs. 6 and 7) it becomes the summary and each clip an event.

    Raises:
        FormatError: with the line, if the text does not tell a complete story.
    """
    story = _read_canonical(text)
    return story if story is not None else _story_of(read_draft(text))


def parse_storyline(text: str) -> Storyline:
    """The storyline alone, from reasoning text without clips.

    Raises:
        FormatError: with the line, if it is not a numbered timeline.
    """
    reasoning = text.removesuffix(SpecialTokens.think_close).rstrip() + THINK_END
    canonical = _read_canonical_storyline(reasoning)
    if canonical is not None:
        return canonical
    draft = read_draft(reasoning)
    if not draft.events:
        raise FormatError('line 1: no event found: write "1. [0.0, 4.0]" at the start of a line')
    _check_numbers(draft)
    return _storyline_of(draft)


def check_pairing(num_events: int, num_clips: int) -> None:
    """Nothing, if a story has one clip per event.

    Raises:
        FormatError: if it does not.
    """
    if num_events != num_clips or not num_events:
        raise FormatError(
            f"the story has {num_events} events and {num_clips} clips: "
            "tell at least one event, and write one clip for each"
        )


def check_order(events: tuple[Event, ...]) -> None:
    """Nothing, if each event starts after the one before it has ended.

    Raises:
        FormatError: naming the first event that does not.
    """
    for number in range(1, len(events)):
        before, event = events[number - 1], events[number]
        if event.start_s < before.end_s - OVERLAP_TOLERANCE_S:
            raise FormatError(
                f"event {number + 1} starts at {event.start_s:g} s, before event {number} ends at "
                f"{before.end_s:g} s: let events follow one another"
            )


def _checked(text: str, name: str) -> str:
    if not text:
        raise FormatError(f"{name} is empty: write a few words")
    if clean_field(text) != text:
        raise FormatError(
            f"{name} holds a marker, a line break or doubled spaces: {text[:60]!r}; "
            "pass it through clean_field"
        )
    return text


def _check_length(duration_s: float, name: str) -> None:
    if tenths(duration_s) < 1:
        raise FormatError(f"{name} lasts {duration_s:g} s: the shortest time written is 0.1 s")


def _read_canonical(text: str) -> Story | None:
    head, marker, tail = text.partition(SpecialTokens.think_close)
    storyline = _read_canonical_storyline(head + marker)
    if storyline is None:
        return None
    matches = list(_CLIP.finditer(tail))
    if "".join(match[0] for match in matches) + SpecialTokens.message_close != tail:
        return None
    durations_s = [float(match["duration"]) for match in matches]
    captions = [match["caption"] for match in matches]
    if len(matches) != len(storyline.events) or not all(durations_s):
        return None
    if any(not caption or clean_field(caption) != caption for caption in captions):
        return None
    pairs = zip(captions, durations_s, strict=True)
    clips = tuple(Clip(caption=caption, duration_s=duration_s) for caption, duration_s in pairs)
    return Story(storyline=storyline, clips=clips)


def _read_canonical_storyline(text: str) -> Storyline | None:
    """The storyline, if rendering it gives ``text`` again; else None."""
    whole = _STORYLINE.fullmatch(text)
    if whole is None:
        return None
    matches = list(_EVENT.finditer(whole["events"]))
    if any(float(match["start"]) >= float(match["end"]) for match in matches):
        return None
    events = tuple(
        Event(
            start_s=float(match["start"]),
            end_s=float(match["end"]),
            detail=match["detail"],
            sounds=match["sounds"],
            title=match["title"] or "",
        )
        for match in matches
    )
    storyline = Storyline(summary=whole["summary"] or "", events=events)
    try:
        return storyline if render_storyline(storyline) == text else None
    except FormatError:
        return None  # the reader of looser layouts says where and why


def _story_of(draft: Draft) -> Story:
    """The story a draft tells, or the first reason why it tells none."""
    if draft.strays:
        line, text = draft.strays[0]
        raise FormatError(f"line {line}: text outside the storyline and the clips: {text[:40]!r}")
    if not draft.clips:
        raise FormatError(
            'line 1: no clip found: end the storyline with "<|/think|>" and write each clip as '
            '"<|gen|>caption<timestamp>4.0</timestamp>...<|/gen|>"'
        )
    clips = tuple(_clip_of(clip, number) for number, clip in enumerate(draft.clips, start=1))
    if not draft.events:
        return Story(storyline=_storyline_of_clips(draft.summary, clips), clips=clips)
    _check_numbers(draft)
    check_pairing(len(draft.events), len(clips))
    is_timed = any(event.start_s is not None for event in draft.events)
    spans = None if is_timed else _spans_of(clips)
    return Story(storyline=_storyline_of(draft, spans), clips=clips)


def _clip_of(draft: DraftClip, number: int) -> Clip:
    place = f"line {draft.line}: clip {number}"
    if not draft.caption:
        raise FormatError(f"{place} has no caption: say what should be heard")
    if draft.duration_text is None:
        raise FormatError(f'{place} has no duration: write "<timestamp>4.0</timestamp>"')
    if draft.duration_s is None:
        raise FormatError(
            f"{place} lasts {draft.duration_text.strip()!r}: write seconds as in 4.0, more than 0"
        )
    if not draft.is_whole:
        raise FormatError(f"{place} stops inside its bridge block <t5>...</t5><aud>...</aud>")
    return Clip(caption=draft.caption, duration_s=draft.duration_s)


def _check_numbers(draft: Draft) -> None:
    for expected, event in enumerate(draft.events, start=1):
        if event.number != expected:
            raise FormatError(
                f"line {event.line}: event {event.number} stands where event {expected} is due"
            )
    if draft.stated_count is not None and draft.stated_count != len(draft.events):
        raise FormatError(
            f"the text announces {draft.stated_count} events and tells {len(draft.events)}"
        )


def _storyline_of(draft: Draft, spans: list[tuple[float, float]] | None = None) -> Storyline:
    """The storyline of a draft, its times taken from ``spans`` if given."""
    own = [(event.start_s, event.end_s) for event in draft.events]
    events = tuple(
        _event_of(event, *span) for event, span in zip(draft.events, spans or own, strict=True)
    )
    check_order(events)
    return Storyline(summary=draft.summary, events=events)


def _event_of(draft: DraftEvent, start_s: float | None, end_s: float | None) -> Event:
    place = f"line {draft.line}: event {draft.number}"
    if start_s is None or end_s is None:
        raise FormatError(f'{place} has no times: write "{draft.number}. [0.0, 4.0]"')
    if start_s >= end_s:
        raise FormatError(f"{place} runs from {start_s:g} s to {end_s:g} s: let it end later")
    for name, field in (("Story Details", draft.detail), ("Sound Effects", draft.sounds)):
        if not field:
            raise FormatError(f'{place} has no {name}: add a line "**{name}**: ..."')
    return Event(
        start_s=start_s,
        end_s=end_s,
        detail=draft.detail,
        sounds=draft.sounds,
        title=draft.title,
    )


def _spans_of(clips: tuple[Clip, ...]) -> list[tuple[float, float]]:
    """Start and end of each clip when they follow one another from 0 s on."""
    ends_s = [round(end_s, 6) for end_s in accumulate(clip.duration_s for clip in clips)]
    return list(pairwise([0.0, *ends_s]))


def _storyline_of_clips(summary: str, clips: tuple[Clip, ...]) -> Storyline:
    """The storyline of prose reasoning: every clip is an event (Figs. 6 and 7)."""
    events = tuple(
        Event(start_s=start_s, end_s=end_s, detail=clip.caption, sounds=clip.caption)
        for clip, (start_s, end_s) in zip(clips, _spans_of(clips), strict=True)
    )
    return Storyline(summary=summary, events=events)
