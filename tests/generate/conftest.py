"""A pipeline with the tiny model, whose stories are short of words so that tests are quick."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audiostory.generate.pipeline import AudioStoryPipeline
from audiostory.generate.reasoner import ReasonerConfig
from audiostory.story.grammar import GrammarLimits
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

FEW_WORDS = ReasonerConfig(
    passage_s=40.0, long_event_s=15.0, limits=GrammarLimits(max_events=4, max_words_tokens=4)
)


def pipeline_with(context: str = "clip") -> AudioStoryPipeline:
    """A fresh pipeline with the tiny model."""
    model = tiny_model(config=replace(tiny_config(), bridge_context=context))
    return AudioStoryPipeline(
        model, tiny_tokenizer(), name="tiny", fingerprint=f"tiny {context}", reasoner=FEW_WORDS
    )


@pytest.fixture(scope="session")
def pipeline() -> AudioStoryPipeline:
    """In clip context, as nano is."""
    return pipeline_with("clip")


@pytest.fixture(scope="session")
def sequence_pipeline() -> AudioStoryPipeline:
    """In sequence context, as the paper has it."""
    return pipeline_with("sequence")
