r"""Story text in any of the layouts that the paper's figures show, read without judging it.

A draft records what stands in the text and on which line; ``format.parse`` refuses drafts that do
not make a story, ``format.repair`` mends them. Layouts read (all checked by tests):
``[0.0, 9.8]`` and ``**[0.0, 9.8]**`` (Figs. 3, 8-10), ``**Title:** [0.0s - 5.1s]`` with en dashes
(Fig. 4), ``1. Title [0.0, 1.5]. **Story Details**: ...`` on one line (Fig. 5), ``Event 1:
Timestamp: 0.0s - 1.1s. ...`` (Fig. 1), ``Inference`` and ``Derived sounds`` without times
(Fig. 15), prose (Figs. 6, 7), ``<\timestamp>`` (Figs. 4, 5), and line breaks printed as ``\n``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from audiostory.story.tokens import SpecialTokens, clean_field

_NUMBER_WORDS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)

_NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,9})?"
_SECONDS = rf"({_NUMBER})\s*(?:s|sec|secs|seconds)?"
_SPAN = rf"{_SECONDS}\s*(?:,|-|–|—|to)\s*{_SECONDS}"
_RANGE = re.compile(rf"\[\s*{_SPAN}\s*\]|time(?:stamp)?s?\s*:\s*{_SPAN}", re.IGNORECASE)
_COUNT = re.compile(
    r"\bThe(?:\s+\w+){0,3}?\s+can\s+be\s+divided\s+into\s+(\w+)(?:\s+\w+){0,3}\s*[.:]",
    re.IGNORECASE,
)
_SUMMARY_LEAD = re.compile(r"^\s*The\s+storyline\s+is\s+mainly\s+about\s*:", re.IGNORECASE)
_HEADING = re.compile(
    r"^[ \t]*\*{0,2}(?:event|part|point|section)?[ \t]*([0-9]{1,3})[ \t]*[.:)](?=[\s*\[]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_BEFORE_LABEL = r"(?:(?<=\s)[-•]\s*|(?<![\w*]))\*{0,2}\s*"
_AFTER_LABEL = r"\s*(?::\s*\*{0,2}|\*{1,2}\s*:)"
_DETAIL_LABEL = re.compile(
    rf"{_BEFORE_LABEL}(?:story\s+details?|inference){_AFTER_LABEL}", re.IGNORECASE
)
_SOUNDS_LABEL = re.compile(
    rf"{_BEFORE_LABEL}(?:derived\s+)?sounds?(?:\s+effects?)?{_AFTER_LABEL}", re.IGNORECASE
)
_TIMESTAMP = re.compile(r"<timestamp>([^<]*)<[/\\]timestamp>")
_BRIDGE = re.compile(r"<t5>(?:\s*<t5_[0-9]+>)*\s*</t5>\s*<aud>(?:\s*<aud_[0-9]+>)*\s*</aud>")
_BRIDGE_PIECE = re.compile(r"</?(?:t5|aud)(?:_[0-9]+)?>")


@dataclass(frozen=True, kw_only=True)
class DraftEvent:
    """One numbered part of the reasoning; empty text and None stand for what is missing."""

    line: int
    number: int
    start_s: float | None
    end_s: float | None
    title: str
    detail: str
    sounds: str


@dataclass(frozen=True, kw_only=True)
class DraftClip:
    """One caption; empty text and None stand for what is missing."""

    line: int
    caption: str
    duration_text: str | None
    """What stands between the timestamp markers, number or not."""
    is_whole: bool
    """Whether its bridge block, if begun, is complete."""

    @property
    def duration_s(self) -> float | None:
        """The duration in seconds, if a positive number is written."""
        text = (self.duration_text or "").strip()
        if not re.fullmatch(_NUMBER, text):
            return None
        return float(text) or None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What stands in a text that may be a story."""

    summary: str
    stated_count: int | None
    """How many events the text announces."""
    events: tuple[DraftEvent, ...]
    clips: tuple[DraftClip, ...]
    strays: tuple[tuple[int, str], ...]
    """Text outside the storyline and the clips, with its line."""


def read_draft(text: str) -> Draft:
    """What stands in ``text``; never fails."""
    shown = text.replace("\\n", " \n")  # same length, so lines stay where they are printed
    reasoning, start = _split(shown)
    summary, stated_count, events = _read_reasoning(reasoning)
    clips, strays = _read_clips(shown, start)
    return Draft(
        summary=summary, stated_count=stated_count, events=events, clips=clips, strays=strays
    )


