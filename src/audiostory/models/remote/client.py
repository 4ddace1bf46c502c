"""What all clients of APIs share: where a key comes from, when to try again, how long to wait."""

from __future__ import annotations

import email.utils
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from audiostory.chat import (
    ChatAnswer,
    ChatRequest,
    ChatUnavailableError,
    UnusableAnswerError,
    ask_until_it_fits,
)
from audiostory.errors import ChatError
from audiostory.models.remote.form import json_schema_of

Structured = Literal["schema", "json", "text"]
Sleep = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class RemoteConfig:
    """Which model is asked, where, and how patiently."""

    model: str
    base_url: str | None = None
    """A server of one's own; None is the company's."""
    key_variable: str | None = None
    """Environment variable that holds the key. None: GEMINI_API_KEY or OPENAI_API_KEY, and
    AUDIOSTORY_CHAT_KEY (which may be unset) where ``base_url`` is given, since a company's key
    must go to nobody else."""
    structured: Structured = "schema"
    """How an answer's form is asked for: by a JSON schema that the server enforces, by its mode for
    any JSON, or in words only. The form is checked here in any case."""
    timeout_s: float = 300.0
    """Longest wait for one answer."""
    max_retries: int = 5
    """Further requests after a 429, a 5xx, a timeout or a broken connection."""
    first_wait_s: float = 1.0
    """Wait before the first of them; doubled each time, unless the server says how long."""
    max_wait_s: float = 120.0
    """Longest single wait; a server that asks for more is not waited for."""


class Trouble(Exception):  # noqa: N818, not an error of the user's: it is judged by its client
    """A request that brought no answer, before it is known whether another can."""

    def __init__(
        self, message: str, *, status: int | None = None, wait_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; None where no whole answer arrived."""
        self.wait_s = wait_s
        """How long the server asks to wait."""


class RemoteClient(ABC):
    """A client of an API: patience and forms are here, the API's shapes in the subclasses.

    Raises:
        ChatUnavailableError: if the API's key is not in the environment.
    """

    api: str
    """Word before the colon of a client's name."""
    key_variable: str
    """Environment variable of the company's key."""

    def __init__(self, config: RemoteConfig, *, sleep: Sleep = time.sleep) -> None:
        self.config = config
        self._sleep = sleep
        place = f"@{config.base_url}" if config.base_url else ""
        how = "" if config.structured == "schema" else f"?structured={config.structured}"
        self.name = f"{self.api}:{config.model}{place}{how}"

    def ask(self, request: ChatRequest) -> ChatAnswer:
        """The model's answer; see ``ChatClient``."""
        return ask_until_it_fits(self._patiently, request)

    @abstractmethod
    def send(self, request: ChatRequest) -> ChatAnswer:
        """The answer to one request.

        Raises:
            Trouble: if none came.
            UnusableAnswerError: if the model refuses.
        """

    def key(self) -> str:
        """The key from the environment; "none" for servers that need none."""
        own = "AUDIOSTORY_CHAT_KEY" if self.config.base_url else self.key_variable
        variable = self.config.key_variable or own
        key = os.environ.get(variable, "")
        if not key and (self.config.base_url is None or self.config.key_variable):
            raise ChatUnavailableError(
                f"{self.name} needs an API key: put it into the environment variable {variable}"
            )
        return key or "none"

    def found(self, text: str, request: ChatRequest) -> str:
        """The answer; what stands from first to last brace where JSON was asked for in words.

        Models wrap it into a sentence or a fence when nothing keeps them from it.
        """
        if request.schema is None or self.config.structured != "text":
            return text
        return text[text.find("{") : text.rfind("}") + 1] or text

    def refusal(self, reason: str, answer: ChatAnswer) -> UnusableAnswerError:
        """The error of a model that will not answer, with what it said and cost."""
        said = f"; it said: {answer.text[:300]!r}" if answer.text else ""
        error = UnusableAnswerError(f"{self.name} refuses to answer: {reason[:300]}{said}")
        error.answers = (answer,)
        return error

    def _patiently(self, request: ChatRequest) -> ChatAnswer:
        """The answer to one request, sent again while that can help."""
        attempt = 0
        while True:
            try:
                return self.send(self._in_words(request))
            except Trouble as trouble:
                self._sleep(self._wait_s(trouble, attempt))
                attempt += 1

    def _wait_s(self, trouble: Trouble, attempt: int) -> float:
        """How long to wait before the next attempt; an error if there should be none."""
        status, config = trouble.status, self.config
        if status in (401, 403, 404):
            raise ChatUnavailableError(
                f"{self.name}: {trouble} (HTTP {status}): check the key and its quota, the name "
                "of the model and the address"
            )
        if status is not None and status < 500 and status not in (408, 409, 425, 429):
            raise ChatError(
                f"{self.name} does not take the question: {trouble} (HTTP {status}); a server "
                "without JSON schemas is asked with ?structured=json or ?structured=text"
            )
        if attempt >= config.max_retries:
            raise ChatUnavailableError(
                f"{self.name} does not answer, asked {attempt + 1} times; the last: {trouble}. "
                "Try again later, or with a larger max_retries"
            )
        if trouble.wait_s is None:
            return min(config.first_wait_s * 2**attempt, config.max_wait_s)
        if trouble.wait_s > config.max_wait_s:
            raise ChatUnavailableError(
                f"{self.name} asks to wait {trouble.wait_s:g} s ({trouble}), longer than "
                f"max_wait_s={config.max_wait_s:g}: try again then, or raise it"
            )
        return trouble.wait_s

    def _in_words(self, request: ChatRequest) -> ChatRequest:
        """The request, its form told in the text where the server is given no schema."""
        if request.schema is None or self.config.structured == "schema":
            return request
        form = json.dumps(json_schema_of(request.schema))
        words = f"Answer with one JSON object, nothing else, that fits this JSON schema:\n{form}"
        return replace(request, text=f"{request.text}\n\n{words}")


def seconds_to_wait(told: str | None) -> float | None:
    """A wait told as seconds or as a date (RFC 9110, Retry-After); None if it is neither."""
    if told is None:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass  # then it may be a date
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None
