"""Batches of bridge blocks: a story's clips, each read after what generation reads before it.

What that is, is the model's ``bridge_context`` (``generate/conditions.py``). In clip context it is
the head of a story: it comes once, then every clip's block as if it were the only one; segment
numbers say who may attend to whom, and positions restart at each block. In sequence context (Eq. 1)
it is all that was told before, and a story is one text.

Shapes: ``B`` stories, ``L`` tokens, ``X`` clips of all stories, ``T`` latent frames, ``C`` latent
channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from audiostory.data.cache import Parts, Ragged
from audiostory.data.manifest import StoryRow
from audiostory.data.sounds import SoundLatents, draw, drawn, step_generator
from audiostory.data.stories import (
    StoryFile,
    StoryTexts,
    prompt_of,
    story_of,
)
from audiostory.errors import ConfigError
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.format import target_text
from audiostory.story.grammar import Fixed, slots_of
from audiostory.story.tokens import SpecialTokens, clean_field
from audiostory.story.types import Event

HEAD = 0
"""Segment of the prompt and the storyline, which every block sees."""
PADDING = -1
"""Segment of padded positions, which nothing else sees."""
BridgeContext = Literal["sequence", "clip"]
"""What a block sees (``AudioStoryConfig.bridge_context``)."""
Teacher = Callable[[Sequence[str]], Tensor]


@dataclass(frozen=True)
class Packed:
    """One story's head and blocks in a row."""

    ids: list[int]
    segments: list[int]
    positions: list[int]
    block_starts: list[int]
    """Index of the marker that opens each clip's bridge block."""


def packed(
    row: StoryRow,
    tokenizer: StoryTokenizer,
    tokens: SpecialTokens,
    *,
    num_heard: int = 0,
    context: BridgeContext = "clip",
) -> Packed:
    """A story's head, with so many tokens of sounds heard, then each clip with its bridge block.

    In the context ``sequence`` all of it is one text (Eq. 1): every block sees what is before it.
    A story of one clip gives the same bridge tokens in both.
    """
    if context == "sequence":
        return in_sequence(row, tokenizer, tokens, num_heard=num_heard)
    ids = tokenizer.encode(prompt_of(row, num_heard=num_heard))
    segments, positions = [HEAD] * len(ids), list(range(len(ids)))
    block_starts: list[int] = []
    segment, head_length, offset = HEAD, 0, len(ids)
    for slot, text in slots_of(story_of(row), tokens):
        if isinstance(slot, Fixed) and text == tokens.gen_open:
            head_length = head_length or len(ids)
            segment, offset = segment + 1, head_length
        if isinstance(slot, Fixed) and text in (tokens.gen_close, tokens.message_close):
            continue
        piece = tokenizer.encode(text)
        if isinstance(slot, Fixed) and text == tokens.bridge_block():
            block_starts.append(len(ids))
        ids += piece
        segments += [segment] * len(piece)
        positions += range(offset, offset + len(piece))
        offset += len(piece)
    return Packed(ids, segments, positions, block_starts)


def in_sequence(
    row: StoryRow, tokenizer: StoryTokenizer, tokens: SpecialTokens, *, num_heard: int = 0
) -> Packed:
    """A story as one text, whose blocks see everything before them: all of it is head."""
    ids = tokenizer.encode(prompt_of(row, num_heard=num_heard))
    block_starts: list[int] = []
    for slot, text in slots_of(story_of(row), tokens):
        if isinstance(slot, Fixed) and text == tokens.bridge_block():
            block_starts.append(len(ids))
        ids += tokenizer.encode(text)
    return Packed(ids, [HEAD] * len(ids), list(range(len(ids))), block_starts)


def lone_story(caption: str, duration_s: float) -> StoryRow:
    """A single sound as a story of one event: the caption is asked for, told and heard."""
    words = clean_field(caption)
    event = Event(start_s=0.0, end_s=duration_s, detail=words, sounds=words)
    return StoryRow(
        id="",
        seed=0,
        instruction=caption,
        duration_s=duration_s,
        summary=words,
        events=(event,),
        captions=(words,),
    )


def attention_mask(segments_BL: Tensor) -> Tensor:
    """Who may attend to whom, ``(B, 1, L, L)``: earlier positions of the head or the own block."""
    length = segments_BL.shape[1]
    earlier_LL = torch.ones(length, length, dtype=torch.bool, device=segments_BL.device).tril()
    asking, asked = segments_BL[:, :, None], segments_BL[:, None, :]
    return (earlier_LL & ((asked == asking) | (asked == HEAD)))[:, None]


