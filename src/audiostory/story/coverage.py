"""What an instruction names, and what of it a story has told so far.

Words are compared by their beginnings, so that "barking" tells of what "barks"; words that name
nothing ("the", "then", "hear") do not count. A heuristic for choosing among a model's own words,
never for writing any.
"""

from __future__ import annotations

import re

STEM_CHARS = 4
"""Letters by which the forms of a word are told from other words."""
HINT_CHARS = 3
"""Fewer letters hint at too many words."""
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
BREAKS = re.compile(r"[,.;:!?\n•+&()]| - | and | then | while | as | followed by | before | until ")
"""Where one thing that is told ends and another begins."""
HEADING = re.compile(r"[^.;!?\n]*?:\s+(?=\S)")
"""What a list is about, before its colon."""


def stems(text: str) -> list[str]:
    """Beginnings of the words of ``text`` that name something, in order."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    return [word[:STEM_CHARS] for word in words if len(word) > 2 and word not in NAMELESS]


def num_named(text: str) -> int:
    """How many things ``text`` tells, about: its clauses that name something, headings left out."""
    return sum(bool(stems(clause)) for clause in BREAKS.split(HEADING.sub("", text)))


class Coverage:
    """What of an instruction is still to be told.

    Source: a coverage term in decoding, arXiv:1609.08144, Sec. 7, here over words.
    """

    def __init__(self, instruction: str) -> None:
        self.left = set(stems(instruction))

    def is_news(self, text: str) -> bool:
        """Whether ``text`` tells something that is left; once all is told, everything is."""
        return not self.left or not self.left.isdisjoint(stems(text))

    def is_hint(self, text: str) -> bool:
        """Whether ``text`` may be the beginning of something that is left."""
        begun = text.strip().casefold()
        if len(begun) < HINT_CHARS:
            return begun in self.left
        return any(stem.startswith(begun) or begun.startswith(stem) for stem in self.left)

    def tell(self, text: str) -> None:
        """Take note of what ``text`` tells."""
        self.left.difference_update(stems(text))
