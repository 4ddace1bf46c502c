"""A vocabulary learned from stories and other texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.curate.compose import compose_stories
from audiostory.data.stories import StoryFile
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.train import vocabulary
from audiostory.train.vocabulary import learned_vocabulary
from tests.tiny import tiny_config

SMALL = replace(tiny_config(), llm=replace(tiny_config().llm, vocab_size=800))


def learned(stories: Path, texts: Path | None = None) -> StoryTokenizer:
    return learned_vocabulary(SMALL, StoryFile(stories), texts)


def test_markers_come_first_and_the_size_is_the_models(tmp_path: Path) -> None:
    compose_stories(tmp_path / "stories.jsonl", 20, 0)
    found = learned(tmp_path / "stories.jsonl")
    assert found.vocab_size <= 800
    for marker in SMALL.markers:
        assert len(found.encode(marker)) == 1


def test_other_texts_are_read_too(tmp_path: Path) -> None:
    compose_stories(tmp_path / "stories.jsonl", 20, 0)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("xylophone\n" * 2000)
    without = learned(tmp_path / "stories.jsonl").encode("xylophone")
    with_texts = learned(tmp_path / "stories.jsonl", tmp_path / "texts").encode("xylophone")
    assert len(with_texts) < len(without)


def test_only_so_many_stories_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compose_stories(tmp_path / "stories.jsonl", 20, 0)
    whole = learned(tmp_path / "stories.jsonl").to_str()
    monkeypatch.setattr(vocabulary, "VOCABULARY_STORIES", 1)
    assert learned(tmp_path / "stories.jsonl").to_str() != whole
