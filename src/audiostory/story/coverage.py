"""What an instruction names, and which event of a story has to tell it.

An instruction is cut into clauses, in the order in which they stand; each is to be told by one
event, or by one of a few if there are more events than clauses. Words are compared by their stems,
so that "barking" tells of what "barks"; words that name nothing ("the", "then", "hear") do not
count.

Sources: a coverage term in decoding, arXiv:1609.08144, Sec. 7; decoding with words that have to
come, arXiv:1704.07138. Here over clauses and by rules: they choose among a model's own words, and
where none of those will do, they give the instruction's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

from snowballstemmer import stemmer  # pyright: ignore

from audiostory.story.stated import without_stated

HINT_CHARS = 3
"""Fewer letters hint at too many words."""
SHORTEST_NAME = 3
"""Letters of the shortest ASCII word that can name something."""
_NAMELESS = """
about after again all along also and another any are around audio away background because been
before begin beginning being below between both but by can clear clip close comes continue could
create depict describe distance duration each end ends every faint far fast first followed
following for from generate get give goes has have hear heard here high his how immersive into its
kind later like little long loud low made make makes many middle minute minutes more most moving
much near nearby next not now off once one onto other our out over own past place play please
produce put scene second seconds set she short slow slowly soft some someone something sound
sounds soundscape soundtrack start starts still story such take than that the their them then
there these they third this those through time total track turn turns two under until upon very
want was way were what when where which while who will with without would you your
"""
NAMELESS = frozenset(_NAMELESS.split())
"""Words that name no sound of their own, in instructions and in descriptions of sounds."""
_LEADING = """
please int ext can could would will you i we us me my im id need needs want wants wanted after like
looking generate add bring play put create make makes design produce craft construct compose
develop propose portray depict give build tell write render imagine show let lets there here is
are was were be it its this that which who where when while as and but so then next now finally
lastly last later afterwards afterward suddenly meanwhile first second third starting starts start
beginning begins begin ending ends end followed with by of in for at from to on into until before
during through plus also sound sounds audio soundscape track clip scene story soundtrack piece
sequence recording narrative essence atmosphere detailed immersive descriptive capturing captures
showcases showcasing showing features featuring includes including containing contains depicts
depicting describing describes tells telling about hear hears heard what goes comes seconds secs
sec s minutes minute mins min m
"""
LEADING = frozenset(_LEADING.split())
"""Words before what a clause tells: requests, order, times."""
DETERMINERS = frozenset(("a", "an", "the", "his", "her", "their", "some", "one", "two", "three"))
"""Words that go with what follows, though they name nothing."""
BREAKS = re.compile(
    r"([,.:](?!\d)|[;!?\n•+&()\[\]]"
    r"|(?<!\S)[0-9]+[.)](?=\s)"
    r"|(?<=\s)(?:-|–|—|\||/|>|->|→|and|then|while|whilst|as|followed by|before|until)(?=\s))",
    re.IGNORECASE,
)
"""Where one thing that is told ends and another begins."""
WORD = re.compile(r"[^\W\d_]+|[\u2600-\u27bf\U0001f300-\U0001faff]")
"""A word, or a picture that stands for one."""
LEAD = re.compile(r"[\W_]*(?:([^\W\d_]+(?:['’][^\W\d_]+)?)|[\d.,:]*\d(?:st|nd|rd|th)?)", re.UNICODE)
"""The first word or number of a clause, with what stands before it."""


class Stemmer(Protocol):
    """Of the snowballstemmer library, which has no types of its own."""

    def stemWord(self, word: str) -> str:  # noqa: N802 - its name there
        """The word without its inflection."""
        ...


_ENGLISH = cast("Stemmer", stemmer("english"))


@dataclass(frozen=True)
class Clause:
    """One thing that an instruction tells."""

    words: str
    """In the instruction's own words, without requests and connectives before it."""
    names: frozenset[str]
    """Stems of the words that name something; at least one."""


def stems(text: str) -> list[str]:
    """Stems of the words of ``text`` that name something, in order."""
    words = WORD.findall(text.casefold())
    return [_stem(word) for word in words if _is_name(word)]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return _ENGLISH.stemWord(word)


