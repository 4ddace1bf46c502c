"""A model behind an API that answers a question, about text or about sound.

``ChatClient`` is the seam: judges (``evaluate``), planners (``baselines``) and annotators
(``curate``) ask through it, and tests answer with ``ScriptedClient``. The clients of real APIs
are in ``models/remote``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from pydantic import BaseModel, ValidationError

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
    max_asks: int = 3
    """Answers it may take: one that is empty, cut off or not in form is asked for again, with the
    complaint. Each is paid for."""

    def __post_init__(self) -> None:
        """Refuse a question that may not be asked even once."""
        if self.max_asks < 1:
            raise ChatError(f"max_asks is {self.max_asks}: a question is asked at least once")


@dataclass(frozen=True, kw_only=True)
class ChatAnswer:
    """What came back; tokens are those of all answers it took, as the API counted them."""

    text: str
    """The answer as it came, JSON where a schema was asked for."""
    model: str
    """The model that says it answered."""
    input_tokens: int = 0
    audio_tokens: int = 0
    """Those of ``input_tokens`` that are sound, where the API tells."""
    output_tokens: int = 0
    """Tokens of thought included."""
    asks: int = 1
    """Answers it took."""
    is_whole: bool = True
    """False where it ends before its end, as when ``max_output_tokens`` are used up."""


class ChatUnavailableError(ChatError):
    """No question can be answered now, this or another: no key, quota, connection or model."""

    answers: tuple[ChatAnswer, ...] = ()
    """Unusable answers that came before and were paid for."""


class UnusableAnswerError(ChatError):
    """The model answered, but refused or came to no answer in form."""

    answers: tuple[ChatAnswer, ...] = ()
    """All that came and was paid for."""


class ChatClient(Protocol):
    """Asks a model."""

    @property
    def name(self) -> str:
        """The model asked: part of every cache key and of every report."""
        ...

    def ask(self, request: ChatRequest) -> ChatAnswer:
        """The model's answer, after retries where trying again can help.

        Raises:
            ChatUnavailableError: if this question and others cannot be answered at present.
            UnusableAnswerError: if it refuses, or no answer fits ``request.schema``.
            ChatError: if the API does not take the question.
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
        """The next answer that fits.

        Raises:
            UnusableAnswerError: if none does after ``request.max_asks``.
            ChatError: if the list is at its end.
        """
        return ask_until_it_fits(self._next, request)

    def _next(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        if callable(self._answers):
            return ChatAnswer(text=self._answers(request), model=self.name)
        if len(self.asked) > len(self._answers):
            raise ChatError(f"only {len(self._answers)} answers were scripted")
        return ChatAnswer(text=self._answers[len(self.asked) - 1], model=self.name)


def ask_until_it_fits(
    once: Callable[[ChatRequest], ChatAnswer], request: ChatRequest
) -> ChatAnswer:
    """The first of at most ``request.max_asks`` answers that can be used.

    Args:
        once: asks once; what it raises goes through, with the answers that came before.
        request: the question; a further ask tells what was wrong with the answer before.

    Raises:
        UnusableAnswerError: saying what came, if no answer can be used.
    """
    answers: list[ChatAnswer] = []
    asked, complaint = request, ""
    while len(answers) < request.max_asks:
        try:
            answers.append(once(asked))
        except (UnusableAnswerError, ChatUnavailableError) as error:
            error.answers = (*answers, *error.answers)
            raise
        complaint = _misfit(answers[-1], request)
        if not complaint:
            return _together(answers)
        again = f"An earlier answer could not be used: {complaint}. Answer again, in full."
        asked = replace(request, text=f"{request.text}\n\n{again}")
    failed = UnusableAnswerError(
        f"{answers[-1].model} gave no usable answer in {len(answers)} asks; the last: {complaint}. "
        f"It said: {answers[-1].text[:300]!r}. Use another model, or ask for less at once"
    )
    failed.answers = tuple(answers)
    raise failed


def _misfit(answer: ChatAnswer, request: ChatRequest) -> str:
    """Why an answer cannot be used; "" if it can."""
    if not answer.is_whole:
        return f"it was cut off (at most {request.max_output_tokens} tokens fit): be briefer"
    if not answer.text.strip():
        return "it was empty"
    if request.schema is None:
        return ""
    try:
        request.schema.model_validate_json(answer.text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in found[:5])
    return ""


def _together(answers: Sequence[ChatAnswer]) -> ChatAnswer:
    """The last answer, with the tokens of all."""
    return replace(
        answers[-1],
        input_tokens=sum(answer.input_tokens for answer in answers),
        audio_tokens=sum(answer.audio_tokens for answer in answers),
        output_tokens=sum(answer.output_tokens for answer in answers),
        asks=len(answers),
    )
