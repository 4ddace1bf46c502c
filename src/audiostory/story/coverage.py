"""Which event of a story has to tell what of its instruction, and what is told so far.

Each clause is to be told by one event, or by a few if there are more events than clauses.

Sources: a coverage term in decoding, arXiv:1609.08144, Sec. 7; decoding with words that have to
come, arXiv:1704.07138. Here over clauses (``story/clauses.py``): they choose among a model's own
lines, and where none of those will do, they give the instruction's words.
"""

from __future__ import annotations

from audiostory.story.clauses import WORD, Clause, clauses, stem, stems

HINT_CHARS = 3
"""Fewer letters hint at too many words."""


class Coverage:
    """What of an instruction each event of a story has to tell.

    Texts of one kind (details, sounds, captions) are looked at together: an event's caption does
    not tell what only its detail has told.
    """

    def __init__(self, instruction: str) -> None:
        self.clauses = clauses(instruction)
        self.num_events = 1
        self._words = frozenset(map(stem, WORD.findall(instruction.casefold())))
        self._told: dict[tuple[str, int], frozenset[str]] = {}

    def divide(self, num_events: int) -> None:
        """Share the clauses out among so many events, in order."""
        self.num_events = num_events

    def has_word(self, word: str) -> bool:
        """Whether the instruction has a word, in whatever form."""
        return stem(word.casefold()) in self._words

    def span(self, index: int) -> tuple[int, int]:
        """First and last event that may tell a clause."""
        num_clauses = len(self.clauses)
        first = index * self.num_events // num_clauses
        return first, max(first, (index + 1) * self.num_events // num_clauses - 1)

    def asked_of(self, event: int) -> str:
        """What an event may tell, in the instruction's own words."""
        spans = [self.span(index) for index in range(len(self.clauses))]
        return ", ".join(
            clause.words
            for clause, (first, last) in zip(self.clauses, spans, strict=True)
            if first <= event <= last
        )

    def tell(self, kind: str, event: int, text: str) -> None:
        """Take note of what a text of an event tells."""
        self._told[kind, event] = self._told_in(kind, (event, event)) | frozenset(stems(text))

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
        if len(begun) < HINT_CHARS or stem(begun) in left:
            return stem(begun) in left
        return any(name.startswith(begun) or begun.startswith(name) for name in left)

    def missing(self, kind: str, event: int, text: str) -> list[Clause]:
        """What an event should tell, if ``text`` does not; else nothing.

        Of a clause that several events may tell, the first has to tell all, and each other one
        something.
        """
        told = frozenset(stems(text))
        due: list[Clause] = []
        is_told = True
        for index, clause in enumerate(self.clauses):
            first, last = self.span(index)
            if first <= event <= last:
                due.append(clause)
                is_told &= clause.names <= told or (
                    event > first and not clause.names.isdisjoint(told)
                )
        return [] if is_told else due

    def _told_in(self, kind: str, span: tuple[int, int]) -> frozenset[str]:
        first, last = span
        return frozenset(
            name
            for event in range(first, last + 1)
            for name in self._told.get((kind, event), frozenset())
        )
