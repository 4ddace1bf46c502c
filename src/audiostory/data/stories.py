"""Batches of composed stories: text for the LLM, bridge blocks with targets for all of it.

A story's text is cut into tokens slot by slot (``story/grammar.py``), exactly as constrained
decoding writes it; only what the model chooses itself is supervised, for the rest is forced.

Shapes: ``B`` sequences, ``L`` tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from audiostory.data.manifest import StoryRow, story_row
from audiostory.data.sounds import draw, step_generator
from audiostory.errors import CorpusError
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.grammar import NUM_EVENTS, Number, Slot, Words, slots_of
from audiostory.story.prompt import chat_prompt, instruction_text
from audiostory.story.tokens import SpecialTokens
from audiostory.story.types import Clip, Instruction, Story, Storyline

IGNORED = -100
"""Label of a token that is not supervised."""
TERMS = ("event_count", "content", "caption")
"""The terms of L_reason (Eq. 2), by the numbers that ``terms`` holds."""
LENGTH_CLASSES = 8
"""Batches' worth of stories that are drawn to make one batch of like lengths."""


class StoryFile:
    """Rows of a JSON Lines file of stories, parsed when asked for."""

    def __init__(self, path: Path, *, sounding: bool = False) -> None:
        if not path.exists():
            raise CorpusError(f"no stories at {path}: write them with 'audiostory compose'")
        self.path = path
        self.lines = path.read_bytes().splitlines()
        if sounding:
            self.lines = [line for line in self.lines if story_row(json.loads(line)).has_audio]
        if not self.lines:
            kind = "story with sounds: compose some with --corpus" if sounding else "story"
            raise CorpusError(f"{path} holds no {kind}")

    def __len__(self) -> int:
        """Number of stories."""
        return len(self.lines)

    def __getitem__(self, index: int) -> StoryRow:
        """The story of one line."""
        return story_row(json.loads(self.lines[index]))

    def draw_alike(self, count: int, generator: torch.Generator) -> list[int]:
        """Indices of ``count`` random stories of about one length, so that little is padding.

        Many are drawn, put in order of length and dealt out; every story is as likely as another.
        """
        drawn = [draw(len(self), generator) for _ in range(count * LENGTH_CLASSES)]
        drawn.sort(key=lambda index: len(self.lines[index]))
        start = count * draw(LENGTH_CLASSES, generator)
        return drawn[start : start + count]


def story_of(row: StoryRow) -> Story:
    """The story a row tells."""
    clips = tuple(
        Clip(caption=caption, duration_s=round(event.end_s - event.start_s, 1))
        for event, caption in zip(row.events, row.captions, strict=True)
    )
    return Story(storyline=Storyline(summary=row.summary, events=row.events), clips=clips)


def prompt_of(row: StoryRow, *, num_heard: int = 0) -> str:
    """The prompt that asks for a row's story, with so many tokens of sounds heard."""
    asked = Instruction(text=row.instruction, duration_s=row.duration_s)
    return chat_prompt(instruction_text(asked), num_heard=num_heard)


@dataclass(frozen=True)
class TokenSequence:
    """Token ids and what of them is supervised."""

    ids: list[int]
    labels: list[int]
    terms: list[int]
    """Index in ``TERMS`` of each supervised token, ``IGNORED`` elsewhere."""


def text_sequence(
    row: StoryRow, tokenizer: StoryTokenizer, tokens: SpecialTokens, *, num_heard: int = 0
) -> TokenSequence:
    """Prompt, storyline and clips with their bridge blocks as ids (Eq. 1).

    Supervised are the free words, the numbers, and the token that ends each.
    """
    ids = tokenizer.encode(prompt_of(row, num_heard=num_heard))
    labels, terms = [IGNORED] * len(ids), [IGNORED] * len(ids)
    term_before = IGNORED
    for slot, text in slots_of(story_of(row), tokens):
        piece, term = tokenizer.encode(text), term_of(slot)
        ids += piece
        if term != IGNORED:
            labels += piece
            terms += [term] * len(piece)
        else:  # fixed text, whose first token ends what was chosen before it
            labels += [IGNORED if term_before == IGNORED else piece[0]]
            terms += [term_before]
            labels += [IGNORED] * (len(piece) - 1)
            terms += [IGNORED] * (len(piece) - 1)
        term_before = term
    return TokenSequence(ids, labels, terms)


def term_of(slot: Slot) -> int:
    """Index in ``TERMS`` of what the model writes into a slot; ``IGNORED`` for fixed text."""
    if isinstance(slot, Number):
        return TERMS.index("event_count" if slot.name == NUM_EVENTS else "content")
    if isinstance(slot, Words):
        return TERMS.index("caption" if slot.name == "caption" else "content")
    return IGNORED


def pad(sequences: Sequence[TokenSequence]) -> dict[str, Tensor]:
    """``ids_BL``, ``labels_BL``, ``terms_BL`` of sequences, short ones padded at the end."""
    longest = max(len(sequence.ids) for sequence in sequences)
    shape = (len(sequences), longest)
    ids_BL = torch.zeros(shape, dtype=torch.long)
    labels_BL, terms_BL = torch.full(shape, IGNORED), torch.full(shape, IGNORED)
    for row, sequence in enumerate(sequences):
        ids_BL[row, : len(sequence.ids)] = torch.tensor(sequence.ids)
        labels_BL[row, : len(sequence.labels)] = torch.tensor(sequence.labels)
        terms_BL[row, : len(sequence.terms)] = torch.tensor(sequence.terms)
    return {"ids_BL": ids_BL, "labels_BL": labels_BL, "terms_BL": terms_BL}


@dataclass(frozen=True)
class StoryTexts:
    """Stories as text, for the reasoning loss (Eq. 2); those of one batch are about as long."""

    stories: StoryFile
    tokenizer: StoryTokenizer
    tokens: SpecialTokens
    seed: int
    batch_size: int

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """``ids_BL``, ``labels_BL`` and ``terms_BL`` of one step."""
        generator = step_generator(self.seed, step)
        chosen = self.stories.draw_alike(self.batch_size, generator)
        rows = [self.stories[index] for index in chosen]
        return pad([text_sequence(row, self.tokenizer, self.tokens) for row in rows])
