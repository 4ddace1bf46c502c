"""Training data made when needed: once, under keys, with errors that say how to give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.curate.compose import compose_stories
from audiostory.errors import TrainingError
from audiostory.models.foreign.foundation import build_foundation
from audiostory.models.model_folder import from_pretrained
from audiostory.train import materials as materials_module
from audiostory.train.materials import Materials
from audiostory.train.paths import Paths
from tests.data.corpus import reverse, write_corpus
from tests.foundation_parts import write_parts
from tests.tiny import tiny_model


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


def test_latents_of_a_pretrained_codec_are_made_from_the_files(tmp_path: Path) -> None:
    parts = write_parts(tmp_path)
    build_foundation({role: str(path) for role, path in parts.items()}, tmp_path / "begun")
    model = from_pretrained(tmp_path / "begun").model
    paths = Paths(runs=tmp_path / "runs", corpus=write_corpus(tmp_path / "corpus"))
    own = Materials(model, paths, seed=0)
    assert own.frames_per_s == 44_100 / 2048
    assert [part.shape[1] for part in (own.latents[0], own.silence()[None])] == [16, 16]
    with pytest.raises(TrainingError, match="nothing to fit"):
        _ = own.nano_codec


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
    told = [again.story_latents[index] for index in range(len(told_before))]
    assert not all(one.equal(told_before[index]) for index, one in enumerate(told))
    assert all(len(one) == len(told_before[index]) for index, one in enumerate(told))