def _is_name(word: str) -> bool:
    return word not in NAMELESS and not (word.isascii() and len(word) < SHORTEST_NAME)


def clauses(text: str) -> list[Clause]:
    """The things that ``text`` tells, in order; a heading belongs to what follows it."""
    pieces = BREAKS.split(without_stated(text))
    found: list[Clause] = []
    heading = ""
    for piece, mark in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        words = unled(piece)
        if not stems(words):
            continue
        words = f"{heading}, {words}" if heading else words
        heading = words if mark == ":" else ""
        if not heading:
            found.append(Clause(words, frozenset(stems(words))))
    if heading:
        found.append(Clause(heading, frozenset(stems(heading))))
    return found


def unled(text: str) -> str:
    """A clause without requests, order and times before what it tells: "then a dog" to "a dog"."""
    start = kept = 0
    while match := LEAD.match(text, start):
        word = (match[1] or "").casefold().replace("'", "").replace("’", "")
        if word in DETERMINERS:
            start = match.end()
        elif match[1] is None or word in LEADING:
            start = kept = match.end()
        else:
            break
    return text[kept:].strip(" \t'\"’,.:;-–—*")


class Coverage:
    """What of an instruction each event of a story has to tell.

    Texts of one kind (details, sounds, captions) are looked at together: an event's caption does
    not tell what only its detail has told.
    """

    def __init__(self, instruction: str) -> None:
        self.clauses = clauses(instruction)
        self.num_events = 1
        self._words = frozenset(map(_stem, WORD.findall(instruction.casefold())))
        self._told: dict[tuple[str, int], frozenset[str]] = defaultdict(frozenset)

    def divide(self, num_events: int) -> None:
        """Share the clauses out among so many events, in order."""
        self.num_events = num_events

    def has_word(self, word: str) -> bool:
        """Whether the instruction has a word, in whatever form."""
        return _stem(word.casefold()) in self._words

    def span(self, index: int) -> tuple[int, int]:
        """First and last event that may tell a clause."""
        num_clauses = len(self.clauses)
        first = index * self.num_events // num_clauses
        return first, max(first, (index + 1) * self.num_events // num_clauses - 1)

    def tell(self, kind: str, event: int, text: str) -> None:
        """Take note of what a text of an event tells."""
        self._told[kind, event] |= frozenset(stems(text))

    def left(self, kind: str, event: int) -> set[str]:
        """Names that this event may tell and no text of this kind has told yet."""
        return {
            name
            for index, clause in enumerate(self.clauses)
            if self.span(index)[0] <= event <= self.span(index)[1]
            for name in clause.names - self._told_in(kind, self.span(index))
        }

    def is_news(self, kind: str, event: int, text: str) -> bool:
        """Whether ``text`` tells something that is left; once all is told, everything is."""
        left = self.left(kind, event)
        return not left or not left.isdisjoint(stems(text))

    def is_hint(self, kind: str, event: int, text: str) -> bool:
        """Whether ``text`` may be the beginning of something that is left."""
        begun, left = text.strip().casefold(), self.left(kind, event)
        if len(begun) < HINT_CHARS:
            return begun in left
        return any(stem.startswith(begun) or begun.startswith(stem) for stem in left)

    def missing(self, kind: str, event: int, text: str) -> list[Clause]:
        """What an event should tell, if ``text`` does not; else nothing.

        Of a clause that several events may tell, each has to tell something, and the last the rest.
        """
        told = frozenset(stems(text))
        due: list[Clause] = []
        is_told = True
        for index, clause in enumerate(self.clauses):
            first, last = self.span(index)
            if first <= event <= last:
                due.append(clause)
                left = clause.names - self._told_in(kind, (first, last)) - told
                is_told &= not clause.names.isdisjoint(told) and (event < last or not left)
        return [] if is_told else due

    def _told_in(self, kind: str, span: tuple[int, int]) -> frozenset[str]:
        first, last = span
        return frozenset(
            name for event in range(first, last + 1) for name in self._told[kind, event]
        )
