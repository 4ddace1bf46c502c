import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from audiostory.evaluate.embedded import detector_training, text_audio_training
from audiostory.evaluate.embedded.detector_training import DetectorTraining
from audiostory.evaluate.embedded.evaluator import load_evaluator
from audiostory.evaluate.embedded.text_audio_training import TextAudioTraining
from audiostory.evaluate.embedded.training import (
    EvaluatorTraining,
    first_vectors,
    learnt_words,
    text_features,
    train_evaluator,
)
from audiostory.models.seeding import seeded
from audiostory.models.text_encoder import TextEncoder
from tests.evaluate.embedded.small import DETECTOR, TEXT_AUDIO
from tests.evaluate.sounds import write_corpus

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "A", "a", "bell", "rain", "toy", ",", "take", "0")
FEW = EvaluatorTraining(
    version="test",
    word_width=8,
    word_steps=2,
    detector=DetectorTraining(steps=1),
    text_audio=TextAudioTraining(steps=1, batch=2),
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    with seeded(torch.Generator().manual_seed(4)):
        BertModel(config).save_pretrained(folder)
    vocabulary = {piece: index for index, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_features_of_a_text_do_not_depend_on_the_others(teacher):
    encoder = TextEncoder.from_folder(teacher)
    together = text_features(encoder, ["a bell", "rain", "a toy , take 0"])
    alone = text_features(encoder, ["rain"])
    assert torch.allclose(together[1], alone[0], atol=1e-5)


def test_word_pieces_begin_as_what_the_teacher_makes_of_each_alone(teacher):
    encoder = TextEncoder.from_folder(teacher)
    vectors = first_vectors(encoder, Tokenizer.from_file(str(teacher / "tokenizer.json")), 12)
    known = slice(PIECES.index("a"), None)
    alone = text_features(encoder, list(PIECES[known]))
    own, expected = (rows - rows[0] for rows in (vectors[known], alone))
    cosines = torch.nn.functional.cosine_similarity(own[1:, None], own[None, 1:], dim=-1)
    wanted = torch.nn.functional.cosine_similarity(expected[1:, None], expected[None, 1:], dim=-1)
    assert torch.allclose(cosines, wanted, atol=0.02)


def test_words_are_learnt_once(teacher, tmp_path):
    once = learnt_words(teacher, ["a bell", "rain"], tmp_path, FEW)
    again = learnt_words(teacher, ["rain", "a bell"], tmp_path, FEW)
    assert torch.equal(once.vectors, again.vectors)
    assert len(list(tmp_path.glob("words-*.pt"))) == 1


def test_an_evaluator_is_learnt_measured_and_written(teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(detector_training, "DetectorConfig", lambda groups: DETECTOR)
    monkeypatch.setattr(text_audio_training, "TextAudioConfig", lambda word_width: TEXT_AUDIO)
    corpus = write_corpus(tmp_path / "corpus", per_split=4)
    train_evaluator(corpus, teacher, ["a bell"], tmp_path / "run", tmp_path / "out", FEW)
    read = load_evaluator(tmp_path / "out")
    assert read.config.version == "test"
    assert read.report["test_clips"] == 12
    assert 0 <= read.report["clip_accuracy"] <= 1
    assert 0 < read.report["caption_map"] <= 1
