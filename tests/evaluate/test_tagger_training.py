from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.errors import CorpusError
from audiostory.evaluate import tagger as tagger_module
from audiostory.evaluate.tagger import OTHER, Tagger, load_tagger, log_mel
from audiostory.evaluate.tagger_training import (
    Sampler,
    TaggerTraining,
    colour,
    learn,
    pace,
    place,
    read_clips,
    train_tagger,
)
from tests.evaluate.sounds import TINY, bell, write_corpus

SHORT = TaggerTraining(
    steps=40, batch=12, validate_every=20, average=0.8, mixup=0.0, other_weight=1.0
)


def test_bells_and_rain_are_learnt_within_a_second(tmp_path):
    corpus = write_corpus(tmp_path)
    clips, held = read_clips(corpus, TINY, "train"), read_clips(corpus, TINY, "val")
    tagger = Tagger(TINY)
    course = learn(tagger, clips, held, SHORT, seed=1)
    assert [one["step"] for one in course] == [20, 40]
    test = [clip for clip in read_clips(corpus, TINY, "test") if clip.label != OTHER]
    answers = [tagger.tags_of_mel(clip.mel).probabilities[:-1].argmax() for clip in test]
    assert [TINY.groups[index] for index in answers] == [clip.label for clip in test]


def test_the_same_seed_learns_the_same_tagger(tmp_path):
    clips = read_clips(write_corpus(tmp_path, per_split=1), TINY, "train")
    brief = replace(SHORT, steps=4, batch=4, validate_every=2, mixup=0.3)
    first, second = Tagger(TINY), Tagger(TINY)
    learn(first, clips, clips, brief, seed=5)
    learn(second, clips, clips, brief, seed=5)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_train_tagger_writes_what_load_tagger_reads(tmp_path, monkeypatch):
    monkeypatch.setitem(tagger_module.TAGGERS, "tiny", TINY)
    seen = []
    report = train_tagger(
        write_corpus(tmp_path, per_split=1),
        tmp_path / "tagger",
        name="tiny",
        training=replace(SHORT, steps=2, batch=4),
        seed=3,
        progress=lambda what, share: seen.append((what, share)),
    )
    assert report["num_clips"] == 3
    assert seen[-1] == ("learning tiny", 1.0)
    assert load_tagger(tmp_path / "tagger").config == TINY


def test_a_corpus_without_the_groups_is_a_clear_error(tmp_path):
    corpus = write_corpus(tmp_path, per_split=1)
    with pytest.raises(CorpusError, match="no train clip"):
        read_clips(corpus, replace(TINY, groups=("trumpet",)), "train")


def test_groups_are_drawn_evenly_however_many_clips_they_have(tmp_path):
    clips = read_clips(write_corpus(tmp_path), TINY, "train")
    bells = [clip for clip in clips if clip.label == "bell"]
    lopsided = [clip for clip in clips if clip.label == "rain"][:1] + bells
    training = replace(SHORT, batch=200, label_smoothing=0.0)
    _, target_BG = Sampler(lopsided, Tagger(TINY), training, seed=0).batch()
    assert target_BG[:, 1].mean() == pytest.approx(0.5, abs=0.15)


def test_augmented_windows_stay_in_range_and_shape():
    random = np.random.default_rng(0)
    mel_TM = log_mel(bell(1), TINY).numpy()
    for _ in range(30):
        window_TM = place(pace(mel_TM, random), 70, random)
        heard_TM = colour(window_TM, TINY, random)
        assert heard_TM.shape == (70, TINY.num_mels)
        assert heard_TM.min() >= 0
        assert heard_TM.max() <= 1
