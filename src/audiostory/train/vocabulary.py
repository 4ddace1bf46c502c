"""The vocabulary of a model of our own, learned from what it will read and write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audiostory.data.stories import StoryFile, story_of
from audiostory.models.audiostory import AudioStoryConfig
from audiostory.models.tokenizer import StoryTokenizer, train_byte_bpe
from audiostory.story.format import render

VOCABULARY_STORIES = 12_000
"""Stories that merges are learned from."""


def learned_vocabulary(
    config: AudioStoryConfig, stories: StoryFile, texts: Path | None
) -> StoryTokenizer:
    """A byte-level BPE of the model's size, with its markers.

    Args:
        config: of the model.
        stories: the first ``VOCABULARY_STORIES`` of them are read.
        texts: folder of ``*.txt`` whose lines are read, too.
    """
    markers = ["<|endoftext|>", *config.markers]
    return train_byte_bpe(_texts(config, stories, texts), config.llm.vocab_size, markers)


def _texts(config: AudioStoryConfig, stories: StoryFile, texts: Path | None) -> Iterator[str]:
    """Instructions and stories as the model reads and writes them, and other captions."""
    for index in range(min(VOCABULARY_STORIES, len(stories))):
        row = stories[index]
        yield row.instruction
        yield render(story_of(row), config.tokens)
    if texts is not None:
        for path in sorted(texts.glob("*.txt")):
            yield from path.read_text().splitlines()
