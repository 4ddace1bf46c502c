import json
from dataclasses import replace

import pytest

from audiostory.data.manifest import read_sounds
from audiostory.errors import CorpusError
from audiostory.evaluate.embedded import text_audio_training, training
from audiostory.evaluate.embedded.detector_training import DetectorTraining
from audiostory.evaluate.embedded.evaluator import load_evaluator
from audiostory.evaluate.embedded.scenes import SceneConfig, SceneSampler
from audiostory.evaluate.embedded.text_audio_training import TextAudioTraining
from audiostory.evaluate.embedded.training import EvaluatorTraining, train_evaluator
from tests.evaluate.embedded.small import TEXT_AUDIO, hearing, words
from tests.evaluate.sounds import write_corpus

FEW = EvaluatorTraining(
    version="test",
    scenes=8,
    held_scenes=40,
    scene=SceneConfig(moments=4),
    detector=DetectorTraining(steps=1, batch=4),
    text_audio=TextAudioTraining(steps=1, batch=4),
)


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    def small(*, feature_width, word_width):
        return replace(TEXT_AUDIO, feature_width=feature_width, word_width=word_width)

    monkeypatch.setattr(text_audio_training, "TextAudioConfig", small)
    return write_corpus(tmp_path / "corpus", per_split=8)


def test_an_evaluator_is_learnt_measured_and_written(corpus, tmp_path):
    train_evaluator(corpus, words(), tmp_path / "run", tmp_path / "out", FEW, hearing=hearing())
    read = load_evaluator(tmp_path / "out", hearing())
    assert read.config.version == "test"
    assert read.report["test_clips"] == 24
    assert 0 <= read.report["clip_accuracy"] <= 1
    assert 0 < read.report["caption_map"] <= 1


def test_train_clips_teach_val_clips_choose_and_test_clips_report(corpus, tmp_path, monkeypatch):
    heard = {}

    class Watched(SceneSampler):
        def __init__(self, waves, rows, groups, config, *, seed):
            heard[seed] = rows
            super().__init__(waves, rows, groups, config, seed=seed)

    monkeypatch.setattr(training, "SceneSampler", Watched)
    train_evaluator(corpus, words(), tmp_path / "run", tmp_path / "out", FEW, hearing=hearing())
    learnt = heard[FEW.scene_seed]
    assert {row.split for row in learnt} == {"train"}
    assert not any(row.is_kept_back for row in learnt)
    assert 0 < len(learnt) < 24
    assert {row.split for row in heard[training.VAL_SEED]} == {"val"}
    assert {row.split for row in heard[training.TEST_SEED]} == {"test"}


def test_a_corpus_without_a_kind_that_is_reported_is_refused_before_anything_is_learnt(
    corpus, tmp_path
):
    manifest = corpus / "metadata.jsonl"
    manifest.write_text(manifest.read_text().replace('"bell"', '"gong"').replace('"rain"', '"mud"'))
    with pytest.raises(CorpusError, match="none of the kinds that are reported"):
        train_evaluator(corpus, words(), tmp_path / "run", tmp_path / "out", FEW, hearing=hearing())
    assert not (tmp_path / "run" / "detector.pt").exists()


def test_a_corpus_of_kept_back_recordings_alone_is_refused(corpus, tmp_path):
    manifest = corpus / "metadata.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    kept = next(row.recording for row in read_sounds(manifest) if row.is_kept_back)
    for row in rows:
        row["recording"] = kept
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(CorpusError, match="kept back"):
        train_evaluator(corpus, words(), tmp_path / "run", tmp_path / "out", FEW, hearing=hearing())
