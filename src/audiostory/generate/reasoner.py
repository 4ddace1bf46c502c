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
from contextlib import contextmanager, nullcontext
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
from audiostory.generate.transcript import Memory, Sampling, Transcript, Vocabulary
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
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

    passage_s: float | None = None
    """Longest stretch written at its own length, in seconds; None takes what the model learned."""
    long_event_s: float = 30.0
    """Events may last as long on average; beyond, a story is planned in passages."""
    keeps_words: bool | None = None
    """Whether an event that does not tell what the instruction names there, or tells it in broken
    words, is told in the instruction's own; else the model's stand. None asks the model."""
    limits: GrammarLimits = field(default_factory=GrammarLimits)
    """How many events a passage has, how short they are, how many words each takes."""
    sampling: Sampling = field(default_factory=Sampling)
    """How each token is chosen."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A stretch of the story, timed from the start of the track."""

    summary: str
    events: tuple[Event, ...]
    clips: tuple[Clip, ...]
    """One for each event; fewer while captions are being written."""
    notes: tuple[str, ...]
    """What had to be repaired, in the reader's words."""

    @property
    def end_s(self) -> float:
        """Where the next passage begins."""
        return self.events[-1].end_s

    @property
    def is_finished(self) -> bool:
        """Whether every event has its clip."""
        return len(self.clips) == len(self.events)

    def is_whole(self, total_s: float) -> bool:
        """Whether it tells a track of ``total_s`` seconds from beginning to end."""
        return self.events[0].start_s == 0 and self.end_s == total_s


@dataclass(frozen=True)
class Request:
    """What a stretch should tell."""

    text: str
    """What the model reads: the instruction, or what an outline says of the stretch."""
    asked: str
    """What of the instruction it is about, in the instruction's words."""


@dataclass(frozen=True)
class Means:
    """What one story is written with."""

    rng: torch.Generator
    """Used where tokens are sampled."""
    memory: Memory
    """The language model's, for one text after the other."""
    gives_parts: bool
    """Whether a passage is given, too, after each caption, as far as it is written."""


