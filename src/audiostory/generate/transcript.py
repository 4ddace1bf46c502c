"""One sequence under way: its tokens, the model's memory of them, and how the next one is chosen.

Shapes: ``L`` tokens, ``V`` vocabulary, ``1`` one sequence, ``D`` the model's width.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from audiostory.errors import CheckpointError, ConfigError
from audiostory.models.llm import LanguageModel
from audiostory.models.tokenizer import StoryTokenizer

LINE_CATEGORIES = ("Cc", "Zl", "Zp")
"""Unicode categories that no single line of text holds: controls, line and paragraph breaks."""
MAX_TEMPERATURE = 100.0
"""Long before, words are drawn by lot; more would only lose precision."""


class Vocabulary:
    """Which token ids may stand in which slot; worked out once per tokenizer."""

    def __init__(
        self,
        tokenizer: StoryTokenizer,
        num_logits: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.tokenizer = tokenizer
        texts = [tokenizer.decode([index]) for index in range(tokenizer.vocab_size)]
        special = tokenizer.special_ids

        def marked(where: Callable[[int, str], bool]) -> Tensor:
            marks = [where(index, text) for index, text in enumerate(texts)]
            return torch.tensor(marks + [False] * (num_logits - len(marks)), device=device)

        self.is_word_V = marked(lambda index, text: index not in special and is_one_line(text))
        """May stand inside free words: no marker, no line break, no control character."""
        self.is_ender_V = marked(lambda index, text: index in special or text.startswith("\n"))
        """Ends free words: a marker, or a token that begins with a line break."""
        self.is_first_word_V = self.is_word_V & marked(lambda _, text: not text[:1].isspace())
        """May open free words: those that begin with something to be seen."""
        self.number_ids = {char: tokenizer.token_id(char) for char in "0123456789."}
        numbers = frozenset(self.number_ids.values())
        self.is_number_V = marked(lambda index, _: index in numbers)
        """Digits and the decimal point."""
        if tokenizer.encode("10.5") != [self.number_ids[char] for char in "10.5"]:
            raise CheckpointError(
                "the tokenizer joins digits to longer tokens; durations are written digit by "
                "digit: use the tokenizer the model was trained with"
            )


def is_one_line(text: str) -> bool:
    """Whether ``text`` can stand inside a single line."""
    return bool(text) and not any(unicodedata.category(c) in LINE_CATEGORIES for c in text)


class Memory(Protocol):
    """What a transcript needs of a ``TokenMemory`` of one row."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens that the one row remembers."""
        ...

    def read(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Last hidden states ``(1, L, D)`` of new tokens, which are remembered."""
        ...

    def forget(self, row: int, length: int) -> None:
        """Remember only the first ``length`` tokens of the row."""
        ...


class Transcript:
    """The token ids of one sequence, and the language model's memory of them.

    Args:
        llm: what reads.
        memory: of one row, free to be used; whatever is in it is forgotten. Where many texts
            follow each other, one memory for all saves what it costs to make one.
    """

    def __init__(self, llm: LanguageModel, memory: Memory | None = None) -> None:
        self.llm = llm
        self.memory = llm.new_memory() if memory is None else memory
        self.memory.forget(0, 0)
        self.ids: list[int] = []

    def push(self, ids: Sequence[int]) -> None:
        """Append ids; they are fed when the model is next asked something."""
        self.ids.extend(ids)

    @torch.inference_mode()
    def next_logits(self) -> Tensor:
        """Scores ``(V,)`` of the next token, in float32."""
        hidden_1LD = self.feed()
        return self.llm.logits(hidden_1LD[0, -1]).float()

    def feed(self) -> Tensor:
        """Hidden states ``(1, L, D)`` of the ids not fed yet, in one forward."""
        return self.memory.read([self.ids[self.memory.lengths[0] :]])

    def rewind(self, length: int) -> None:
        """Forget all but the first ``length`` ids."""
        self.memory.forget(0, length)
        del self.ids[length:]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How one token is chosen among those allowed."""

    temperature: float = 0.0
    """0 takes the likeliest (the release's way); more makes stories vary with the seed."""

    def __post_init__(self) -> None:
        """Refuse what is no temperature.

        Raises:
            ConfigError: naming the range.
        """
        if not 0 <= self.temperature <= MAX_TEMPERATURE:
            raise ConfigError(
                f"a temperature of {self.temperature}: give 0 (the likeliest words) "
                f"to {MAX_TEMPERATURE:g}"
            )

    def choose(self, logits_V: Tensor, allowed_V: Tensor, rng: torch.Generator) -> int:
        """One allowed token id."""
        masked_V = logits_V.masked_fill(~allowed_V, -torch.inf)
        if self.temperature == 0:
            return int(masked_V.argmax())
        shares_V = (masked_V / self.temperature).softmax(dim=0)
        return int(torch.multinomial(shares_V.to(rng.device), 1, generator=rng))
