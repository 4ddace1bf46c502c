"""What the language model tells the DiT about each clip of a plan (Sec. 4.1 and 4.2, Eq. 1).

A clip's bridge tokens are hidden states at known markers, and once the caption is written the whole
block is known: one forward pass reads it. What that pass sees before the block is the model's
``bridge_context``: ``sequence`` is Eq. 1, everything told so far; ``clip`` is the prompt and the
storyline alone, so that editing one caption leaves all other clips as they were.

Long plans are read in windows of consecutive events, each as a story of its own that carries the
plan's summary: the context stays bounded.

Shapes: ``L`` tokens, ``H`` LLM width, ``S`` semantic and ``R`` residual tokens, ``1`` one clip.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from audiostory.generate.transcript import Transcript
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import BridgeTokens, Condition
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.format import (
    COUNT_LEAD,
    COUNT_TAIL,
    DETAIL_LEAD,
    PARAGRAPH,
    SOUNDS_LEAD,
    SUMMARY_LEAD,
    THINK_END,
    duration_tag,
    event_lead,
    seconds_text,
)
from audiostory.story.plan import Plan, story_of
from audiostory.story.prompt import chat_prompt, instruction_text
from audiostory.story.tokens import SpecialTokens
from audiostory.story.types import MIN_DURATION_S, Clip, Event, Instruction, Storyline


@dataclass(frozen=True, kw_only=True)
class ReadingLimits:
    """How much of a story the language model has before it at once."""

    passage_s: float = 75.0
    """Longest stretch, in seconds: what nano was trained on."""
    max_events: int = 8
    """Most events in it."""


@dataclass(frozen=True)
class Piece:
    """A stretch of text that is cut into tokens by itself."""

    text: str
    is_free: bool = False
    """Whether people or the model wrote it; markers in it are then mere characters."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Consecutive events of a plan and the clips that begin among them."""

    text: str
    """The plan's instruction."""
    duration_s: float
    """Length of the window."""
    storyline: Storyline
    """The events, timed from the window's start."""
    clips: dict[int, Clip]
    """By their index in the plan."""


def encode(tokenizer: StoryTokenizer, pieces: Iterable[Piece]) -> list[int]:
    """Token ids, piece by piece as decoding makes them."""
    ids: list[int] = []
    for piece in pieces:
        ids += (tokenizer.encode_plain if piece.is_free else tokenizer.encode)(piece.text)
    return ids


def prompt_pieces(text: str, duration_s: float) -> list[Piece]:
    """The chat prompt for a stretch of ``duration_s`` seconds, up to the start of the reasoning."""
    asked_s = max(float(seconds_text(duration_s)), MIN_DURATION_S)  # no one may ask for less
    text = instruction_text(Instruction(text=text, duration_s=asked_s))
    head, _, tail = chat_prompt("\0").partition("\0")
    return [Piece(head), Piece(text, is_free=True), Piece(tail)]


def storyline_pieces(storyline: Storyline) -> list[Piece]:
    """A storyline as the grammar writes it; gaps and titles, which it never writes, are kept."""
    lead = f"{COUNT_LEAD}{len(storyline.events)}{COUNT_TAIL}"
    pieces: list[Piece] = []
    if storyline.summary:
        pieces = [Piece(SUMMARY_LEAD), Piece(storyline.summary, is_free=True)]
        lead = PARAGRAPH + lead
    for number, event in enumerate(storyline.events, start=1):
        lead += PARAGRAPH + event_lead(number, event.start_s, event.title)
        pieces += [
            Piece(f"{lead}{seconds_text(event.end_s)}]{DETAIL_LEAD}"),
            Piece(event.detail, is_free=True),
            Piece(SOUNDS_LEAD),
            Piece(event.sounds, is_free=True),
        ]
        lead = ""
    return [*pieces, Piece(THINK_END)]


def clip_pieces(clip: Clip, tokens: SpecialTokens) -> list[Piece]:
    """One clip as the grammar writes it; the last piece but one is the bridge block."""
    return [
        Piece(tokens.gen_open),
        Piece(clip.caption, is_free=True),
        Piece(duration_tag(clip.duration_s, tokens)),
        Piece(tokens.bridge_block()),
        Piece(tokens.gen_close),
    ]


def windows_of(plan: Plan, limits: ReadingLimits) -> list[Window]:
    """The plan in stretches that the language model can read.

    A plan no longer than a passage is one window. An event longer than a passage stands alone.
    """
    story = story_of(plan)
    groups: list[list[Event]] = []
    for event in sorted(story.storyline.events, key=lambda event: event.start_s):
        is_full = groups and (
            event.end_s - groups[-1][0].start_s > limits.passage_s
            or len(groups[-1]) == limits.max_events
        )
        if not groups or (is_full and plan.duration_s > limits.passage_s):
            groups.append([])
        groups[-1].append(event)
    starts_s = [0.0, *(group[0].start_s for group in groups[1:])]
    ends_s = [*starts_s[1:], plan.duration_s]
    clips: list[dict[int, Clip]] = [{} for _ in groups]
    for index, clip in enumerate(plan.clips):
        clips[bisect.bisect_right(starts_s, clip.start_s) - 1][index] = story.clips[index]
    return [
        Window(
            text=plan.instruction.text,
            duration_s=end_s - start_s,
            storyline=Storyline(
                summary=story.storyline.summary,
                events=tuple(_moved(event, -start_s) for event in group),
            ),
            clips=own,
        )
        for group, start_s, end_s, own in zip(groups, starts_s, ends_s, clips, strict=True)
    ]


