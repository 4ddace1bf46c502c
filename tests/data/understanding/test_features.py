from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from audiostory.data.sounds import load_rows
from audiostory.data.understanding import features
from audiostory.data.understanding.corpus import heard_rows
from audiostory.data.understanding.features import heard_features, row_features
from audiostory.errors import CorpusError, ShapeError
from tests.data.corpus import write_corpus
from tests.tiny import TINY_WHISPER, hearing_model, tiny_model

SOUNDS = [torch.sin(torch.arange(n) / 5) for n in (3000, 8000, 100)]


def kept(model, cache, sounds=SOUNDS, names="abc"):
    return heard_features(model, list(names), lambda index: sounds[index], cache)


def files(cache) -> set[str]:
    return {path.name for path in cache.iterdir()}


def test_features_are_what_the_ears_make_of_each_sound(tmp_path):
    model = hearing_model()
    found = kept(model, tmp_path)
    assert [len(found[index]) for index in range(3)] == [1, 2, 1]
    assert_close(found[1], model.hear(SOUNDS[1][None]), atol=2e-2, rtol=1e-2)


def test_what_is_kept_of_whisper_is_pooled_and_projects_to_the_same(tmp_path):
    model = hearing_model(TINY_WHISPER)
    found = kept(model, tmp_path)
    assert found[0].shape == (1, 4, 8)
    with torch.no_grad():
        whole_VKH = model.audio_encoder(SOUNDS[0][None])
        assert_close(model.audio_encoder.project(found[0]), whole_VKH[0, None], atol=2e-3, rtol=0)


def test_kept_features_are_not_made_again(tmp_path):
    kept(hearing_model(), tmp_path)
    again = kept(hearing_model(), tmp_path, sounds=[])
    assert len(again) == 3


def test_other_sounds_and_other_ears_make_other_files(tmp_path):
    kept(hearing_model(), tmp_path)
    first = files(tmp_path)
    kept(hearing_model(), tmp_path, names="abx")
    kept(hearing_model(TINY_WHISPER), tmp_path)
    other = hearing_model()
    other.codec.patch_mean_P += 1
    kept(other, tmp_path)
    assert len(files(tmp_path)) == 4
    assert first < files(tmp_path)


def test_another_adapter_keeps_the_features(tmp_path):
    kept(hearing_model(), tmp_path)
    kept(hearing_model(seed=1), tmp_path)
    assert len(files(tmp_path)) == 1


def test_parts_that_were_made_before_an_interruption_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PART", 2)
    with pytest.raises(IndexError):
        kept(hearing_model(), tmp_path, sounds=SOUNDS[:2])
    assert len(files(tmp_path)) == 1
    found = kept(hearing_model(), tmp_path)
    assert len(found) == 3
    assert found[2].shape == (1, 10, 8)


def test_clips_of_a_corpus_are_kept_by_what_their_files_hold(tmp_path):
    corpus, cache = write_corpus(tmp_path / "corpus"), tmp_path / "cache"
    rows = heard_rows(load_rows(corpus, split="train"))
    assert len(row_features(hearing_model(), corpus, rows, cache)) == len(rows)
    (corpus / rows[0].file).write_bytes((corpus / rows[1].file).read_bytes())
    changed = row_features(hearing_model(), corpus, rows, cache)
    assert torch.equal(changed[0], changed[1])
    (corpus / rows[0].file).unlink()
    with pytest.raises(CorpusError, match="cannot read"):
        row_features(hearing_model(), corpus, rows, cache)


def test_a_file_that_is_no_sound_is_named(tmp_path):
    corpus = write_corpus(tmp_path / "corpus")
    rows = heard_rows(load_rows(corpus, split="train"))
    (corpus / rows[0].file).write_text("x")
    with pytest.raises(CorpusError, match=f"metadata.jsonl: {rows[0].file}"):
        row_features(hearing_model(), corpus, rows, tmp_path / "cache")


def test_features_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="features of b are not finite"):
        kept(hearing_model(), tmp_path, [SOUNDS[0], SOUNDS[1] * torch.nan, SOUNDS[2]])


def test_a_deaf_model_hears_nothing(tmp_path):
    with pytest.raises(ShapeError, match="'tiny' has no audio_encoder"):
        kept(tiny_model(), tmp_path)
