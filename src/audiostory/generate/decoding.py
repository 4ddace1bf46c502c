"""Constrained decoding: the language model fills the slots of the story grammar, nothing else.

The grammar (``story/grammar.py``) says what comes next: fixed text, free words or a number. Fixed
text is not decoded but fed, all at once; words and numbers are chosen token by token among what may
stand there, everything else masked with -inf. So the output is a well-formed story by construction.
Where asked to, an event that does not tell what it should is told in the instruction's own words.

Shapes: ``L`` tokens, ``V`` vocabulary, ``1`` one sequence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from audiostory.generate.transcript import Sampling, Transcript, Vocabulary
from audiostory.story.clauses import WORD, Clause, stems
from audiostory.story.coverage import Coverage
from audiostory.story.grammar import NUM_EVENTS, Fixed, Number, Slot, Slots, Words
from audiostory.story.tokens import clean_field

Result = TypeVar("Result")
MAX_TURNS = 6
"""Other ways that are tried to tell an event which would tell nothing new."""
OPENING_TOKENS, OPENING_TURNS = 3, 100
"""How many tokens open a line, and how many other ways each of them could go."""
MOST_OFTEN = 3
"""How often a line may say one word."""
LONGEST_TWICE = 3
"""As many tokens in a row come only once in a line."""
UNKNOWN_CHARACTER = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Turn:
    """Where a line could have gone on in other words."""

    gap: float
    """By how much the token that was taken is likelier, in log-probability."""
    place: int
    """Index of that token in the line."""
    token: int
    """The likeliest other token."""


@dataclass
class Line:
    """Free words as they are written."""

    ids: list[int]
    turns: list[Turn] = field(default_factory=list)
    """For each token after the opening."""
    is_ended: bool = False
    """Whether the line came to an end before its limit."""
    has_stammered: bool = False
    """Whether it was ended for saying one word again and again."""


def looping(ids: Sequence[int]) -> list[int]:
    """Tokens that would say the last words of a line a second time: a way into endless loops.

    Source: no n-gram twice, arXiv:1705.04304, Sec. 2.5, within one line only.
    """
    last = tuple(ids[1 - LONGEST_TWICE :])
    starts = range(len(ids) - len(last))
    return [ids[i + len(last)] for i in starts if tuple(ids[i : i + len(last)]) == last]


def is_stammered(text: str) -> bool:
    """Whether a line says one word again and again, in whatever forms."""
    return max(Counter(stems(text)).values(), default=0) > MOST_OFTEN


def turns_of(scores_V: Tensor, chosen: int, before: Sequence[int]) -> list[Turn]:
    """The likeliest other tokens at a place; several where a line opens, for there it decides."""
    num_turns = OPENING_TURNS if len(before) < OPENING_TOKENS else 1
    best = scores_V.detach().topk(num_turns + 1)
    scores, tokens = best.values.tolist(), best.indices.tolist()
    reached = float(scores_V.detach()[chosen])
    return [
        Turn(gap=reached - score, place=len(before), token=token)
        for score, token in zip(scores, tokens, strict=True)
        if token != chosen and score > -torch.inf
    ][:num_turns]


class SlotWriter:
    """Fills grammar slots in order with what the language model would say there."""

    def __init__(
        self,
        transcript: Transcript,
        vocabulary: Vocabulary,
        *,
        sampling: Sampling,
        rng: torch.Generator,
        fallback: str,
        given: Mapping[str, str] | None = None,
        coverage: Coverage | None = None,
        keeps_words: bool = False,
    ) -> None:
        self.transcript = transcript
        self.vocabulary = vocabulary
        self.sampling = sampling
        self.rng = rng
        self.fallback = fallback
        """Words for a slot in which the model wrote none that can be read."""
        self.given = given or {}
        """Words that are already known, by the name of their slot."""
        self.coverage = coverage or Coverage("")
        """What each event should tell."""
        self.keeps_words = keeps_words
        """Whether an event that does not tell what it should is told in the instruction's words."""
        self._told: set[str] = set()
        self._borrowed: set[int] = set()
        self._repairs: list[str] = []

    @property
    def repairs(self) -> list[str]:
        """What had to be forced, cleaned or borrowed, in the reader's words."""
        if not self._borrowed:
            return self._repairs
        told = f"{len(self._borrowed)} of {self.coverage.num_events} events"
        return [*self._repairs, f"{told} told in the instruction's own words"]

    def write(self, slots: Slots[Result]) -> Result:
        """What the grammar makes of the slots once each has its text."""
        answer: str | None = None
        try:
            while True:
                answer = self._fill(slots.send(answer))
        except StopIteration as finished:
            return finished.value

    def _fill(self, slot: Slot) -> str | None:
        match slot:
            case Fixed(text):
                self.transcript.push(self.vocabulary.tokenizer.encode(text))
                return None
            case Number():
                number = self._number(slot)
                if slot.name == NUM_EVENTS:
                    self.coverage.divide(int(number))
                return number
            case Words():
                return self._words(slot)

    def _number(self, slot: Number) -> str:
        """One of the slot's choices, digit by digit."""
        text, ids = "", self.vocabulary.number_ids
        while True:
            open_choices = [choice for choice in slot.choices if choice.startswith(text)]
            following = {choice[len(text)] for choice in open_choices if choice != text}
            is_complete = text in open_choices
            if is_complete and not following:
                return text
            if len(following) == 1 and not is_complete:
                char = following.pop()
            else:
                char = self._digit(following, may_end=is_complete)
            if char is None:
                return text
            self.transcript.push([ids[char]])
            text += char

    def _digit(self, following: set[str], *, may_end: bool) -> str | None:
        """The next character of a number; None ends it, if anything but a digit is likelier."""
        vocabulary = self.vocabulary
        allowed_V = ~vocabulary.is_number_V if may_end else torch.zeros_like(vocabulary.is_number_V)
        chars = {vocabulary.number_ids[char]: char for char in following}
        allowed_V[list(chars)] = True
        chosen = self.sampling.choose(self.transcript.next_logits(), allowed_V, self.rng)
        return chars.get(chosen)

    def _words(self, slot: Words) -> str:
        """A single line of words, ended by the model or at the slot's limit."""
        if slot.name in self.given:
            self.transcript.push(self.vocabulary.tokenizer.encode_plain(self.given[slot.name]))
            return self.given[slot.name]
        start = len(self.transcript.ids)
        line = self._line(slot, [])
        if slot.is_distinct:
            line = self._told_anew(slot, line)
        self._drop_blanks(line, start)
        text = self._own_words(slot, line, start)
        if text is None:
            if line.has_stammered:
                self._repairs.append(f"{slot.name}: ended where it began to stammer")
            if not line.is_ended:
                self._repairs.append(f"{slot.name}: cut after {slot.max_tokens} tokens")
            text = self._cleaned(slot.name, self.vocabulary.tokenizer.decode(line.ids))
        if slot.is_distinct:
            self._told.add(text)
        if slot.event is not None:
            self.coverage.tell(slot.name, slot.event, text)
        return text

    def _drop_blanks(self, line: Line, start: int) -> None:
        """Take blanks at the end of a line back: what follows it brings its own."""
        decode = self.vocabulary.tokenizer.decode
        while line.ids and not decode(line.ids[-1:]).strip():
            line.ids.pop()
        self.transcript.rewind(start + len(line.ids))

    def _own_words(self, slot: Words, line: Line, start: int) -> str | None:
        """What an event has to tell in the instruction's own words, if the model's line does not.

        Of clauses too long for the slot, the last are left out, and that is said.
        """
        missing = self._missing(slot, line)
        kept, encode = list(missing), self.vocabulary.tokenizer.encode_plain
        while kept and len(encode(_sentence(kept))) > slot.max_tokens:
            kept.pop()
        self._repairs += [f"{slot.name}: no room for {one.words!r}" for one in missing[len(kept) :]]
        if not kept or slot.event is None:
            return None
        text = _sentence(kept)
        self.transcript.rewind(start)
        self.transcript.push(encode(text))
        self._borrowed.add(slot.event)
        return text

    def _missing(self, slot: Words, line: Line) -> Sequence[Clause]:
        """What an event should tell and a line of it does not: all, or any where it is not heard.

        A line that stammers, garbles words or finds no end tells nothing.
        """
        if not self.keeps_words or slot.event is None:
            return ()
        text = self._text(line)
        if line.has_stammered or not line.is_ended or self._is_garbled(text):
            text = ""
        if text and not slot.is_heard and self.coverage.is_news(slot.name, slot.event, text):
            return ()
        return self.coverage.missing(slot.name, slot.event, text)

    def _is_garbled(self, text: str) -> bool:
        """Whether a line has a word that is neither asked for nor in the vocabulary as a whole.

        Single letters are in every vocabulary, but are no words, except for two.
        """
        encode = self.vocabulary.tokenizer.encode_plain
        words = (word for word in WORD.findall(text) if not self.coverage.has_word(word))
        return any(
            (word.isascii() and len(word) == 1 and word not in "AaI")
            or min(len(encode(f" {form}")) for form in (word, word.casefold())) > 1
            for word in words
        )

    def _line(self, slot: Words, opening: Sequence[int]) -> Line:
        """The words that the model writes after an opening of its own, in the transcript too."""
        vocabulary, line = self.vocabulary, Line(ids=list(opening))
        self.transcript.push(opening)
        while len(line.ids) < slot.max_tokens:
            logits_V = self.transcript.next_logits()
            word_V = vocabulary.is_word_V if line.ids else vocabulary.is_first_word_V
            allowed_V = word_V | vocabulary.is_ender_V if line.ids else word_V
            if loops := looping(line.ids):
                loops_X = torch.tensor(loops, device=allowed_V.device)
                allowed_V = allowed_V.index_fill(0, loops_X, value=False)
            chosen = self.sampling.choose(logits_V, allowed_V, self.rng)
            if vocabulary.is_ender_V[chosen]:
                line.is_ended = True
                break
            if slot.is_distinct:
                line.turns += turns_of(logits_V.masked_fill(~word_V, -torch.inf), chosen, line.ids)
            line.ids.append(chosen)
            self.transcript.push([chosen])
            if is_stammered(vocabulary.tokenizer.decode(line.ids)):
                line.is_ended = line.has_stammered = True
                break
        return line

    def _told_anew(self, slot: Words, first: Line) -> Line:
        """The line, or another one that tells something new, if there is any.

        Each try takes a turn that the model came near to taking, towards what is left to tell, then
        writes on. Where none tells it, the model's own line stands, unless it was told before and
        one of its nearest turns was not.
        """
        start = len(self.transcript.ids) - len(first.ids)
        turns = sorted(first.turns, key=lambda turn: turn.gap)
        wanted = [turn for turn in turns if self._is_hint(slot, turn)]
        wanted = [] if self._is_news(slot, first) else wanted
        for turn in wanted[:MAX_TURNS]:
            line = self._turned(slot, start, first, turn)
            if self._is_news(slot, line):
                return line
        if self._text(first) not in self._told:
            turns = []
        for turn in turns[:MAX_TURNS]:
            line = self._turned(slot, start, first, turn)
            if self._text(line) not in self._told:
                return line
        if wanted or turns:
            self.transcript.rewind(start)
            self.transcript.push(first.ids)
        return first

    def _turned(self, slot: Words, start: int, first: Line, turn: Turn) -> Line:
        """The line that the model writes when it takes a turn."""
        self.transcript.rewind(start)
        return self._line(slot, [*first.ids[: turn.place], turn.token])

    def _is_hint(self, slot: Words, turn: Turn) -> bool:
        """Whether a turn may lead to what is left to tell."""
        begun = self.vocabulary.tokenizer.decode([turn.token])
        return self.coverage.is_hint(slot.name, slot.event or 0, begun)

    def _is_news(self, slot: Words, line: Line) -> bool:
        """Whether a line tells what is still to be told, and has not been written before."""
        text = self._text(line)
        is_news = self.coverage.is_news(slot.name, slot.event or 0, text)
        return text not in self._told and is_news

    def _text(self, line: Line) -> str:
        return clean_field(self.vocabulary.tokenizer.decode(line.ids))

    def _cleaned(self, name: str, text: str) -> str:
        """The words without half characters; the fallback if nothing is left."""
        if UNKNOWN_CHARACTER in text:
            self._repairs.append(f"{name}: left out bytes that are no character")
        cleaned = clean_field(text.replace(UNKNOWN_CHARACTER, " "))
        if cleaned:
            return cleaned
        self._repairs.append(f"{name}: no words written, took those of the instruction")
        return self.fallback


def _sentence(clauses: Sequence[Clause]) -> str:
    """Clauses as one line that begins with a capital letter."""
    text = clean_field(", ".join(clause.words for clause in clauses))
    return text[:1].upper() + text[1:]
