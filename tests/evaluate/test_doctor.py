from __future__ import annotations

import re
from pathlib import Path

import pytest

from audiostory.errors import CheckpointError
from audiostory.evaluate.doctor import examine, sizes_of
from audiostory.generate import pipeline
from audiostory.generate.reasoner import ReasonerConfig
from audiostory.models.model_folder import save_pretrained
from audiostory.models.tokenizer import train_byte_bpe
from audiostory.story.grammar import GrammarLimits
from audiostory.story.types import Instruction
from tests.released_folder import text_encoder, write_release
from tests.tiny import TEXTS, tiny_model, tiny_tokenizer

ASKED = Instruction(text="Rain falls, a dog barks.", duration_s=6.0)


@pytest.fixture(autouse=True)
def _few_words(monkeypatch):
    limits = GrammarLimits(max_events=2, max_words_tokens=2)
    monkeypatch.setattr(pipeline, "ReasonerConfig", lambda: ReasonerConfig(limits=limits))


def put_text_encoder(folder: Path) -> Path:
    """A tiny Flan-T5 with a tokenizer of as many ids as it has rows, at most."""
    folder.mkdir(parents=True)
    encoder = text_encoder()
    size = 300
    encoder.resize_token_embeddings(size)
    encoder.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(train_byte_bpe(TEXTS, size, ("<e>",)).to_str())
    return folder


def test_a_release_is_looked_over_and_its_scale_compared(tmp_path):
    folder = write_release(tmp_path / "release")
    put_text_encoder(folder / "flan-t5-large")
    first, whole, *lines = examine(str(folder), ASKED)
    assert first == f"{folder}: every file, name and shape is as it should be"
    assert re.fullmatch(r"3b: [\d,]+ parameters, float32 on cpu", whole)
    told = "\n".join(lines)
    assert re.search(r"semantic tokens of \d captions: [\d.e+]+ times", told)
    assert "the weights ask for" in told
    assert re.search(r"cosine -?\d\.\d\d of caption, -?\d\.\d\d of caption_and_duration", told)
    assert told.endswith("the configuration says caption")


def test_a_text_encoder_may_be_named(tmp_path):
    folder = write_release(tmp_path / "release")
    encoder = put_text_encoder(tmp_path / "elsewhere" / "encoder")
    told = "\n".join(examine(str(folder), ASKED, text_encoder=encoder))
    assert "semantic tokens of" in told


def test_without_a_text_encoder_the_way_to_one_is_told(tmp_path):
    *_, last = examine(str(write_release(tmp_path / "release")), ASKED)
    assert last.startswith("scale: not checked")
    assert "hf download google/flan-t5-large" in last


def test_a_model_of_ours_has_no_scale_to_check(tmp_path):
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "tiny")
    *_, last = examine(str(tmp_path / "tiny"), ASKED)
    assert last.startswith("scale: not checked: this model's text features are standardised")


def test_a_damaged_model_is_told_with_the_first_line(tmp_path):
    folder = write_release(tmp_path / "release", change=lambda state: state.popitem())
    with pytest.raises(CheckpointError, match="is missing"):
        next(examine(str(folder), ASKED))


def test_the_sizes_of_the_parts_add_up():
    whole, *parts = sizes_of(tiny_model())
    numbers = [int(line.rpartition(": ")[2].replace(",", "")) for line in parts]
    assert whole == f"tiny: {sum(numbers):,} parameters, float32 on cpu"
    assert [line.strip().partition(":")[0] for line in parts] == ["llm", "bridge", "dit", "codec"]
