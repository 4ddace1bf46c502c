"""Stories as token sequences: what is cut where, and what is supervised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from audiostory.data.manifest import StoryRow
from audiostory.data.stories import (
    IGNORED,
    TERMS,
    StoryFile,
    StoryTexts,
    pad,
    prompt_of,
    story_of,
    text_sequence,
)
from audiostory.errors import CorpusError
from audiostory.story.format import COUNT_TAIL, DETAIL_LEAD, render
from audiostory.story.types import Event
from tests.tiny import tiny_config, tiny_tokenizer

ROW = StoryRow(
    id="a",
    seed=1,
    instruction="Rain falls, then a dog barks.",
    duration_s=10.0,
    summary="Rain and a dog.",
    events=(
        Event(start_s=0.0, end_s=6.5, detail="Rain falls.", sounds="Rain falling."),
        Event(start_s=6.5, end_s=10.0, detail="A dog barks.", sounds="Dog barking."),
    ),
    captions=("Rain falling softly", "A dog barking close by"),
)


def test_the_ids_spell_prompt_and_story() -> None:
    tokenizer, tokens = tiny_tokenizer(), tiny_config().tokens
    sequence = text_sequence(ROW, tokenizer, tokens)
    assert tokenizer.decode(sequence.ids) == prompt_of(ROW) + render(story_of(ROW), tokens)


def test_every_supervised_token_belongs_to_a_term_of_the_reasoning_loss() -> None:
    tokenizer = tiny_tokenizer()
    sequence = text_sequence(ROW, tokenizer, tiny_config().tokens)
    is_chosen = [label != IGNORED for label in sequence.labels]
    assert is_chosen == [term != IGNORED for term in sequence.terms]
    parts = {
        name: tokenizer.decode(
            [i for i, t in zip(sequence.ids, sequence.terms, strict=True) if t == n]
        )
        for n, name in enumerate(TERMS)
    }
    assert parts["event_count"].startswith("2")
    assert parts["content"].startswith("Rain and a dog.\n6.5")
    assert parts["caption"] == "Rain falling softly<timestamp>A dog barking close by<timestamp>"


def test_only_what_the_model_chooses_is_supervised() -> None:
    tokenizer, tokens = tiny_tokenizer(), tiny_config().tokens
    sequence = text_sequence(ROW, tokenizer, tokens)
    chosen = tokenizer.decode([label for label in sequence.labels if label != IGNORED])
    after_count, after_time = (
        tokenizer.decode(tokenizer.encode(text)[:1]) for text in (COUNT_TAIL, "]" + DETAIL_LEAD)
    )
    assert chosen == (
        f"Rain and a dog.\n2{after_count}6.5{after_time}Rain falls.\nRain falling.\n"
        "A dog barks.\nDog barking.\n"
        "Rain falling softly<timestamp>A dog barking close by<timestamp>"
    )
    pairs = zip(sequence.ids, sequence.labels, strict=True)
    assert all(label in (IGNORED, token) for token, label in pairs)


def test_padding_is_not_supervised() -> None:
    tokenizer, tokens = tiny_tokenizer(), tiny_config().tokens
    sequence = text_sequence(ROW, tokenizer, tokens)
    short = type(sequence)(sequence.ids[:5], sequence.labels[:5], sequence.terms[:5])
    batch = pad([sequence, short])
    assert batch["ids_BL"].shape == batch["labels_BL"].shape == (2, len(sequence.ids))
    assert (batch["labels_BL"][1, 5:] == IGNORED).all()


def test_a_batch_depends_on_seed_and_step_alone(tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text((ROW.to_json() + "\n") * 3)
    source = StoryTexts(StoryFile(path), tiny_tokenizer(), tiny_config().tokens, 0, 2)
    assert source.batch_at(4)["ids_BL"].equal(source.batch_at(4)["ids_BL"])


def test_a_missing_file_of_stories_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="audiostory compose"):
        StoryFile(tmp_path / "none.jsonl")


def test_an_empty_file_of_stories_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(CorpusError, match="no story"):
        StoryFile(tmp_path / "empty.jsonl")


def test_a_batch_holds_stories_of_about_one_length(tmp_path: Path) -> None:
    path, numbers = tmp_path / "stories.jsonl", range(1, 400)
    rows = [replace(ROW, id=str(n), instruction="Rain falls. " * n) for n in numbers]
    path.write_text("".join(row.to_json() + "\n" for row in rows))
    drawn = StoryFile(path).draw_alike(8, torch.Generator().manual_seed(0))
    assert max(drawn) - min(drawn) < 120


def test_long_and_short_stories_are_drawn_as_often(tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl"
    rows = [replace(ROW, id=str(n), instruction="Rain falls. " * n) for n in range(1, 11)]
    path.write_text("".join(row.to_json() + "\n" for row in rows))
    stories, generator = StoryFile(path), torch.Generator().manual_seed(0)
    drawn = torch.tensor([stories.draw_alike(4, generator) for _ in range(500)])
    counts = torch.bincount(drawn.flatten(), minlength=10)
    assert counts.min() > 130
    assert counts.max() < 270
