"""The release's decoding: the likeliest token, a repetition penalty, and bridge tokens pushed on.

The released model writes freely; two rules keep its bridge blocks whole. Both are weaker than they
look: a forced token is told ten more than the best one, and suppressed tokens get a score of 0.0,
which wins where all others are negative. They are kept as they are, for what comes out depends on
them. (The product's own decoding, ``decoding.py``, masks instead and always writes a story.)

A bridge block is known once it is opened. ``Lookahead`` says how much of it is fed in one forward;
every token is still chosen by its scores, so that all ways of looking ahead write the same.

Source: the released inference code; repetition penalty, arXiv:1909.05858, Sec. 4.1.
Shapes: ``L`` tokens, ``V`` vocabulary, ``D`` the model's width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audiostory.errors import ConfigError
from audiostory.generate.transcript import Transcript
from audiostory.models.llm import LanguageModel
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.tokens import SpecialTokens

FORCING_MARGIN = 10.0
"""By how much a forced token is put above the best one."""
SUPPRESSED_SCORE = 0.0
"""What tokens get that may not stand there; the release takes zero, not minus infinity."""
TEXT_END = "<|endoftext|>"
"""Ends a text in Qwen's vocabulary; the release stops at it as at the end of a message."""


@dataclass(frozen=True)
class ForcedRun:
    """Token ids that follow one another once the first has been said."""

    ids: tuple[int, ...]
    """The opening marker, the numbered tokens, the closing marker."""

    def scores_after(self, scores_V: Tensor, last_id: int) -> Tensor:
        """Scores of the next token after ``last_id``: its successor forced, or the run suppressed.

        The opening marker is never suppressed: the model says it when it wants to.
        """
        scores_V = scores_V.clone()
        if last_id in self.ids[:-1]:
            successor = self.ids[self.ids.index(last_id) + 1]
            scores_V[successor] = scores_V.max() + FORCING_MARGIN
        else:
            scores_V[list(self.ids[1:])] = SUPPRESSED_SCORE
        return scores_V


def forced_runs(tokenizer: StoryTokenizer, tokens: SpecialTokens) -> tuple[ForcedRun, ForcedRun]:
    """The semantic and the residual run of one clip, in the order in which they are applied."""
    semantic = (tokens.semantic(index) for index in range(tokens.num_semantic))
    residual = (tokens.residual(index) for index in range(tokens.num_residual))
    strings = (
        (tokens.semantic_open, *semantic, tokens.semantic_close),
        (tokens.residual_open, *residual, tokens.residual_close),
    )
    first, second = (ForcedRun(tuple(map(tokenizer.token_id, run))) for run in strings)
    return first, second


def end_ids_of(tokenizer: StoryTokenizer) -> frozenset[int]:
    """Ids that end a story: the end of the message and, where there is one, that of the text."""
    encoded = map(tokenizer.encode, (SpecialTokens.message_close, TEXT_END))
    return frozenset(ids[0] for ids in encoded if len(ids) == 1)


@dataclass(frozen=True, kw_only=True)
class DecodingRules:
    """What decides the next token."""

    runs: tuple[ForcedRun, ...]
    """Applied one after the other: the later ones see what the earlier ones did."""
    end_ids: frozenset[int]
    """The story ends after any of these."""
    repetition_penalty: float
    """Divides the positive and multiplies the negative scores of what has been read or said."""
    max_new_tokens: int
    """Longest story, in tokens."""

    def __post_init__(self) -> None:
        """Refuse rules under which nothing can be written.

        Raises:
            ConfigError: naming the value.
        """
        if self.max_new_tokens < 1:
            raise ConfigError(f"max_new_tokens is {self.max_new_tokens}: write at least one token")
        if not self.repetition_penalty > 0:
            raise ConfigError(
                f"repetition_penalty is {self.repetition_penalty}: use 1 for none, more for some"
            )

    def choose(self, logits_V: Tensor, is_known_V: Tensor, last_id: int) -> int:
        """The next token id.

        Args:
            logits_V: what the model says.
            is_known_V: which ids stand in the prompt or have been said.
            last_id: the id before.
        """
        scores_V = penalized(logits_V, is_known_V, self.repetition_penalty)
        for run in self.runs:
            scores_V = run.scores_after(scores_V, last_id)
        return int(scores_V.argmax())

    def rest_of_block(self, last_id: int) -> list[int]:
        """The ids that should follow ``last_id`` up to the end of a clip's bridge block."""
        block = [index for run in self.runs for index in run.ids]
        return block[block.index(last_id) + 1 :] if last_id in block else []


