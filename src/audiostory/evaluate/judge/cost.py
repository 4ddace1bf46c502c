"""What a judge costs: prices with their date, an estimate before, a limit, and the bill after."""

from __future__ import annotations

import math
import threading
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audiostory.chat import ChatAnswer, ChatRequest
from audiostory.errors import ConfigError, MeasureError


class BudgetError(MeasureError):
    """The next question might cost more than was allowed; what was answered before is kept."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a model's tokens cost, and who says so."""

    model: str
    """Name of the client (``gemini:gemini-2.0-flash``), or of the model alone."""
    input_per_million: float
    """Of text."""
    audio_per_million: float
    """Of sound."""
    output_per_million: float
    """Of answers, thoughts included."""
    audio_tokens_per_s: float
    """Tokens that a second of sound is counted as; 32 for Gemini."""
    date: str
    """Day the price was looked up."""
    source: str
    """Where."""
    currency: str = "USD"

    def of(self, usage: Usage) -> float:
        """Price of what was used, in ``currency``.

        Where an API does not tell its tokens of sound apart, they are counted as text.
        """
        text_tokens = usage.input_tokens - usage.audio_tokens
        return 1e-6 * (
            text_tokens * self.input_per_million
            + usage.audio_tokens * self.audio_per_million
            + usage.output_tokens * self.output_per_million
        )


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Answers and tokens, as counted by the API or estimated."""

    asks: int = 0
    """Answers, unusable ones included."""
    input_tokens: float = 0
    """Text and sound."""
    audio_tokens: float = 0
    output_tokens: float = 0

    def __add__(self, other: Usage) -> Usage:
        """Both."""
        return Usage(
            asks=self.asks + other.asks,
            input_tokens=self.input_tokens + other.input_tokens,
            audio_tokens=self.audio_tokens + other.audio_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


def usage_of(answers: Iterable[ChatAnswer]) -> Usage:
    """What answers took."""
    total = Usage()
    for answer in answers:
        total += Usage(
            asks=answer.asks,
            input_tokens=answer.input_tokens,
            audio_tokens=answer.audio_tokens,
            output_tokens=answer.output_tokens,
        )
    return total


def load_prices(path: Path) -> tuple[Price, ...]:
    """A table of prices: TOML with a ``[[price]]`` for each model, with the fields of ``Price``.

    No table is shipped, since prices change.

    Raises:
        ConfigError: if the file cannot be read, or a field is missing or unknown.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["price"]
        return tuple(Price(**row) for row in rows)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is no table of prices ({error}): give each model a [[price]] with model, "
            "input_per_million, audio_per_million, output_per_million, audio_tokens_per_s, date "
            "and source"
        ) from error


def price_for(client_name: str, prices: Sequence[Price]) -> Price | None:
    """The price of a client's model; None if the table does not say."""
    model = client_name.partition("?")[0].partition("@http")[0].partition(":")[2]
    known = {price.model: price for price in prices}
    return known.get(client_name) or known.get(model)


def expected_usage(request: ChatRequest, audio_s: float, price: Price | None) -> Usage:
    """What a question will probably take: 4 bytes of text a token, 60 tokens for each mark.

    Without a price the tokens of sound are unknown, and left out.
    """
    text = len((request.system + request.text).encode()) / 4
    sound = audio_s * price.audio_tokens_per_s if price else 0.0
    marks = len(request.schema.model_fields) if request.schema else 1
    return Usage(asks=1, input_tokens=text + sound, audio_tokens=sound, output_tokens=60.0 * marks)


def worst_usage(request: ChatRequest, audio_s: float, price: Price | None) -> Usage:
    """The most a question can take: a token for every byte, every ask used, every answer full.

    A later ask also tells what was wrong before. Holds as far as the price's
    ``audio_tokens_per_s`` does; an API's own additions to a prompt are unknown here.
    """
    form = len(str(request.schema.model_json_schema())) if request.schema else 0
    text = len((request.system + request.text).encode()) + 2 * form + 1_000
    sound = math.ceil(audio_s * price.audio_tokens_per_s) if price else 0
    asks = request.max_asks
    return Usage(
        asks=asks,
        input_tokens=asks * (text + sound),
        audio_tokens=asks * sound,
        output_tokens=asks * request.max_output_tokens,
    )


class Budget:
    """A limit that is never passed: what a question may take at worst is set aside beforehand.

    So the last few answers of a limit stay unused. Requests that bring no answer (429, 5xx,
    timeouts) are not counted, since APIs do not charge for them.

    Args:
        max_cost: in the price's currency; None is no limit.
        max_requests: answers; None is no limit.
        price: needed for ``max_cost``.

    Raises:
        ConfigError: if there is a ``max_cost``, but no price.
    """

    def __init__(
        self,
        *,
        max_cost: float | None = None,
        max_requests: int | None = None,
        price: Price | None = None,
    ) -> None:
        if max_cost is not None and price is None:
            raise ConfigError("a limit on cost needs the price of the model: give a price table")
        self.max_cost, self.max_requests, self.price = max_cost, max_requests, price
        self.spent = Usage()
        self._aside: list[Usage] = []
        self._lock = threading.Lock()

    def set_aside(self, worst: Usage) -> None:
        """Room for one more question.

        Raises:
            BudgetError: if it might pass a limit.
        """
        with self._lock:
            total = sum(self._aside, self.spent) + worst
            if self.max_requests is not None and total.asks > self.max_requests:
                raise BudgetError(
                    f"{self.spent.asks} answers came, and one more question may take up to "
                    f"{worst.asks}, which might pass max_requests={self.max_requests}: raise it "
                    "and run again; what was answered is kept"
                )
            if self.max_cost is not None and self.price and self.price.of(total) > self.max_cost:
                price = self.price
                raise BudgetError(
                    f"{price.of(self.spent):.4f} {price.currency} are spent, and one more question "
                    f"may cost up to {price.of(worst):.4f}, which might pass max_cost="
                    f"{self.max_cost:g}: raise it and run again; what was answered is kept"
                )
            self._aside.append(worst)

    def settle(self, worst: Usage, used: Usage) -> None:
        """What a question for which ``worst`` was set aside took in the end.

        Answers without a count of tokens are taken to have used the most.
        """
        if used.asks and not used.input_tokens:
            used = replace(worst, asks=used.asks)
        with self._lock:
            self._aside.remove(worst)
            self.spent += used
