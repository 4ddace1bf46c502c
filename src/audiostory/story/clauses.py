"""What an instruction names: its clauses, in order, in its own words.

By rules, for they have to hold whatever a model thinks: connectives, punctuation and lists part the
clauses; requests, order and times before what a clause tells are left out, and so is what the
instruction does not want. Words are compared by their stems, so that "barking" is what "barks".
The rules know English; in other languages a clause is what stands between punctuation marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Protocol, cast

from snowballstemmer import stemmer  # pyright: ignore

from audiostory.story.stated import without_stated

_NAMELESS = """
about after again all along also am an and another any are around as at atmosphere audio away
background be because been before begin being below between both but by can clear clip close come
continue could create depict describe did distance do does don doesn duration each end ever every
faint far fast first follow following for from fx generate get give go had has have he hear heard
hello her here hi high his how if immersive in into is isn it its keep kind later like little long
loud low made make many me middle minute more most move moving much my name natural near nearby
next no not now of off ok okay on once one onto or other our out over own past piece place play
please produce prompt put quality realistic scene second seconds see set sfx she short slow slowly
so soft some someone something sound sounds soundscape soundtrack start still story such take task
than thank thanks that the their them then there these they third this those through time title to
total track turn two under until up upon us very vivid want was wasn way we were what when where
which while who will with without won would you your
"""
_LEADING = """
add after afterward afterwards also am and are as at atmosphere audio be begin beginning begins
bring build but by can capturing captures clip comes compose construct containing contains could
craft create depict depicting depicts describes describing descriptive design detailed develop
during end ending ends essence ext features featuring finally first follow followed for from fx
generate give goes hear heard hears here i id im imagine immersive in includes including int into
is it its last lastly later let lets like looking m make makes me meanwhile min mins minute
minutes my name narrative need needs next now of on piece plus portray play please produce prompt
propose put recording render scene sec second seconds secs sequence sfx show showcases showcasing
showing so sound sounds soundscape soundtrack start starting starts story suddenly task tell
telling tells that then there third this through title to track until us want wanted wants was we
were what when where which while who will with would write you
"""
LEADING = frozenset(_LEADING.split())
"""Words before what a clause tells: requests, order, times."""
_CONNECTORS = """
of with where which that in for about capturing containing depicting featuring including showcasing
showing telling
"""
CONNECTORS = frozenset(_CONNECTORS.split())
"""Words after which the thing itself comes: "the sound of a dog"."""
MOMENTS = frozenset(("beginning", "end", "middle", "start"))
"""Times that a clause may begin with: "at the end a dog barks"."""
DETERMINERS = frozenset(("a", "an", "her", "his", "one", "some", "the", "their", "three", "two"))
"""Words that go with what follows, though they name nothing."""
_AMBIGUOUS = "can clip piece place play scene second start track turn way"
AMBIGUOUS = frozenset(_AMBIGUOUS.split())
"""Words that name something after a determiner, "a can", and else do not."""
CLOSING = frozenset(("closed", "closes", "closing"))
"""Forms of "close" that are not what is near."""
REFUSED = re.compile(
    r"^\W*(?:(?:and|but|please)\s+)?(?:no|not|without|avoid|never|do\s+not|don['’]?t|leave\s+out)"
    r"(?!\s+(?:only|far|long|warning|sooner)\b|-)\b",
    re.IGNORECASE,
)
"""How a clause begins that says what is not wanted."""
LEFT_OUT = re.compile(
    r"\s*\bwithout\s+(?:(?:a|an|any|the)\s+)?\w+|\s*\b(?:but|with|should\s+be)\s+(?:no|not|never)\b.*",
    re.IGNORECASE | re.DOTALL,
)
"""What is not wanted, within a clause that tells something else."""
BREAKS = re.compile(
    r"([,.:](?!\d)|[;!?\n•+&()\[\]、。，；：！？،؛…]"
    r"|(?<!\S)[0-9]+[.)](?=\s)"
    r"|(?<=\s)(?:-|–|—|\||/|>|->|→|and|then|while|whilst|as|followed by|before|until)(?=\s))",
    re.IGNORECASE,
)
"""Where one thing that is told ends and another begins."""
PAIRS = re.compile(
    r"\b(?:back and forth|up and down|to and fro|in and out|on and off|rock and roll"
    r"|black and white|(\w+) and \1|as \w+ as)\b",
    re.IGNORECASE,
)
"""Words that belong together across what else would part them."""
JOINER = "\u2060"
"""Stands for the blanks of such a pair; no text has it inside words."""
WORD = re.compile(
    r"(?:[^\W\d_][\u0300-\u036f\u0900-\u0dff]*)+|\d{3,}"
    r"|[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff]"
)
"""A word, a number that may be a name, or a picture that stands for a word."""
FIRST_WORD = re.compile(
    r"[\W_]*(?:([^\W\d_]+(?:['’][^\W\d_]+)?)"
    r"|\d+:\d\d(?:\.\d+)?|[\d.]+\s*(?:s|sec|secs|seconds?|m|mins?|minutes?|st|nd|rd|th)\b)"
)
"""The first word or time of a clause, with what stands before it."""


class Stemmer(Protocol):
    """Of the snowballstemmer library, which has no types of its own."""

    def stemWord(self, word: str) -> str:  # noqa: N802 - its name there
        """The word without its inflection."""
        ...


_ENGLISH = cast("Stemmer", stemmer("english"))
_IN_USE = Lock()  # a stemmer keeps the word under way in itself, and stories are told in threads


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A word, in small letters, without its inflection."""
    with _IN_USE:
        return _ENGLISH.stemWord(word)


