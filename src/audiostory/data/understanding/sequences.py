"""Batches of what is heard and what is said of it: ids, labels, and features of the sounds.

Several questions about a recording share a sequence, as the blocks of a story do
(``data/blocks.py``): the head of system text and sound once, then every question with its answer as
if it were the only one. Only answers are supervised, each with the token that ends it.

Shapes: ``B`` sequences, ``L`` tokens, ``V`` windows of all recordings of a batch, ``P`` positions
of one, ``E`` width of a frozen feature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from audiostory.data.blocks import HEAD, PADDING, StoryClips, as_text, collate, packed
from audiostory.data.sounds import draw, step_generator
from audiostory.data.stories import IGNORED, pad, text_sequence
from audiostory.data.understanding.continuation import Continuation
from audiostory.data.understanding.features import Heard
from audiostory.data.understanding.questions import Questions
from audiostory.data.understanding.rows import Exchange
from audiostory.errors import ConfigError
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.prompt import asked, heard_opening, without_markers
from audiostory.story.tokens import SpecialTokens, clean_field

NUM_QUESTIONS = 3
"""Questions that are asked about a recording in one batch, unless told otherwise."""


def opening_ids(tokenizer: StoryTokenizer, num_heard: int) -> list[int]:
    """A prompt up to the question, with places for so many tokens of sounds."""
    return tokenizer.encode(heard_opening(num_heard))


def question_ids(tokenizer: StoryTokenizer, question: str) -> list[int]:
    """The question, up to where its answer begins; markers in it are mere characters."""
    return tokenizer.encode(asked(without_markers(question)))


def answer_ids(tokenizer: StoryTokenizer, answer: str) -> list[int]:
    """The answer, on one line, and the token that ends it."""
    return tokenizer.encode(f"{clean_field(answer)}{SpecialTokens.message_close}")


@dataclass(frozen=True)
class PackedQuestions:
    """A recording's places and the questions about it in a row."""

    ids: list[int]
    labels: list[int]
    segments: list[int]
    positions: list[int]


def packed_questions(
    exchanges: Sequence[Exchange], num_heard: int, tokenizer: StoryTokenizer
) -> PackedQuestions:
    """Questions about one recording of so many tokens, none of which sees another."""
    ids = opening_ids(tokenizer, num_heard)
    head_length = len(ids)
    labels, segments = [IGNORED] * head_length, [HEAD] * head_length
    positions = list(range(head_length))
    for segment, exchange in enumerate(exchanges, start=HEAD + 1):
        question = question_ids(tokenizer, exchange.question)
        answer = answer_ids(tokenizer, exchange.answer)
        ids += question + answer
        labels += [IGNORED] * len(question) + answer
        segments += [segment] * (len(question) + len(answer))
        positions += range(head_length, head_length + len(question) + len(answer))
    return PackedQuestions(ids, labels, segments, positions)


def collate_questions(sequences: Sequence[PackedQuestions]) -> dict[str, Tensor]:
    """``ids_BL``, ``labels_BL``, ``segments_BL`` and ``positions_BL``, padded at the end."""

    def padded(values: Callable[[PackedQuestions], list[int]], filling: int) -> Tensor:
        rows = [torch.tensor(values(sequence)) for sequence in sequences]
        return pad_sequence(rows, batch_first=True, padding_value=filling)

    return {
        "ids_BL": padded(lambda one: one.ids, 0),
        "labels_BL": padded(lambda one: one.labels, IGNORED),
        "segments_BL": padded(lambda one: one.segments, PADDING),
        "positions_BL": padded(lambda one: one.positions, 0),
    }


def heard(batch: dict[str, Tensor], sounds: Sequence[Tensor], place_id: int) -> dict[str, Tensor]:
    """A batch with ``heard_VPE``, ``rows_V`` (the sequence of each window) and ``is_heard_BL``.

    Args:
        batch: with ``ids_BL``.
        sounds: features ``(V, P, E)`` of each sequence's recording.
        place_id: the id that stands where sounds are heard.
    """
    return batch | {
        "heard_VPE": torch.cat(list(sounds)),
        "rows_V": torch.arange(len(sounds)).repeat_interleave(torch.tensor([*map(len, sounds)])),
        "is_heard_BL": batch["ids_BL"] == place_id,
    }


