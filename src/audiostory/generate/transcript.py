"""One sequence under way: its tokens, the model's memory of them, and how the next one is chosen.

Shapes: ``L`` tokens, ``V`` vocabulary, ``1`` one sequence, ``D`` the model's width.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

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

    def __init__(self, tokenizer: StoryTokenizer, num_logits: int) -> None:
        self.tokenizer = tokenizer
        self.is_word_V = torch.zeros(num_logits, dtype=torch.bool)
        """May stand inside free words: no marker, no line break, no control character."""
        self.is_ender_V = torch.zeros(num_logits, dtype=torch.bool)
        """Ends free words: a marker, or a token that begins with a line break."""
        self.is_number_V = torch.zeros(num_logits, dtype=torch.bool)
        """Digits and the decimal point."""
        is_blank_V = torch.zeros(num_logits, dtype=torch.bool)
        for index in range(tokenizer.vocab_size):
            text = tokenizer.decode([index])
            self.is_ender_V[index] = index in tokenizer.special_ids or text.startswith("\n")
            self.is_word_V[index] = index not in tokenizer.special_ids and is_one_line(text)
            is_blank_V[index] = not text or text[0].isspace()
        self.is_first_word_V = self.is_word_V & ~is_blank_V
        """May open free words: those that begin with something to be seen."""
        self.number_ids = {char: tokenizer.token_id(char) for char in "0123456789."}
        self.is_number_V[list(self.number_ids.values())] = True
        if tokenizer.encode("10.5") != [self.number_ids[char] for char in "10.5"]:
            raise CheckpointError(
                "the tokenizer joins digits to longer tokens; durations are written digit by "
                "digit: use the tokenizer the model was trained with"
            )


def is_one_line(text: str) -> bool:
    """Whether ``text`` can stand inside a single line."""
    return bool(text) and not any(unicodedata.category(c) in LINE_CATEGORIES for c in text)


class Transcript:
    """The token ids of one sequence, and the language model's memory of them."""

    def __init__(self, llm: LanguageModel) -> None:
        self.llm = llm
        self.cache = llm.new_cache()
        self.ids: list[int] = []
        self._device = next(llm.parameters()).device

    def push(self, ids: Sequence[int]) -> None:
        """Append ids; they are fed when the model is next asked something."""
        self.ids.extend(ids)

    def next_logits(self) -> Tensor:
        """Scores ``(V,)`` of the next token, on the CPU in float32."""
        hidden_1LD = self.feed()
        return self.llm.logits(hidden_1LD[0, -1]).float().cpu()

    def feed(self) -> Tensor:
        """Hidden states ``(1, L, D)`` of the ids not fed yet, in one forward."""
        fed = int(self.cache.get_seq_length())
        ids_1L = torch.tensor([self.ids[fed:]], device=self._device)
        return self.llm.hidden_states(ids_1L, cache=self.cache)

    def rewind(self, length: int) -> None:
        """Forget all but the first ``length`` ids."""
        num_forgotten = int(self.cache.get_seq_length()) - length
        if num_forgotten > 0:
            self.cache.crop(-num_forgotten)
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
        return int(torch.multinomial(shares_V, 1, generator=rng))
