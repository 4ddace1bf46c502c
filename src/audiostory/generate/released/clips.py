"""A written story to clips, as the release takes them out: by counting markers.

The i-th ``<|gen|>``, ``</t5>`` and ``</aud>`` make the i-th clip, wherever they stand. Where the
release stumbles over an incomplete clip it loses the whole story; here the complete clips are kept,
and what was incomplete or out of order is said.

Source: the released inference code.
Shapes: ``L`` written tokens, ``S`` semantic and ``R`` residual tokens, ``B`` clips, ``D`` the
language model's width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

from audiostory.errors import FormatError
from audiostory.generate.released.decoding import Decoded, ForcedRun, forced_runs
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.captions import split_caption
from audiostory.story.tokens import SpecialTokens


@dataclass(frozen=True, kw_only=True)
class ReleasedClip:
    """One clip that the model finished writing."""

    number: int
    """Which of the written clips, from 1."""
    text: str
    """Everything between ``<|gen|>`` and ``<t5>``, the duration among it."""
    semantic_SD: Tensor
    """Hidden states at its semantic tokens."""
    residual_RD: Tensor
    """Hidden states at its residual tokens."""

    @property
    def caption(self) -> str:
        """What should be heard."""
        return split_caption(self.text)[0]

    @property
    def duration_s(self) -> float | None:
        """How long it should last in seconds; None if it does not say."""
        return split_caption(self.text)[1]


@dataclass(frozen=True, kw_only=True)
class ReleasedStory:
    """What the model wrote, taken apart."""

    reasoning: str
    """The text before ``<|/think|>``."""
    clips: tuple[ReleasedClip, ...]
    """Those that are complete."""
    problems: tuple[str, ...]
    """What is incomplete or out of order, in the reader's words."""
    is_lost_by_release: bool
    """Whether the release gives nothing at all for this text."""

    @property
    def hidden(self) -> tuple[Tensor, Tensor]:
        """States ``(B, S, D)`` and ``(B, R, D)`` of all clips, for ``Bridge.read``.

        Raises:
            FormatError: if there is no clip.
        """
        if not self.clips:
            told = "; ".join(self.problems)
            raise FormatError(
                f"writing freely, the model finished no clip ({told}): use --profile story, or "
                "sound a plan of that the released way (render --profile release); nano can do no "
                "other"
            )
        semantic_BSD = torch.stack([clip.semantic_SD for clip in self.clips])
        return semantic_BSD, torch.stack([clip.residual_RD for clip in self.clips])


@dataclass(frozen=True)
class _Places:
    """Where the parts of one clip stand among the written ids."""

    gen: int
    """``<|gen|>``."""
    semantic: int
    """``</t5>``."""
    residual: int
    """``</aud>``."""


def extract(decoded: Decoded, tokenizer: StoryTokenizer, tokens: SpecialTokens) -> ReleasedStory:
    """The story in what the model wrote.

    Args:
        decoded: the written ids and their hidden states.
        tokenizer: the model's.
        tokens: how many bridge tokens a clip has.
    """
    ids = decoded.ids
    clips: list[ReleasedClip] = []
    problems: list[str] = []
    think = _first(ids, tokenizer.token_id(tokens.think_close))
    is_lost = think is None
    if think is None:
        problems.append(f"the reasoning does not end with {tokens.think_close}")
        think = _first(ids, tokenizer.token_id(tokens.gen_open))
    runs = forced_runs(tokenizer, tokens)
    for number, (gen, semantic, residual) in enumerate(_counted(ids, tokenizer, tokens), start=1):
        if gen is None or semantic is None or residual is None:
            problems.append(f"clip {number} is incomplete and was left out")
            is_lost |= semantic is not None
            continue
        places = _Places(gen, semantic, residual)
        if not _is_in_order(ids, places, runs):
            problems.append(f"clip {number}: its parts are not in order; paired by counting")
        clips.append(_clip(decoded, places, number, tokenizer, tokens))
    return ReleasedStory(
        reasoning=tokenizer.decode(ids[:think]),
        clips=tuple(clips),
        problems=tuple([*problems, *_endings(decoded, has_clips=bool(clips))]),
        is_lost_by_release=is_lost or not clips,
    )


def _first(ids: Sequence[int], wanted: int) -> int | None:
    return ids.index(wanted) if wanted in ids else None


def _counted(
    ids: Sequence[int], tokenizer: StoryTokenizer, tokens: SpecialTokens
) -> Iterator[tuple[int | None, int | None, int | None]]:
    """Where the parts of each clip stand, paired by their order alone; None where one is missing.

    A closing marker without room for its tokens before it closes nothing.
    """

    def places_of(marker: str, room: int) -> list[int]:
        marker_id = tokenizer.token_id(marker)
        return [it for it, index in enumerate(ids) if index == marker_id and it >= room]

    yield from zip_longest(
        places_of(tokens.gen_open, 0),
        places_of(tokens.semantic_close, tokens.num_semantic + 1),
        places_of(tokens.residual_close, tokens.num_residual),
    )


def _is_in_order(ids: Sequence[int], places: _Places, runs: Sequence[ForcedRun]) -> bool:
    """Whether a clip is its caption, then both of its runs, and nothing of another clip."""
    ends = (places.semantic, places.residual)
    is_whole = all(
        tuple(ids[end + 1 - len(run.ids) : end + 1]) == run.ids
        for run, end in zip(runs, ends, strict=True)
    )
    is_ascending = places.gen < places.semantic < places.residual
    return is_whole and is_ascending and ids[places.gen] not in ids[places.gen + 1 : ends[1]]


def _clip(
    decoded: Decoded,
    places: _Places,
    number: int,
    tokenizer: StoryTokenizer,
    tokens: SpecialTokens,
) -> ReleasedClip:
    """A complete clip. States are those where the tokens themselves are the input."""
    first_semantic = places.semantic - tokens.num_semantic
    first_residual = places.residual - tokens.num_residual
    return ReleasedClip(
        number=number,
        text=tokenizer.decode(decoded.ids[places.gen + 1 : first_semantic - 1]),
        semantic_SD=decoded.hidden_LD[first_semantic : places.semantic],
        residual_RD=decoded.hidden_LD[first_residual : places.residual],
    )


def _endings(decoded: Decoded, *, has_clips: bool) -> list[str]:
    """What is to be said about how the text ends."""
    if decoded.is_cut:
        return [f"the text was cut after {len(decoded.ids)} tokens"]
    return [] if has_clips else [f"the text ended after {len(decoded.ids)} tokens"]
