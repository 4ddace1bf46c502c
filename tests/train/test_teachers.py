"""Which text encoder a model learns from, and what is learnt of tokens from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import T5Config, T5EncoderModel

from audiostory.errors import CheckpointError, TrainingError
from audiostory.models.foreign.foundation import build_foundation
from audiostory.models.model_folder import from_pretrained
from audiostory.models.text_encoder import TextEncoder
from audiostory.train.materials import Materials
from audiostory.train.paths import Paths
from audiostory.train.teachers import text_encoder_of, token_meanings
from tests.data.corpus import write_corpus
from tests.foundation_parts import write_parts, write_teacher
from tests.models.test_text_encoder import saved
from tests.tiny import tiny_tokenizer


def test_a_teacher_is_the_one_that_the_foundation_was_made_with(tmp_path: Path) -> None:
    parts = write_parts(tmp_path)
    build_foundation({role: str(path) for role, path in parts.items()}, tmp_path / "begun")
    model = from_pretrained(tmp_path / "begun").model
    paths = Paths(runs=tmp_path / "runs", corpus=write_corpus(tmp_path / "corpus"))
    own = Materials(model, replace(paths, teacher=parts["teacher"]), seed=0)
    features_SD = own.wording_features()[0].float()
    expected_SD = own.teacher(own.texts[:1])[0]
    torch.testing.assert_close(features_SD, expected_SD, atol=2e-3, rtol=2e-3)
    other = Materials(model, replace(paths, teacher=write_teacher(tmp_path / "other")), seed=0)
    with pytest.raises(TrainingError, match="is not what the teacher in .*other makes"):
        other.wording_features()
    wide = write_teacher(tmp_path / "wide", width=64)
    with pytest.raises(TrainingError, match="is 64 wide, the bridge 32"):
        Materials(model, replace(paths, teacher=wide), seed=0).wording_features()


def teacher_folder(folder: Path) -> Path:
    config = T5Config(vocab_size=10, d_model=24, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    return saved(folder, T5EncoderModel(config))


def test_the_teacher_of_pooled_spans_is_a_published_file(tmp_path: Path) -> None:
    folder = teacher_folder(tmp_path)
    assert text_encoder_of(folder, "padded_tokens").width == 24
    with pytest.raises(CheckpointError):
        text_encoder_of(folder, "pooled_spans")


def test_each_token_has_the_meaning_of_its_own_text(tmp_path: Path) -> None:
    encoder, tokenizer = TextEncoder.from_folder(teacher_folder(tmp_path)), tiny_tokenizer()
    meanings = token_meanings(encoder, tokenizer, tokenizer.vocab_size + 3)
    assert meanings.shape == (tokenizer.vocab_size + 3, 24)
    word = tokenizer.vocab_size - 1
    features, mask = encoder.features([tokenizer.decode([word]).strip()])
    mean = features[0][mask[0].bool()].mean(0)
    torch.testing.assert_close(meanings[word], mean, atol=1e-4, rtol=1e-4)
    assert not meanings[tokenizer.vocab_size :].any()
