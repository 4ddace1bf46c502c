import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from audiostory.errors import CheckpointError
from audiostory.evaluate.embedded.words_training import (
    WordTraining,
    first_vectors,
    learnt_words,
    text_features,
)
from audiostory.models.seeding import seeded
from audiostory.models.text_encoder import TextEncoder

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "A", "a", "bell", "rain", "toy", ",", "take", "0")
FEW = WordTraining(width=8, steps=2)


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


def test_a_teacher_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json"):
        learnt_words(tmp_path, ["a bell"], tmp_path / "run", FEW)
