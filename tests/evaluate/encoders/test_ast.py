import numpy as np
import pytest
import torch
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from audiostory.evaluate.encoders.ast import AstConfig, load_ast
from audiostory.evaluate.encoders.hub_folder import find_folder
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.encoders.random_weights import random_encoder, write_ast
from tests.evaluate.tracks import noise


@pytest.fixture(scope="module")
def ast(tmp_path_factory):
    return random_encoder("ast", tmp_path_factory.mktemp("ast"))


def test_it_keeps_the_laws_of_encoders(ast):
    check_encoder(ast, long_s=12.0)


def test_it_hears_odd_tracks(ast):
    check_odd_tracks(ast)


def test_a_window_by_itself_is_what_it_is_among_others(ast):
    check_window_alone(ast)


def test_its_classes_are_those_of_the_checkpoint(ast):
    assert ast.card.labels == tuple(f"class {index}" for index in range(11))
    assert ast.card.window_s == pytest.approx(10.24)


def test_a_clip_of_ten_seconds_is_heard_as_transformers_hears_it(ast, tmp_path):
    folder = write_ast(tmp_path / "again")
    track = noise(10.0)
    bands = ASTFeatureExtractor.from_pretrained(folder)(
        track.samples[0], sampling_rate=16_000, return_tensors="pt"
    )["input_values"]
    logits = ASTForAudioClassification.from_pretrained(folder).eval()(bands).logits[0]
    heard = ast.hear(track)
    expected = torch.sigmoid(logits).detach().numpy()
    assert heard.probabilities[0] == pytest.approx(expected, abs=1e-5)
    assert heard.window_s == 10.0


def test_another_seed_is_another_encoder(ast, tmp_path):
    other = load_ast(AstConfig(), find_folder(write_ast(tmp_path, seed=1), "MIT/ast"))
    assert other.card.digest != ast.card.digest
    track = noise(1.0)
    assert not np.allclose(other.hear(track).embeddings, ast.hear(track).embeddings, atol=1e-3)
