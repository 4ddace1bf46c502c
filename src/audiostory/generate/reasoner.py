"""An instruction to a story: storyline first, then a caption per event (Sec. 4.1, Eq. 1).

A story is written in one go as long as its events need not get too long; one that lasts longer than
the model was trained on is written as if it lasted just that, then stretched. A longer one is told
in passages: an outline of the whole comes first, then every long event of the outline is written as
a passage of its own, from its own words and under the summary of the whole, and so on downwards.
Time grows with the length of the track, the context does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch

from audiostory.errors import InstructionError
from audiostory.generate.conditions import (
    ReadingLimits,
    clip_pieces,
    encode,
    prompt_pieces,
    storyline_pieces,
)
from audiostory.generate.decoding import SlotWriter
from audiostory.generate.transcript import Sampling, Transcript, Vocabulary
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.coverage import Coverage
from audiostory.story.format import GRID_PER_S, tenths
from audiostory.story.grammar import GrammarLimits, caption_slots, storyline_slots
from audiostory.story.stated import tells_times
from audiostory.story.tokens import clean_field
from audiostory.story.types import Clip, Event, Storyline

MAX_FALLBACK_CHARS = 160
COMFORTABLE_EVENT_S = 3.0
"""No shorter events are asked for, however much is named; but two things get two events."""
ROOMY_EVENT_S = 15.0
"""Where a text names its events, more than it names are written only to get events this short."""
ROOM_S = 2.0
"""Shortest event where nobody has said how long it lasts, if there is room."""
NAMED_EVENTS = 3
"""A text that names as many things has said what should happen; one that names fewer leaves it to
the model."""


@dataclass(frozen=True, kw_only=True)
class ReasonerConfig:
    """How stories are planned."""

    passage_s: float = 75.0
    """Longest stretch written at its own length, in seconds: what nano was trained on."""
    long_event_s: float = 30.0
    """Events may last as long on average; beyond, a story is planned in passages."""
    keeps_words: bool = True
    """Whether an event that does not tell what the instruction names there, or tells it in broken
    words, is told in the instruction's own; else the model's stand. For small models."""
    limits: GrammarLimits = field(default_factory=GrammarLimits)
    """How many events a passage has, how short they are, how many words each takes."""
    sampling: Sampling = field(default_factory=Sampling)
    """How each token is chosen."""

    @property
    def story_s(self) -> float:
        """Longest stretch planned in one go, in seconds."""
        return max(self.passage_s, self.limits.max_events * self.long_event_s)

    @property
    def reading(self) -> ReadingLimits:
        """A stretch that is written at its own length is also read in one go."""
        return ReadingLimits(passage_s=self.passage_s, max_events=self.limits.max_events)


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A finished stretch of the story, timed from the start of the track."""

    summary: str
    events: tuple[Event, ...]
    clips: tuple[Clip, ...]
    notes: tuple[str, ...]
    """What had to be repaired, in the reader's words."""

    @property
    def end_s(self) -> float:
        """Where the next passage begins."""
        return self.events[-1].end_s


@dataclass(frozen=True)
class Request:
    """What a stretch should tell."""

    text: str
    """What the model reads: the instruction, or what an outline says of the stretch."""
    asked: str
    """What of the instruction it is about, in the instruction's words."""


