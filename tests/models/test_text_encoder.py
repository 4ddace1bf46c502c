from __future__ import annotations

import hashlib
import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.testing import assert_close
from transformers import BertConfig, BertModel, T5Config, T5EncoderModel

from audiostory.errors import CheckpointError, InstructionError
from audiostory.models.seeding import seeded
from audiostory.models.text_encoder import TextEncoder

WORDS = ("[PAD]", "</s>", "[UNK]", "rain", "falls", "on", "a", "tin", "roof", "dog")


def tokenizer() -> Tokenizer:
    """Words to ids, ``</s>`` at the end, with the truncation and padding that folders come with."""
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    made.enable_truncation(3)
    made.enable_padding(length=5)
    return made


def t5() -> T5EncoderModel:
    with seeded(torch.Generator().manual_seed(0)):
        return T5EncoderModel(
            T5Config(vocab_size=10, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
        )


def encoder() -> TextEncoder:
    return TextEncoder(t5(), tokenizer(), max_tokens=12)


def saved(folder, network=None):
    (network or t5()).save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def test_every_token_of_a_text_has_its_feature():
    features_BLD, mask_BL = encoder().features(["rain falls on a tin roof", "dog"])
    assert features_BLD.shape == (2, 7, 8)
    assert mask_BL.sum(dim=1).tolist() == [7, 2]


def test_a_texts_features_do_not_depend_on_its_neighbours():
    both_BLD, mask_BL = encoder().features(["rain falls on a tin roof", "dog"])
    alone_1LD, _ = encoder().features(["dog"])
    assert_close(both_BLD[1, mask_BL[1]], alone_1LD[0])


def test_padding_on_request_keeps_the_real_features():
    padded_BLD, mask_BL = encoder().features(["dog"], num_tokens=6)
    assert padded_BLD.shape == (1, 6, 8)
    assert_close(padded_BLD[:, :2], encoder().features(["dog"])[0])
    assert mask_BL.sum() == 2


def test_a_text_that_is_too_long_is_named_not_cut():
    with pytest.raises(InstructionError, match="text 2 of 2 has 13 tokens"):
        encoder().features(["dog", "dog " * 12])


def test_the_encoder_is_frozen_and_drops_nothing_out():
    teacher = encoder().train()
    assert not teacher.network.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    first, second = (teacher.features(["rain falls"])[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_a_folder_gives_the_encoder_that_was_saved(tmp_path, kind):
    networks = {
        "t5": t5(),
        "bert": BertModel(
            BertConfig(
                vocab_size=10,
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=16,
            )
        ),
    }
    network = networks[kind]
    read = TextEncoder.from_folder(saved(tmp_path, network))
    assert read.width == 8
    expected_BLD, _ = TextEncoder(network, tokenizer()).features(["rain falls"])
    assert torch.equal(read.features(["rain falls"])[0], expected_BLD)


def test_weights_of_another_hash_are_refused(tmp_path):
    folder = saved(tmp_path)
    right = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    TextEncoder.from_folder(folder, sha256=right)
    with pytest.raises(CheckpointError, match="fetch it again"):
        TextEncoder.from_folder(folder, sha256="0" * 64)


def test_incomplete_and_foreign_folders_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        TextEncoder.from_folder(tmp_path)
    network = t5()
    del network.encoder.final_layer_norm.weight
    with pytest.raises(CheckpointError, match=r"final_layer_norm\.weight"):
        TextEncoder.from_folder(saved(tmp_path, network))
    config = {"model_type": "gpt2"}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match="text encoders are t5, bert"):
        TextEncoder.from_folder(tmp_path)
