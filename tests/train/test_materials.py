"""Training data made when needed: once, under keys, with errors that say how to give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.curate.compose import compose_stories
from audiostory.errors import TrainingError
from audiostory.train import materials as materials_module
from audiostory.train.materials import Materials, Paths
from tests.data.corpus import reverse, write_corpus
from tests.tiny import tiny_model


def test_a_path_that_was_not_given_names_its_option(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--stories"):
        Paths(runs=tmp_path).need("stories")


def test_a_run_is_named_after_its_recipe(tmp_path: Path) -> None:
    assert Paths(runs=tmp_path).run("nano/codec") == tmp_path / "codec"


def test_the_codec_is_fitted_once_for_all_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials_module, "FIT_CLIPS", 8)
    paths = Paths(runs=tmp_path / "runs", corpus=write_corpus(tmp_path / "corpus"))
    first = Materials(tiny_model(), paths, seed=0)
    axes = first.codec.axes_PC.clone()
    monkeypatch.setattr(materials_module, "FIT_CLIPS", 0)
    again = Materials(tiny_model(1), paths, seed=0)
    assert again.codec.axes_PC.equal(axes)
    assert len(again.latents) == len(again.rows)
    assert again.silence().shape == (8,)


def test_latents_follow_the_sounds_and_not_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials_module, "FIT_CLIPS", 8)
    corpus, stories = write_corpus(tmp_path / "corpus"), tmp_path / "stories.jsonl"
    compose_stories(stories, 10, 0, corpus)
    paths = Paths(runs=tmp_path / "runs", corpus=corpus, stories=stories)
    first = Materials(tiny_model(), paths, seed=0)
    before, told_before = first.latents, first.story_latents
    heard = sorted(first.sounding[0].files)[0]
    for name in {heard, first.rows[0].file}:
        reverse(corpus / name)
    again = Materials(tiny_model(), paths, seed=0)
    assert not again.latents[0].equal(before[0])
    assert again.latents.starts.equal(before.starts)
    assert not again.story_latents.values.equal(told_before.values)
    assert again.story_latents.starts.equal(told_before.starts)