def _moved(event: Event, by_s: float) -> Event:
    """The event ``by_s`` seconds later."""
    return replace(event, start_s=event.start_s + by_s, end_s=event.end_s + by_s)


class ConditionReader:
    """Reads the conditions of a plan's clips from the language model and the bridge."""

    def __init__(self, model: AudioStoryModel, tokenizer: StoryTokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.tokens: SpecialTokens = model.config.tokens
        self.read_window = READERS[model.config.bridge_context]
        self.sees_earlier_clips: bool = model.config.bridge_context == "sequence"

    def context_texts(self, window: Window) -> dict[int, str]:
        """All the text that decides each clip's condition, by the clip's index."""
        told = "".join(piece.text for piece in self.head_pieces(window))
        texts: dict[int, str] = {}
        for index, clip in window.clips.items():
            block = "".join(piece.text for piece in clip_pieces(clip, self.tokens))
            texts[index] = told + block
            if self.sees_earlier_clips:
                told += block
        return texts

    @torch.no_grad()
    def read(self, window: Window) -> dict[int, Condition]:
        """The condition of each clip of the window, by the clip's index.

        Every clip is fused by itself: its numbers do not depend on who else is read.
        """
        bridge = self.model.bridge
        return {
            index: bridge.fuse(bridge.for_generation(tokens))
            for index, tokens in self.tokens_of(window).items()
        }

    def up_to(self, window: Window, index: int) -> Window:
        """The window with just the clips that decide the condition of one of them."""
        clips = window.clips.items()
        wanted = {
            k: clip for k, clip in clips if k == index or self.sees_earlier_clips and k < index
        }
        return replace(window, clips=wanted)

    @torch.no_grad()
    def tokens_of(self, window: Window) -> dict[int, BridgeTokens]:
        """The bridge tokens of each clip of the window, by the clip's index."""
        return self.read_window(self, window)

    def head_pieces(self, window: Window) -> list[Piece]:
        """What comes before the first clip: prompt and storyline."""
        return [*prompt_pieces(window.text, window.duration_s), *storyline_pieces(window.storyline)]

    def found(self, hidden_LH: Tensor, block_start: int) -> BridgeTokens:
        """The tokens in hidden states, where the bridge block's marker is at ``block_start``."""
        first_semantic = block_start + 1
        end_semantic = first_semantic + self.tokens.num_semantic
        first_residual = block_start + self.tokens.residual_offset
        end_residual = first_residual + self.tokens.num_residual
        return self.model.bridge.read(
            hidden_LH[None, first_semantic:end_semantic],
            hidden_LH[None, first_residual:end_residual],
        )

    def ids(self, pieces: Iterable[Piece]) -> list[int]:
        """Token ids of pieces."""
        return encode(self.tokenizer, pieces)


def read_in_clip_context(reader: ConditionReader, window: Window) -> dict[int, BridgeTokens]:
    """Each clip after prompt and storyline alone.

    Those are fed once; each block then takes one forward of its own on top of the cache, alone in
    its batch, so that its numbers are bit for bit the same whatever the other captions say.
    """
    transcript = Transcript(reader.model.llm)
    transcript.push(reader.ids(reader.head_pieces(window)))
    transcript.feed()
    head_length = len(transcript.ids)
    found: dict[int, BridgeTokens] = {}
    for index, clip in window.clips.items():
        *before, block, _ = clip_pieces(clip, reader.tokens)
        before_ids = reader.ids(before)
        transcript.push([*before_ids, *reader.ids([block])])
        found[index] = reader.found(transcript.feed()[0], len(before_ids))
        transcript.rewind(head_length)
    return found


def read_in_sequence_context(reader: ConditionReader, window: Window) -> dict[int, BridgeTokens]:
    """Each clip after everything before it: all of Eq. 1 in one teacher-forced forward."""
    ids = reader.ids(reader.head_pieces(window))
    block_starts: dict[int, int] = {}
    for index, clip in window.clips.items():
        *before, block, close = clip_pieces(clip, reader.tokens)
        ids += reader.ids(before)
        block_starts[index] = len(ids)
        ids += reader.ids([block, close])
    transcript = Transcript(reader.model.llm)
    transcript.push(ids)
    hidden_LH = transcript.feed()[0]
    return {index: reader.found(hidden_LH, start) for index, start in block_starts.items()}


READERS = {"clip": read_in_clip_context, "sequence": read_in_sequence_context}