NAMELESS = frozenset(map(stem, _NAMELESS.split()))
"""Stems that name no sound of their own, in instructions and in descriptions of sounds."""


@dataclass(frozen=True)
class Clause:
    """One thing that an instruction tells."""

    words: str
    """In the instruction's own words, without requests and connectives before it."""
    names: frozenset[str]
    """Stems of the words that name something; at least one."""


def stems(text: str) -> list[str]:
    """Stems of the words of ``text`` that name something, in order."""
    return list(_names(WORD.findall(text.casefold())))


def _names(words: list[str]) -> Iterator[str]:
    for before, word in zip(["", *words], words, strict=False):
        found = stem(word)
        is_letter = word.isascii() and len(word) < 2
        is_thing = word in CLOSING or (word in AMBIGUOUS and before in DETERMINERS)
        if is_thing or not (is_letter or found in NAMELESS):
            yield found


def clauses(text: str) -> list[Clause]:
    """The things that ``text`` tells, in order; a heading belongs to what follows it."""
    told = PAIRS.sub(lambda pair: pair[0].replace(" ", JOINER), without_stated(text))
    pieces = BREAKS.split(told)
    found: list[Clause] = []
    heading = ""
    for piece, mark in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        words = unled(LEFT_OUT.sub("", piece.replace(JOINER, " ")))
        if REFUSED.match(words) or not stems(words):
            continue
        words = f"{heading}, {words}" if heading else words
        heading = words if mark in (":", "：") else ""
        if not heading:
            found.append(Clause(words, frozenset(stems(words))))
    if heading:
        found.append(Clause(heading, frozenset(stems(heading))))
    return found


def unled(text: str) -> str:
    """A clause without requests, order and times before what it tells: "then a dog" to "a dog"."""
    start = kept = 0
    held = False  # whether a determiner has come, so that what follows may be a thing
    while match := FIRST_WORD.match(text, start):
        word = (match[1] or "").casefold().replace("'", "").replace("’", "")
        start = match.end()
        if word in DETERMINERS:
            held = True
        elif match[1] is None or word in CONNECTORS or word in MOMENTS:
            held, kept = False, start
        elif word not in LEADING:
            break
        elif not held:
            kept = start
    return text[kept:].strip(" \t'\"’,.:;-–—*")
