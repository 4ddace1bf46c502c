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
        """Price of what was used, in ``currency``; tokens that are not told apart are of text."""
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


def billed(used: Usage, worst: Usage) -> Usage:
    """What a question is taken to have cost: as the API counted, at its most where it told less.

    Answers without any count have used the most. Where sound was sent and no tokens of it are
    told, as many of the input's are taken for sound as the price's ``audio_tokens_per_s`` makes
    them; if the input is smaller than that, sound was left out of it and is added.

    Args:
        used: as counted.
        worst: the most it could take (``worst_usage``).
    """
    if not used.asks:
        return used
    if not used.input_tokens:
        return replace(worst, asks=used.asks)
    if used.audio_tokens or not worst.audio_tokens:
        return used
    sound = worst.audio_tokens * used.asks / max(worst.asks, 1)
    left_out = sound if used.input_tokens < sound else 0
    return replace(used, input_tokens=used.input_tokens + left_out, audio_tokens=sound)


class Budget:
    """A limit that is never passed: what a question may take at worst is set aside beforehand.

    So the last few answers of a limit stay unused. Requests that bring no answer (429, 5xx,
    timeouts) are not counted, since APIs do not charge for them. What an API does not count is
    taken at its most (``billed``), which holds as far as the price's ``audio_tokens_per_s`` does.

    Args:
        max_cost: in the price's currency, over all runs; None is no limit.
        max_requests: answers, over all runs; None is no limit.
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
        """Since this budget was made."""
        self.before = Usage()
        """By earlier runs, as far as their answers are kept; counts towards the limits."""
        self._aside: list[Usage] = []
        self._lock = threading.Lock()

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.max_cost is not None or self.max_requests is not None

    def set_aside(self, worst: Usage) -> None:
        """Room for one more question.

        Raises:
            BudgetError: if it might pass a limit.
        """
        with self._lock:
            gone = self.before + self.spent
            total = sum(self._aside, gone) + worst
            if self.max_requests is not None and total.asks > self.max_requests:
                raise BudgetError(
                    f"{gone.asks} answers came, and one more question may take up to "
                    f"{worst.asks}, which might pass max_requests={self.max_requests}: raise it "
                    "and run again; what was answered is kept"
                )
            if self.max_cost is not None and self.price and self.price.of(total) > self.max_cost:
                price = self.price
                raise BudgetError(
                    f"{price.of(gone):.4f} {price.currency} are spent, {price.of(self.before):.4f} "
                    "of it by earlier runs, and one more question may cost up to "
                    f"{price.of(worst):.4f}, which might pass max_cost={self.max_cost:g}: raise it "
                    "and run again; what was answered is kept"
                )
            self._aside.append(worst)

    def settle(self, worst: Usage, used: Usage) -> None:
        """What a question for which ``worst`` was set aside took in the end, as counted."""
        with self._lock:
            self._aside.remove(worst)
            self.spent += self.taken(used, worst)

    def taken(self, used: Usage, worst: Usage) -> Usage:
        """What a question took: with a price as it is billed, without one as counted."""
        return billed(used, worst) if self.price else used