def _split(text: str) -> tuple[str, int]:
    """The reasoning, and where the clips start."""
    close, gen = (text.find(m) for m in (SpecialTokens.think_close, SpecialTokens.gen_open))
    if close >= 0:
        return text[:close], close + len(SpecialTokens.think_close)
    return (text[:gen], gen) if gen >= 0 else (text, len(text))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _tidy(text: str) -> str:
    return clean_field(text.replace('\\"', '"'))


def _blank(text: str, match: re.Match[str]) -> str:
    """``text`` with the match blanked out, so that positions stay."""
    blank = re.sub(r"[^\n]", " ", match[0])
    return text[: match.start()] + blank + text[match.end() :]


def _read_reasoning(text: str) -> tuple[str, int | None, tuple[DraftEvent, ...]]:
    count = _COUNT.search(text)
    if count is not None:
        text = _blank(text, count)
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings] + [len(text)]
    events = tuple(
        _read_event(text, heading, end) for heading, end in zip(headings, ends[1:], strict=True)
    )
    before = text[: headings[0].start()] if headings else text
    return _tidy(_SUMMARY_LEAD.sub("", before)), _read_count(count), events


def _read_count(match: re.Match[str] | None) -> int | None:
    if match is None:
        return None
    word = match[1].lower()
    if word in _NUMBER_WORDS:
        return _NUMBER_WORDS.index(word)
    return int(word) if re.fullmatch(r"[0-9]{1,4}", word) else None


def _read_event(text: str, heading: re.Match[str], end: int) -> DraftEvent:
    body = text[heading.end() : end]
    labels = {"detail": _DETAIL_LABEL.search(body), "sounds": _SOUNDS_LABEL.search(body)}
    found = sorted((m.start(), m.end(), name) for name, m in labels.items() if m is not None)
    stops = [start for start, _, _ in found] + [len(body)]
    head = body[: stops[0]]
    fields = {
        name: _tidy(body[begin:stop])
        for (_, begin, name), stop in zip(found, stops[1:], strict=True)
    }
    span = _RANGE.search(head)
    times = [float(number) for number in span.groups() if number] if span else [None, None]
    title = _tidy(_blank(head, span) if span else head)
    return DraftEvent(
        line=_line(text, heading.start(1)),
        number=int(heading[1]),
        start_s=times[0],
        end_s=times[1],
        title=_title(title),
        detail=fields.get("detail", ""),
        sounds=fields.get("sounds", ""),
    )


def _title(text: str) -> str:
    """A title without the punctuation that sets it off from the times."""
    return clean_field(text.strip(" *:.-–—"))


def _read_clips(text: str, start: int) -> tuple[tuple[DraftClip, ...], tuple[tuple[int, str], ...]]:
    """Clips and stray text from ``start`` on."""
    clips: list[DraftClip] = []
    strays: list[tuple[int, str]] = []
    for begin, chunk, is_clip in _chunks(text, start):
        words = chunk.strip()
        line = _line(text, begin + len(chunk) - len(chunk.lstrip()))
        if is_clip:
            clips.append(_read_clip(words, line))
        elif words:
            strays.append((line, words))
    return tuple(clips), tuple(strays)


def _chunks(text: str, start: int) -> list[tuple[int, str, bool]]:
    """(position, text, whether it is a clip) of everything from ``start`` on."""
    tokens = SpecialTokens
    chunks: list[tuple[int, str, bool]] = []
    if tokens.gen_open not in text[start:]:
        # the figures print captions one after the other, each ended by its timestamp
        for match in re.finditer(rf"(?s)(.*?){_TIMESTAMP.pattern}", text[start:]):
            chunks.append((start + match.start(), match[0], True))
        begin = chunks[-1][0] + len(chunks[-1][1]) if chunks else start
        return [*chunks, (begin, text[begin:].replace(tokens.message_close, ""), False)]
    position, inside = start, False
    for match in re.finditer(r"<\|/?gen\|>|<\|im_end\|>|\Z", text[start:]):
        chunk = text[position : start + match.start()]
        chunks.append((position, chunk, inside))
        position, inside = start + match.end(), match[0] == tokens.gen_open
    return chunks


def _read_clip(text: str, line: int) -> DraftClip:
    without_bridge, whole = _BRIDGE.subn(" ", text)
    is_whole = bool(whole) or _BRIDGE_PIECE.search(text) is None
    stamp = _TIMESTAMP.search(without_bridge)
    caption = _blank(without_bridge, stamp) if stamp else without_bridge
    return DraftClip(
        line=line,
        caption=_tidy(caption),
        duration_text=stamp[1] if stamp else None,
        is_whole=is_whole,
    )