class Reasoner:
    """Writes stories with one model's language model."""

    def __init__(
        self, model: AudioStoryModel, tokenizer: StoryTokenizer, config: ReasonerConfig
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.config = config
        self.vocabulary = Vocabulary(tokenizer, model.llm.config.vocab_size)
        self.max_prompt_tokens = model.llm.config.max_positions - self._longest_story()

    @torch.no_grad()
    def passages(self, text: str, total_s: float, *, rng: torch.Generator) -> Iterator[Passage]:
        """The story in order, in one or more passages; the last ends at ``total_s``.

        Args:
            text: the instruction.
            total_s: length of the track in seconds.
            rng: used where ``config.sampling`` has a temperature.

        Raises:
            InstructionError: if the text is too long for the model to read.
        """
        whole = Event(start_s=0.0, end_s=total_s, detail=text, sounds="")
        yield from self._told(whole, Request(text, text), summary=None, rng=rng)

    def _told(
        self, event: Event, request: Request, *, summary: str | None, rng: torch.Generator
    ) -> Iterator[Passage]:
        """An event as one passage, or as the passages of its own outline."""
        if event.duration_s <= self.config.story_s:
            yield self._passage(event, request, summary, rng)
            return
        outline, coverage = self._outline(event, request, summary, rng)
        for index, part in enumerate(outline.events):
            asked = Request(words_of(part), coverage.asked_of(index))
            if part.duration_s <= self.config.long_event_s:
                yield self._single(part, asked, outline.summary, rng)
            else:
                yield from self._told(part, asked, summary=outline.summary, rng=rng)

    def _passage(
        self, event: Event, request: Request, summary: str | None, rng: torch.Generator
    ) -> Passage:
        """A stretch of the story, written in one go, at its own length or stretched to it."""
        written_s = min(event.duration_s, self.config.passage_s)
        writer = self._writer(request, written_s, rng, summary=summary)
        fewest = math.ceil(event.duration_s / self.config.long_event_s)
        num_named = len(writer.coverage.clauses)
        limits = limits_for(num_named, event.duration_s, self.config.limits, fewest=fewest)
        if not tells_times(request.text):
            limits = with_room(limits, written_s)
        storyline = writer.write(storyline_slots(written_s, limits=limits))
        clips = self._captions(writer, storyline)
        if written_s < event.duration_s:
            whole = replace(event, start_s=0.0, end_s=event.duration_s)
            storyline = stretched(storyline, whole)
        return _moved(event, storyline, clips, writer.repairs)

    def _single(
        self, event: Event, request: Request, summary: str, rng: torch.Generator
    ) -> Passage:
        """A stretch of one event that is already told; only its caption is written."""
        writer = self._writer(request, event.duration_s, rng)
        told = replace(event, start_s=0.0, end_s=event.duration_s)
        storyline = Storyline(summary=summary, events=(told,))
        writer.transcript.push(encode(self.tokenizer, storyline_pieces(storyline)))
        clips = self._captions(writer, storyline)
        return _moved(event, storyline, clips, writer.repairs)

    def _outline(
        self, event: Event, request: Request, summary: str | None, rng: torch.Generator
    ) -> tuple[Storyline, Coverage]:
        """The storyline of a stretch too long for a passage, and what its events should tell.

        It is written as if it lasted one passage, then stretched, and timed from the start of the
        track. No part may be so long that outlines of outlines would hardly get shorter.
        """
        passage_s, limits = self.config.passage_s, self.config.limits
        num_passages = math.ceil(event.duration_s / passage_s)
        outline_limits = replace(
            limits,
            min_events=min(max(2, num_passages), limits.max_events),
            min_event_s=passage_s / (2 * limits.max_events),
        )
        writer = self._writer(request, passage_s, rng, summary=summary)
        storyline = writer.write(storyline_slots(passage_s, limits=outline_limits))
        return stretched(storyline, event), writer.coverage

    def _writer(
        self,
        request: Request,
        duration_s: float,
        rng: torch.Generator,
        *,
        summary: str | None = None,
    ) -> SlotWriter:
        """A writer whose transcript holds the prompt."""
        ids = encode(self.tokenizer, prompt_pieces(request.text, duration_s))
        if len(ids) > self.max_prompt_tokens:
            raise InstructionError(
                f"the instruction takes {len(ids)} tokens; this model reads at most "
                f"{self.max_prompt_tokens}: shorten it, or split it into several stories"
            )
        transcript = Transcript(self.model.llm)
        transcript.push(ids)
        return SlotWriter(
            transcript,
            self.vocabulary,
            sampling=self.config.sampling,
            rng=rng,
            fallback=clean_field(request.text)[:MAX_FALLBACK_CHARS].strip(),
            given={} if summary is None else {"summary": summary},
            coverage=Coverage(request.asked),
            keeps_words=self.config.keeps_words,
        )

    def _captions(self, writer: SlotWriter, storyline: Storyline) -> tuple[Clip, ...]:
        """One clip per event, each written after the clips before it."""
        tokens = self.model.config.tokens
        return tuple(
            writer.write(
                caption_slots(
                    event.duration_s, tokens=tokens, limits=self.config.limits, event=index
                )
            )
            for index, event in enumerate(storyline.events)
        )

    def _longest_story(self) -> int:
        """Tokens that a passage takes at most, prompt left out."""
        limits, word = self.config.limits, "a"
        last_s = self.config.passage_s
        event = Event(start_s=last_s / 2, end_s=last_s, detail=word, sounds=word)
        storyline = Storyline(summary=word, events=(event,) * limits.max_events)
        clip = Clip(caption=word, duration_s=last_s)
        pieces = storyline_pieces(storyline)
        pieces += clip_pieces(clip, self.model.config.tokens) * limits.max_events
        num_words = sum(piece.is_free for piece in pieces)
        return len(encode(self.tokenizer, pieces)) + num_words * limits.max_words_tokens


def limits_for(
    num_named: int, duration_s: float, limits: GrammarLimits, *, fewest: int = 1
) -> GrammarLimits:
    """How many events a stretch may have: one at least for each thing named, as far as they fit.

    Args:
        num_named: things that are asked for.
        duration_s: length of the stretch.
        limits: the most events there may be; the fewest, where they fit.
        fewest: as many as the stretch needs for its events not to get too long.
    """
    fit = max(1, min(2, num_named), int(duration_s / COMFORTABLE_EVENT_S))
    least = min(fit, limits.max_events, max(limits.min_events, fewest, num_named))
    most = limits.max_events
    if num_named >= NAMED_EVENTS:
        most = min(most, max(least, math.ceil(duration_s / ROOMY_EVENT_S)))
    return replace(limits, min_events=least, max_events=most)


def with_room(limits: GrammarLimits, duration_s: float) -> GrammarLimits:
    """The limits, with no event much shorter than its share of a stretch of ``duration_s``."""
    share_s = min(ROOM_S, duration_s / (3 * limits.max_events))
    return replace(limits, min_event_s=max(limits.min_event_s, share_s))


def words_of(event: Event) -> str:
    """An event as an instruction: what happens, and what it sounds like."""
    return " ".join(part for part in (event.detail, event.sounds) if part)


def stretched(storyline: Storyline, event: Event) -> Storyline:
    """The storyline scaled to fill ``event`` exactly; inner borders stay on the text's grid."""
    scale = event.duration_s / storyline.events[-1].end_s
    inner_s = [
        tenths(event.start_s + part.end_s * scale) / GRID_PER_S for part in storyline.events[:-1]
    ]
    borders_s = [event.start_s, *inner_s, event.end_s]
    return replace(
        storyline,
        events=tuple(
            replace(part, start_s=start_s, end_s=end_s)
            for part, start_s, end_s in zip(
                storyline.events, borders_s[:-1], borders_s[1:], strict=True
            )
        ),
    )


def _moved(
    event: Event, storyline: Storyline, clips: tuple[Clip, ...], repairs: list[str]
) -> Passage:
    """A passage timed from the track's start; its last event ends exactly with ``event``."""
    borders_s = [round(event.start_s + part.start_s, 6) for part in storyline.events]
    borders_s = [event.start_s, *borders_s[1:], event.end_s]
    spans = list(zip(borders_s[:-1], borders_s[1:], strict=True))
    return Passage(
        summary=storyline.summary,
        events=tuple(
            replace(part, start_s=start_s, end_s=end_s)
            for part, (start_s, end_s) in zip(storyline.events, spans, strict=True)
        ),
        clips=tuple(
            replace(clip, duration_s=round(end_s - start_s, 6))
            for clip, (start_s, end_s) in zip(clips, spans, strict=True)
        ),
        notes=tuple(f"at {event.start_s:g} s, {repair}" for repair in repairs),
    )
