"""A model behind an API that answers a question, about text or about sound.

``ChatClient`` is the seam: judges (``evaluate``), planners (``baselines``) and annotators
(``curate``) ask through it, and tests answer with ``ScriptedClient``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel

from audiostory.errors import ChatError


@dataclass(frozen=True, kw_only=True)
class AudioPart:
    """A sound file that is part of a question."""

    data: bytes
    """The whole file."""
    format: Literal["wav", "mp3", "flac"] = "wav"


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """One question."""

    text: str
    system: str = ""
    """What the model is told about its task beforehand."""
    audio: tuple[AudioPart, ...] = ()
    """Sounds the question is about, heard before the text is read."""
    schema: type[BaseModel] | None = None
    """Form the answer has to have: JSON that this pydantic model accepts; None is free text."""
    temperature: float = 0.0
    seed: int | None = None
    """Of the model's sampling, where the API takes one."""
    max_output_tokens: int = 4_096


@dataclass(frozen=True, kw_only=True)
class ChatAnswer:
    """What came back."""

    text: str
    """The answer as it came, JSON where a schema was asked for."""
    model: str
    """The model that says it answered."""
    input_tokens: int = 0
    output_tokens: int = 0


class ChatClient(Protocol):
    """Asks a model."""

    @property
    def name(self) -> str:
        """The model asked: part of every cache key and of every report."""
        ...

    def ask(self, request: ChatRequest) -> ChatAnswer:
        """The model's answer, after retries where trying again can help.

        Raises:
            ChatError: if there is none, or none that fits ``request.schema``.
        """
        ...


class ScriptedClient:
    """Answers from a list, or with a function of the question: for tests and dry runs."""

    def __init__(
        self, answers: Sequence[str] | Callable[[ChatRequest], str], *, name: str = "scripted"
    ) -> None:
        self.name = name
        self.asked: list[ChatRequest] = []
        self._answers = answers

    def ask(self, request: ChatRequest) -> ChatAnswer:
        """The next answer.

        Raises:
            ChatError: if the list is at its end.
        """
        self.asked.append(request)
        if callable(self._answers):
            return ChatAnswer(text=self._answers(request), model=self.name)
        if len(self.asked) > len(self._answers):
            raise ChatError(f"only {len(self._answers)} answers were scripted")
        return ChatAnswer(text=self._answers[len(self.asked) - 1], model=self.name)