@dataclass(frozen=True)
class RecordingQuestions:
    """Questions about random recordings (Stage II and III).

    Raises:
        ConfigError: if a batch would hold none, or a recording be asked none.
    """

    questions: Questions
    sounds: Heard
    """Features of the recording of each row."""
    num_tokens: int
    """LLM tokens of one window."""
    tokenizer: StoryTokenizer
    seed: int
    batch_size: int
    """Questions in a batch."""
    num_questions: int = NUM_QUESTIONS
    """Questions about each recording; about the last one of a batch, those that are left."""
    sample: Callable[[torch.Generator], int] | None = None
    """Draws a row (``SoundSampler.draw``); None takes all as equally likely."""

    def __post_init__(self) -> None:
        """Refuse a batch of nothing."""
        if min(self.batch_size, self.num_questions) < 1:
            raise ConfigError(
                f"batch_size {self.batch_size} and num_questions {self.num_questions} count "
                "questions: each must be at least 1"
            )

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """One step's recordings and what is asked of them."""
        generator = step_generator(self.seed, step)
        counts = self.counts()
        chosen = [self._drawn(generator) for _ in counts]
        sounds = [self.sounds[index] for index in chosen]
        sequences = [
            packed_questions(
                self.questions.ask(index, generator, count),
                len(sound) * self.num_tokens,
                self.tokenizer,
            )
            for index, sound, count in zip(chosen, sounds, counts, strict=True)
        ]
        place_id = self.tokenizer.token_id(SpecialTokens.video_padding)
        return heard(collate_questions(sequences), sounds, place_id)

    def counts(self) -> list[int]:
        """How many questions each recording of a batch is asked."""
        whole, rest = divmod(self.batch_size, self.num_questions)
        return [self.num_questions] * whole + [rest] * bool(rest)

    def _drawn(self, generator: torch.Generator) -> int:
        if self.sample is not None:
            return self.sample(generator)
        return draw(len(self.questions.rows), generator)


@dataclass(frozen=True)
class StoryContinuations:
    """Stories to be told on from where what is heard ends (Stage III), as text."""

    continuations: Sequence[Continuation]
    sounds: Heard
    """Features of what is heard of each."""
    num_tokens: int
    """LLM tokens of one window."""
    tokenizer: StoryTokenizer
    tokens: SpecialTokens
    seed: int
    batch_size: int

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """One step's stories; supervised is what the model chooses itself."""
        chosen = self.drawn(step_generator(self.seed, step))
        sequences = [
            text_sequence(
                self.continuations[index].rest,
                self.tokenizer,
                self.tokens,
                num_heard=self.num_heard(index),
            )
            for index in chosen
        ]
        return self.with_sounds(pad(sequences), chosen)

    def drawn(self, generator: torch.Generator) -> list[int]:
        """Indices of one step's stories."""
        return [draw(len(self.continuations), generator) for _ in range(self.batch_size)]

    def num_heard(self, index: int) -> int:
        """LLM tokens of what is heard of a story."""
        return len(self.sounds[index]) * self.num_tokens

    def with_sounds(self, batch: dict[str, Tensor], chosen: Sequence[int]) -> dict[str, Tensor]:
        """A batch of these stories with what is heard of them."""
        place_id = self.tokenizer.token_id(SpecialTokens.video_padding)
        return heard(batch, [self.sounds[index] for index in chosen], place_id)


@dataclass(frozen=True)
class ContinuedClips:
    """Bridge blocks of what follows a sound heard, with targets and latents, and it as text.

    What ``StoryClips`` is to whole stories, for ``train/objective.py:StoryObjective``.
    """

    stories: StoryContinuations
    whole: StoryClips
    """The same stories uncut: latents of all of their clips, and what bridge tokens learn."""

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """A packed batch with targets, and the same stories as text, all with sounds heard."""
        stories, whole = self.stories, self.whole
        generator = step_generator(stories.seed, step)
        chosen = stories.drawn(generator)  # as the text draws them
        cut = [stories.continuations[index] for index in chosen]
        rows = [continuation.rest for continuation in cut]
        blocks = [
            packed(
                row,
                stories.tokenizer,
                stories.tokens,
                num_heard=stories.num_heard(index),
                context=whole.context,
            )
            for row, index in zip(rows, chosen, strict=True)
        ]
        batch = stories.with_sounds(collate(blocks), chosen)
        batch["semantic_XSD"] = whole.targets(rows)
        batch |= as_text(stories.batch_at(step))
        if whole.latents is not None:
            clips = [
                whole.latents[whole.first_clips[one.index] + place].float()
                for one in cut
                for place in range(one.num_heard, len(one.row.events))
            ]
            batch |= whole.cropped(clips, generator)
        return batch