class Reasoner:
    """Writes stories with one model's language model.

    Args:
        model: the networks.
        tokenizer: the model's own.
        config: how stories are planned; what it leaves open is the model's way.
    """

    def __init__(
        self, model: AudioStoryModel, tokenizer: StoryTokenizer, config: ReasonerConfig
    ) -> None:
        self.model = model
        self._idle: list[Memory] = []
        self.tokenizer = tokenizer
        self.config = config
        sizes: AudioStoryConfig = model.config
        self.passage_s: float = config.passage_s or sizes.story_s
        """Longest stretch written at its own length, in seconds."""
        self.keeps_words: bool = (
            sizes.keeps_words if config.keeps_words is None else config.keeps_words
        )
        self.story_s = max(self.passage_s, config.limits.max_events * config.long_event_s)
        """Longest stretch planned in one go, in seconds."""
        self.reading = ReadingLimits(passage_s=self.passage_s, max_events=config.limits.max_events)
        """A stretch that is written at its own length is also read in one go."""
        self.vocabulary = Vocabulary(tokenizer, model.llm.config.vocab_size, model.device)
        self.max_prompt_tokens = model.llm.config.max_positions - self._longest_story()

    @torch.no_grad()
    def passages(
        self,
        text: str,
        total_s: float,
        *,
        rng: torch.Generator,
        memory: Memory | None = None,
        gives_parts: bool = False,
    ) -> Iterator[Passage]:
        """The story in order, in one or more passages; the last ends at ``total_s``.

        Args:
            text: the instruction.
            total_s: length of the track in seconds.
            rng: used where ``config.sampling`` has a temperature.
            memory: what to read and write with; by default the reasoner's own.
            gives_parts: give a passage after each of its captions, too, as far as it is written;
                nothing of it changes any more but that captions are added.

        Raises:
            InstructionError: if the text is too long for the model to read.
        """
        whole = Event(start_s=0.0, end_s=total_s, detail=text, sounds="")
        with nullcontext(memory) if memory is not None else self._own_memory() as lent:
            means = Means(rng, lent, gives_parts)
            yield from self._told(whole, Request(text, text), means, summary=None)

    @contextmanager
    def _own_memory(self) -> Iterator[Memory]:
        """A memory that nobody else uses meanwhile."""
        memory = self._idle.pop() if self._idle else self.model.llm.new_memory()
        try:
            yield memory
        finally:
            self._idle.append(memory)

    def _told(
        self, event: Event, request: Request, means: Means, *, summary: str | None
    ) -> Iterator[Passage]:
        """An event as one passage, or as the passages of its own outline."""
        if event.duration_s <= self.story_s:
            yield from self._passage(event, request, summary, means)
            return
        outline, coverage = self._outline(event, request, summary, means)
        for index, part in enumerate(outline.events):
            asked = Request(words_of(part), coverage.asked_of(index))
            if part.duration_s <= self.config.long_event_s:
                yield from self._single(part, asked, outline.summary, means)
            else:
                yield from self._told(part, asked, means, summary=outline.summary)

    def _passage(
        self, event: Event, request: Request, summary: str | None, means: Means
    ) -> Iterator[Passage]:
        """A stretch of the story, written in one go, at its own length or stretched to it."""
        written_s = min(event.duration_s, self.passage_s)
        writer = self._writer(request, written_s, means, summary=summary)
        fewest = math.ceil(event.duration_s / self.config.long_event_s)
        num_named = len(writer.coverage.clauses)
        limits = limits_for(num_named, event.duration_s, self.config.limits, fewest=fewest)
        if not tells_times(request.text):
            limits = with_room(limits, written_s)
        storyline = writer.write(storyline_slots(written_s, limits=limits))
        timed = storyline
        if written_s < event.duration_s:
            whole = replace(event, start_s=0.0, end_s=event.duration_s)
            timed = stretched(storyline, whole)
        for clips in self._captions(writer, storyline, means):
            yield _moved(event, timed, clips, writer.repairs)

    def _single(
        self, event: Event, request: Request, summary: str, means: Means
    ) -> Iterator[Passage]:
        """A stretch of one event that is already told; only its caption is written."""
        writer = self._writer(request, event.duration_s, means)
        told = replace(event, start_s=0.0, end_s=event.duration_s)
        storyline = Storyline(summary=summary, events=(told,))
        writer.transcript.push(encode(self.tokenizer, storyline_pieces(storyline)))
        for clips in self._captions(writer, storyline, means):
            yield _moved(event, storyline, clips, writer.repairs)

    def _outline(
        self, event: Event, request: Request, summary: str | None, means: Means
    ) -> tuple[Storyline, Coverage]:
        """The storyline of a stretch too long for a passage, and what its events should tell.

        It is written as if it lasted one passage, then stretched, and timed from the start of the
        track. No part may be so long that outlines of outlines would hardly get shorter.
        """
        passage_s, limits = self.passage_s, self.config.limits
        num_passages = math.ceil(event.duration_s / passage_s)
        outline_limits = replace(
            limits,
            min_events=min(max(2, num_passages), limits.max_events),
            min_event_s=passage_s / (2 * limits.max_events),
        )
        writer = self._writer(request, passage_s, means, summary=summary)
        storyline = writer.write(storyline_slots(passage_s, limits=outline_limits))
        return stretched(storyline, event), writer.coverage

    def _writer(
        self,
        request: Request,
        duration_s: float,
        means: Means,
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
        transcript = Transcript(self.model.llm, means.memory)
        transcript.push(ids)
        return SlotWriter(
            transcript,
            self.vocabulary,
            sampling=self.config.sampling,
            rng=means.rng,
            fallback=clean_field(request.text)[:MAX_FALLBACK_CHARS].strip(),
            given={} if summary is None else {"summary": summary},
            coverage=Coverage(request.asked),
            keeps_words=self.keeps_words,
        )

    def _captions(
        self, writer: SlotWriter, storyline: Storyline, means: Means
    ) -> Iterator[tuple[Clip, ...]]:
        """One clip per event, each written after the clips before it; parts on the way if asked."""
        tokens, limits, clips = self.model.config.tokens, self.config.limits, list[Clip]()
        for index, event in enumerate(storyline.events):
            slots = caption_slots(event.duration_s, tokens=tokens, limits=limits, event=index)
            clips.append(writer.write(slots))
            if means.gives_parts or len(clips) == len(storyline.events):
                yield tuple(clips)

    def _longest_story(self) -> int:
        """Tokens that a passage takes at most, prompt left out."""
        limits, word = self.config.limits, "a"
        last_s = self.passage_s
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
            for clip, (start_s, end_s) in zip(clips, spans, strict=False)
        ),
        notes=tuple(f"at {event.start_s:g} s, {repair}" for repair in repairs),
    )
