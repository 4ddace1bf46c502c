"""One question about a recording, with the answers people gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from audiostory.audio.waveform import Waveform
from audiostory.errors import CorpusError


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about what is heard."""

    id: str
    """Unique in its set."""
    recording: str
    """What the set calls the recording that it is about."""
    text: str
    answers: tuple[str, ...]
    """What people answered, one answer each, as they wrote it."""
    confidences: tuple[str, ...] = ()
    """How sure each of them was, in the set's words; empty where nobody asked."""


@dataclass(frozen=True, kw_only=True)
class QuestionSet:
    """A named, versioned set of questions about recordings."""

    name: str
    version: str
    questions: tuple[Question, ...]
    audio_of: Callable[[Question], Waveform] = field(repr=False)
    """The recording that a question is about.

    Raises:
        CorpusError: if it cannot be read.
    """
    length_of: Callable[[Question], float] = field(repr=False)
    """Seconds that the recording of a question lasts, told without reading all of it.

    Raises:
        CorpusError: if it cannot be read.
    """
    notes: tuple[str, ...] = ()
    """What a reader of a report made with this set has to know."""

    def __post_init__(self) -> None:
        """Refuse empty sets, questions that share an id, and such that nobody answered."""
        if not self.questions:
            raise CorpusError(f"the set {self.name} is empty: nothing can be asked")
        seen: set[str] = set()
        for question in self.questions:
            if question.id in seen:
                raise CorpusError(f"the set {self.name} has two questions called {question.id!r}")
            seen.add(question.id)
            if not question.answers:
                raise CorpusError(f"{self.name}: nobody answered {question.id!r}: leave it out")
