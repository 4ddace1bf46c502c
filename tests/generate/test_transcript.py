"""Tokens of one sequence, and how the next one is chosen."""

from __future__ import annotations

import pytest
import torch

from audiostory.errors import CheckpointError
from audiostory.generate.transcript import Sampling, Transcript, Vocabulary
from audiostory.models.tokenizer import StoryTokenizer
from tests.tiny import tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def test_memory_of_a_transcript_changes_no_number(model):
    ids = tiny_tokenizer().encode("Rain falls, a door slams shut.")
    stepwise = Transcript(model.llm)
    for index in ids:
        stepwise.push([index])
        with torch.no_grad():
            logits_V = stepwise.next_logits()
    at_once = Transcript(model.llm)
    at_once.push(ids)
    with torch.no_grad():
        torch.testing.assert_close(at_once.next_logits(), logits_V, atol=1e-5, rtol=1e-5)


def test_a_rewound_transcript_is_as_if_nothing_had_been_fed(model):
    encode = tiny_tokenizer().encode
    transcript = Transcript(model.llm)
    with torch.no_grad():
        transcript.push(encode("Rain falls"))
        transcript.feed()
        length = len(transcript.ids)
        transcript.push(encode(" on a roof"))
        transcript.feed()
        transcript.rewind(length)
        transcript.push(encode(" hard"))
        rewound_1LD = transcript.feed()
        fresh = Transcript(model.llm)
        fresh.push(encode("Rain falls"))
        fresh.feed()
        fresh.push(encode(" hard"))
        assert torch.equal(fresh.feed(), rewound_1LD)


def test_a_tokenizer_that_joins_digits_is_refused():
    tokenizer = StoryTokenizer.from_bytes(tiny_tokenizer().to_str().encode())
    grown = tokenizer.with_added_tokens(["10"])
    with pytest.raises(CheckpointError, match="digit by digit"):
        Vocabulary(grown, grown.vocab_size)


def test_only_allowed_tokens_are_chosen_however_unlikely():
    logits_V, allowed_V = torch.tensor([9.0, 0.0, -9.0]), torch.tensor([False, True, True])
    rng = torch.Generator().manual_seed(0)
    assert Sampling().choose(logits_V, allowed_V, rng) == 1
    hot = {Sampling(temperature=50.0).choose(logits_V, allowed_V, rng) for _ in range(50)}
    assert hot == {1, 2}