def collate(stories: Sequence[Packed]) -> dict[str, Tensor]:
    """``ids_BL``, ``segments_BL``, ``positions_BL``, and ``rows_X`` and ``starts_X`` of blocks."""
    longest = max(len(story.ids) for story in stories)
    filled = {"ids_BL": 0, "segments_BL": PADDING, "positions_BL": 0}
    batch = {name: torch.full((len(stories), longest), value) for name, value in filled.items()}
    for index, story in enumerate(stories):
        for name, values in zip(filled, (story.ids, story.segments, story.positions), strict=True):
            batch[name][index, : len(values)] = torch.tensor(values)
    counts = torch.tensor([len(story.block_starts) for story in stories])
    batch["rows_X"] = torch.arange(len(stories)).repeat_interleave(counts)
    batch["starts_X"] = torch.tensor([start for story in stories for start in story.block_starts])
    return batch


@dataclass(frozen=True)
class CaptionClips:
    """Single sounds with what their bridge tokens have to say (Stage I)."""

    sounds: SoundLatents
    texts: Sequence[str]
    """What the rows of ``sounds.features`` say."""
    tokenizer: StoryTokenizer
    tokens: SpecialTokens
    stories: StoryTexts | None = None
    """Stories to be told beside them; None trains no text."""

    def __post_init__(self) -> None:
        """Refuse targets that say how long a sound is: its features are kept without."""
        if self.tokens.target_text != "caption":
            raise ConfigError(
                f"target_text is {self.tokens.target_text!r}, but features of single sounds are "
                "kept without durations: train on stories, or use 'caption'"
            )

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """A packed batch with targets and latents, and stories as text if there are some."""
        sounds = self.sounds.batch_at(step)
        captions = [self.texts[int(row)] for row in sounds["wording_B"]]
        durations_s = [round(duration_s, 1) for duration_s in sounds["duration_B"].tolist()]
        batch = collate(
            [
                packed(lone_story(caption, duration_s), self.tokenizer, self.tokens)
                for caption, duration_s in zip(captions, durations_s, strict=True)
            ]
        )
        batch["semantic_XSD"] = sounds["semantic_BSD"]
        batch["latents_XTC"], batch["duration_X"] = sounds["latents_BTC"], sounds["duration_B"]
        batch["frame_mask_XT"] = torch.ones(sounds["latents_BTC"].shape[:2], dtype=torch.bool)
        return batch | (as_text(self.stories.batch_at(step)) if self.stories else {})


def as_text(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """A batch of texts under the names it has beside a packed batch."""
    return {f"text_{name}": value for name, value in batch.items()}


@dataclass(frozen=True)
class StoryClips:
    """Stories with what their bridge tokens have to say (Stage I-Warm, and III with latents)."""

    stories: StoryFile
    tokenizer: StoryTokenizer
    tokens: SpecialTokens
    teacher: Teacher
    told: StoryTexts
    """Stories of any kind, to be told; those that sound name few things."""
    seed: int
    batch_size: int
    latents: Ragged | Parts | None = None
    """Latents of every clip of every story in order; None trains the words alone."""
    first_clips: Sequence[int] = ()
    """Index in ``latents`` of each story's first clip."""
    frames_per_s: float = 12.5
    patch_frames: int = 1
    """Latent frames per DiT position; clips are cut to whole positions."""
    max_frames: int = 160
    """Frames of one clip that are trained on at most; of a longer one a random part."""
    has_deviation: bool = False
    """Whether ``latents`` holds means and deviations, to be drawn from."""
    context: BridgeContext = "clip"
    """What a block sees."""

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """A packed batch with targets, and other stories as text."""
        generator = step_generator(self.seed, step)
        chosen = self.stories.draw_alike(self.batch_size, generator)
        rows = [self.stories[index] for index in chosen]
        batch = collate(
            [packed(row, self.tokenizer, self.tokens, context=self.context) for row in rows]
        )
        batch["semantic_XSD"] = self.targets(rows)
        batch |= as_text(self.told.batch_at(step))
        if self.latents is not None:
            clips = [
                self.latents[self.first_clips[index] + offset].float()
                for index, row in zip(chosen, rows, strict=True)
                for offset in range(len(row.captions))
            ]
            batch |= self.cropped(clips, generator)
        return batch

    @torch.no_grad()
    def targets(self, rows: Sequence[StoryRow]) -> Tensor:
        """What the semantic tokens of all clips of stories have to say, ``(X, S, D)``."""
        return self.teacher(
            [target_text(clip, self.tokens) for row in rows for clip in story_of(row).clips]
        )

    def cropped(self, clips: Sequence[Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """``latents_XTC``, ``frame_mask_XT`` and ``duration_X`` of clips of different lengths."""
        parts: list[Tensor] = []
        for latents_TC in clips:
            whole = len(latents_TC) // self.patch_frames * self.patch_frames
            kept = min(whole, self.max_frames)
            start = draw(whole - kept + 1, generator)
            part = latents_TC[start : start + kept]
            parts.append(drawn(part, generator) if self.has_deviation else part)
        lengths_X = torch.tensor([len(part) for part in parts])
        padded_XTC = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
        mask_XT = torch.arange(padded_XTC.shape[1]) < lengths_X[:, None]
        return {
            "latents_XTC": padded_XTC,
            "frame_mask_XT": mask_XT,
            "duration_X": lengths_X / self.frames_per_s,
        }
