from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.data.manifest import read_sounds
from audiostory.errors import TrainingError
from audiostory.evaluate.embedded import text_audio_training
from audiostory.evaluate.embedded.examples import Mixture
from audiostory.evaluate.embedded.text_audio_training import (
    TextAudioTraining,
    contrastive_loss,
    sameness,
    text_of,
    train_text_audio,
)
from tests.evaluate.embedded.small import TEXT_AUDIO, words
from tests.evaluate.embedded.test_detector_training import some
from tests.evaluate.sounds import write_corpus

FEW = TextAudioTraining(steps=4, batch=4, save_every=2)


def test_a_scene_is_told_by_the_captions_or_kinds_of_its_clips(tmp_path):
    rows = list(read_sounds(write_corpus(tmp_path) / "metadata.jsonl"))
    pair = [rows[0], rows[3]]
    told = {text_of(pair, np.random.default_rng(seed)).lower() for seed in range(40)}
    assert any(one.startswith("a bell, take 0") for one in told)
    assert any(one.startswith("bell") for one in told)
    assert all("rain" in one for one in told)


def test_texts_that_mean_the_same_are_not_each_others_opposite():
    same = sameness(["a bell", "a bell", "rain falls"], words()).detach()
    assert float(same[0, 1]) == pytest.approx(1.0)
    assert float(same[0, 2]) < 0.5


def test_sounds_that_lie_on_their_texts_cost_least():
    unit = torch.eye(3)
    scale = torch.tensor(20.0)
    right = contrastive_loss(unit, unit, torch.eye(3), scale)
    wrong = contrastive_loss(unit, unit.roll(1, 0), torch.eye(3), scale)
    assert float(right) < 0.01 < 5 < float(wrong)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, monkeypatch):
    def small(*, feature_width, word_width):
        return replace(TEXT_AUDIO, feature_width=feature_width, word_width=word_width)

    monkeypatch.setattr(text_audio_training, "TextAudioConfig", small)
    rows = list(read_sounds(write_corpus(tmp_path / "corpus", per_split=4) / "metadata.jsonl"))
    mixture = Mixture(some(20), some(10), torch.ones(10), 0.5)
    whole = train_text_audio(rows, mixture, words(), tmp_path / "whole", FEW)

    def stop(_, share):
        if share == 0.75:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_text_audio(rows, mixture, words(), tmp_path / "halves", FEW, stop)
    resumed = train_text_audio(rows, mixture, words(), tmp_path / "halves", FEW)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert torch.equal(whole.words.vectors, words().vectors)


def test_a_run_does_not_go_on_with_other_words(tmp_path, monkeypatch):
    monkeypatch.setattr(
        text_audio_training,
        "TextAudioConfig",
        lambda **widths: replace(TEXT_AUDIO, **widths),
    )
    rows = list(read_sounds(write_corpus(tmp_path / "corpus", per_split=4) / "metadata.jsonl"))
    mixture = Mixture(some(20), some(10), torch.ones(10), 0.5)
    train_text_audio(rows, mixture, words(), tmp_path / "run", FEW)
    others = words()
    others.vectors.data += 1.0
    with pytest.raises(TrainingError, match="other clips, kinds or words"):
        train_text_audio(rows, mixture, others, tmp_path / "run", FEW)
