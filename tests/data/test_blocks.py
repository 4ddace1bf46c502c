"""Packed bridge blocks: who sees whom, where blocks start, how sounds are cut to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from audiostory.data.blocks import (
    HEAD,
    PADDING,
    CaptionClips,
    StoryClips,
    attention_mask,
    collate,
    lone_story,
    packed,
)
from audiostory.data.cache import pack
from audiostory.data.stories import StoryFile, StoryTexts, text_sequence
from audiostory.errors import ConfigError
from audiostory.story.tokens import SpecialTokens
from tests.data.test_sounds import latents
from tests.data.test_stories import ROW
from tests.tiny import tiny_config, tiny_tokenizer

TOKENS = tiny_config().tokens


def test_every_clip_has_a_block_that_opens_with_its_marker() -> None:
    tokenizer = tiny_tokenizer()
    story = packed(ROW, tokenizer, TOKENS)
    opener = tokenizer.token_id(TOKENS.semantic_open)
    assert [story.ids[start] for start in story.block_starts] == [opener, opener]


def test_positions_restart_after_the_head_at_every_block() -> None:
    story = packed(ROW, tiny_tokenizer(), TOKENS)
    head_length = story.segments.count(HEAD)
    for segment in (1, 2):
        places = [p for p, s in zip(story.positions, story.segments, strict=True) if s == segment]
        assert places == list(range(head_length, head_length + len(places)))


def test_a_block_sees_the_head_and_itself_only() -> None:
    segments = torch.tensor([[HEAD, HEAD, 1, 1, 2, PADDING]])
    seen = attention_mask(segments)[0, 0]
    assert seen[3].tolist() == [True, True, True, True, False, False]
    assert seen[4].tolist() == [True, True, False, False, True, False]
    assert seen[0].tolist() == [True, False, False, False, False, False]
    assert seen.any(dim=1).all()


def test_blocks_of_all_stories_are_listed_with_their_rows() -> None:
    story = packed(ROW, tiny_tokenizer(), TOKENS)
    batch = collate([story, story])
    assert batch["rows_X"].tolist() == [0, 0, 1, 1]
    assert batch["starts_X"].tolist() == story.block_starts * 2


@pytest.mark.parametrize("length", [3, 9, 40])
def test_sounds_are_cut_to_whole_patches_within_the_bound(tmp_path: Path, length: int) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text(ROW.to_json() + "\n")
    source = StoryClips(
        stories=StoryFile(path),
        tokenizer=tiny_tokenizer(),
        tokens=TOKENS,
        teacher=lambda captions: torch.zeros(len(captions), 4, 24),
        told=StoryTexts(StoryFile(path), tiny_tokenizer(), TOKENS, 1, 1),
        seed=0,
        batch_size=2,
        latents=pack([torch.ones(length, 8), torch.ones(12, 8)]),
        first_clips=[0],
        patch_frames=2,
        max_frames=16,
    )
    batch = source.batch_at(0)
    kept = min(length // 2 * 2, 16)
    assert batch["frame_mask_XT"].sum(1).tolist() == [kept, 12, kept, 12]
    assert batch["latents_XTC"].shape[1] % 2 == 0
    assert batch["semantic_XSD"].shape == (4, 4, 24)
    assert batch["text_ids_BL"].shape[0] == 1


def test_the_teacher_reads_what_the_semantic_tokens_are_to_say(tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text(ROW.to_json() + "\n")
    heard: list[str] = []

    def teacher(texts: Sequence[str]) -> torch.Tensor:
        heard.extend(texts)
        return torch.zeros(len(texts), 4, 24)

    def taught(tokens: SpecialTokens) -> list[str]:
        heard.clear()
        told = StoryTexts(StoryFile(path), tiny_tokenizer(), tokens, 1, 1)
        source = StoryClips(
            stories=StoryFile(path), tokenizer=tiny_tokenizer(), tokens=tokens, teacher=teacher,
            told=told, seed=0, batch_size=1,
        )  # fmt: skip
        source.batch_at(0)
        return list(heard)

    assert taught(TOKENS) == ["Rain falling softly", "A dog barking close by"]
    assert taught(replace(TOKENS, target_text="caption_and_duration", caption_gap=" ")) == [
        "Rain falling softly <timestamp>6.5</timestamp>",
        "A dog barking close by <timestamp>3.5</timestamp>",
    ]


def test_features_of_single_sounds_are_those_of_captions_alone(tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text(ROW.to_json() + "\n")

    def clips(tokens: SpecialTokens) -> CaptionClips:
        return CaptionClips(
            sounds=latents(), texts=("A", "B"), tokenizer=tiny_tokenizer(), tokens=tokens,
            stories=StoryTexts(StoryFile(path), tiny_tokenizer(), tokens, 1, 1),
        )  # fmt: skip

    assert clips(TOKENS).batch_at(0)["semantic_XSD"].shape[1:] == (2, 3)
    with pytest.raises(ConfigError, match="target_text is 'caption_and_duration'"):
        clips(replace(TOKENS, target_text="caption_and_duration"))


def test_clips_are_drawn_where_an_encoder_gives_a_deviation(tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text(ROW.to_json() + "\n")
    posterior = torch.cat([torch.zeros(12, 8), torch.full((12, 8), 3.0)], dim=1)
    source = StoryClips(
        stories=StoryFile(path), tokenizer=tiny_tokenizer(), tokens=TOKENS,
        teacher=lambda captions: torch.zeros(len(captions), 4, 24),
        told=StoryTexts(StoryFile(path), tiny_tokenizer(), TOKENS, 1, 1), seed=0, batch_size=1,
        latents=pack([posterior]), has_deviation=True,
    )  # fmt: skip
    first, second = (
        source.cropped([posterior], torch.Generator().manual_seed(s))["latents_XTC"] for s in (0, 1)
    )
    assert first.shape == (1, 12, 8)
    assert float(first.std()) == pytest.approx(3.0, rel=0.3)
    assert not torch.equal(first, second)


def test_a_single_sound_is_a_story_of_one_event() -> None:
    tokenizer = tiny_tokenizer()
    sound = packed(lone_story("A bell ringing", 4.0), tokenizer, TOKENS)
    text = tokenizer.decode(sound.ids)
    assert text.count("A bell ringing") == 5
    assert "The total duration is 4.0 seconds." in text
    assert text.endswith(TOKENS.bridge_block())
    assert sound.ids[sound.block_starts[0]] == tokenizer.token_id(TOKENS.semantic_open)
    assert sound.positions == list(range(len(sound.ids)))


def test_in_sequence_a_block_sees_all_that_was_told_before() -> None:
    tokenizer = tiny_tokenizer()
    story = packed(ROW, tokenizer, TOKENS, context="sequence")
    assert set(story.segments) == {HEAD}
    assert story.positions == list(range(len(story.ids)))
    assert story.ids == text_sequence(ROW, tokenizer, TOKENS).ids
    opener = tokenizer.token_id(TOKENS.semantic_open)
    assert [story.ids[start] for start in story.block_starts] == [opener, opener]