def penalized(scores_V: Tensor, is_known_V: Tensor, penalty: float) -> Tensor:
    """Scores with those of known ids lowered, once each however often they were said."""
    lowered_V = torch.where(scores_V < 0, scores_V * penalty, scores_V / penalty)
    return torch.where(is_known_V, lowered_V, scores_V)


Lookahead = Callable[[DecodingRules, int], list[int]]
"""Which ids to expect after the last one; right or wrong, they are only fed, never taken on trust.
"""


def nothing_ahead(rules: DecodingRules, last_id: int) -> list[int]:
    """One token at a time, as the release does."""
    return []


def block_ahead(rules: DecodingRules, last_id: int) -> list[int]:
    """The rest of a bridge block in one forward."""
    return rules.rest_of_block(last_id)


LOOKAHEADS: dict[str, Lookahead] = {"step_by_step": nothing_ahead, "blocks": block_ahead}


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What the model wrote after a prompt."""

    ids: tuple[int, ...]
    """The token ids, the one that ended the story among them."""
    hidden_LD: Tensor
    """Hidden states where each of these ids but the last is the input, after the final norm."""
    is_cut: bool
    """Whether the limit ended it, not the model."""


@torch.no_grad()
def decode(
    llm: LanguageModel,
    prompt_ids: Sequence[int],
    rules: DecodingRules,
    ahead: Lookahead = block_ahead,
) -> Decoded:
    """What the model writes after a prompt.

    Args:
        llm: the language model.
        prompt_ids: at least one id.
        rules: what decides the next token.
        ahead: what is fed before it is said; a value of ``LOOKAHEADS``. It changes no token.

    Raises:
        ShapeError: if prompt and story become longer than the model can read.
    """
    transcript, num_prompt = Transcript(llm), len(prompt_ids)
    transcript.push(prompt_ids)
    is_known_V = torch.zeros(llm.config.vocab_size, dtype=torch.bool)
    is_known_V[list(prompt_ids)] = True
    states: list[Tensor] = []
    is_ended, room = False, rules.max_new_tokens
    while room and not is_ended:
        known = len(transcript.ids)
        guess = ahead(rules, transcript.ids[-1])[: room - 1]
        transcript.push(guess)
        hidden_LD = transcript.feed()[0]
        logits_LV = llm.logits(hidden_LD[-len(guess) - 1 :]).float().cpu()
        said = _said(rules, logits_LV, [*transcript.ids[known - 1 : known], *guess], is_known_V)
        transcript.rewind(known + len(said) - 1)
        transcript.push(said[-1:])
        states.append(hidden_LD[: len(hidden_LD) - len(guess) + len(said) - 1])
        room, is_ended = room - len(said), said[-1] in rules.end_ids
    return Decoded(
        ids=tuple(transcript.ids[num_prompt:]),
        hidden_LD=torch.cat(states)[num_prompt:],
        is_cut=not is_ended,
    )


@torch.no_grad()
def recite(
    llm: LanguageModel,
    prompt_ids: Sequence[int],
    ids: Sequence[int],
    rules: DecodingRules,
    ahead: Lookahead = block_ahead,
) -> Decoded:
    """What ``decode`` would give if the model wrote just these ids: they are read, not chosen.

    Args:
        llm: the language model.
        prompt_ids: at least one id.
        ids: what is taken for the model's words; the last one is not read.
        rules: say what stands in a bridge block.
        ahead: how much is read at once; a value of ``LOOKAHEADS``.

    Raises:
        ShapeError: if prompt and ids are longer than the model can read.
    """
    transcript, place = Transcript(llm), 0
    transcript.push(prompt_ids)
    transcript.feed()
    states: list[Tensor] = []
    while place < len(ids) - 1:
        count = min(1 + len(ahead(rules, ids[place])), len(ids) - 1 - place)
        transcript.push(ids[place : place + count])
        states.append(transcript.feed()[0])
        place += count
    return Decoded(ids=tuple(ids), hidden_LD=torch.cat(states), is_cut=False)


def _said(
    rules: DecodingRules, logits_LV: Tensor, fed: Sequence[int], is_known_V: Tensor
) -> list[int]:
    """The ids that the scores choose, as far as what was fed turns out to be right; at least one.

    Marks them as known.
    """
    said: list[int] = []
    for place, logits_V in enumerate(logits_LV):
        chosen = rules.choose(logits_V, is_known_V, fed[place])
        said.append(chosen)
        is_known_V[chosen] = True
        if chosen in rules.end_ids or fed[place + 1 : place + 2] != [chosen]:
            break
    return said
