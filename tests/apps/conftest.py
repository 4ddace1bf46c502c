"""A folder with the tiny model, and the command line called in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from audiostory.apps.cli import app
from audiostory.models.model_folder import save_pretrained
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory) -> Path:
    """A checkpoint that quickly says little."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    config = replace(tiny_config(), flow=replace(tiny_config().flow, steps=1))
    save_pretrained(tiny_model(config=config), tiny_tokenizer(), folder)
    return folder


@pytest.fixture(autouse=True)
def _few_words(monkeypatch):
    """Stories of few words: the tiny model never ends its lines by itself."""
    from audiostory.generate import pipeline
    from audiostory.story.grammar import GrammarLimits

    limits = GrammarLimits(max_events=3, max_words_tokens=2)
    config = pipeline.ReasonerConfig(limits=limits)
    monkeypatch.setattr(pipeline, "ReasonerConfig", lambda: config)


@pytest.fixture
def call(model_dir, tmp_path, monkeypatch):
    """Call ``audiostory`` with these words in an empty folder, with the tiny model."""
    monkeypatch.chdir(tmp_path)

    def called(*words: object, **rest) -> Result:
        needs_model = words[0] in ("plan", "generate") and "--model" not in words
        model = ("--model", str(model_dir)) if needs_model else ()
        return CliRunner().invoke(app, [*map(str, words), *model], **rest)

    return called
