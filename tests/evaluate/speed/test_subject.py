from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audiostory.errors import ConfigError
from audiostory.evaluate.speed.subject import (
    MINI,
    SUBJECTS,
    random_model,
    stand_in_tokenizer,
    story_of_length,
    subject_of,
)
from audiostory.models.audiostory import THREE_B
from audiostory.models.weights import stored
from tests.tiny import tiny_config

OOBLECK = replace(
    MINI.codec, encoder_width=16, decoder_width=4, ratios=(2, 4), channel_multiples=(1, 2),
    latent_channels=8,
)  # fmt: skip
TINY = replace(tiny_config(), codec=OOBLECK, tokens=THREE_B.tokens, bridge=replace(
    tiny_config().bridge, num_semantic=64, num_residual=8, learned_null=False,
), llm=replace(tiny_config().llm, vocab_size=8192))  # fmt: skip


def test_a_random_model_depends_on_nothing_but_its_size():
    first, second = (
        random_model(TINY, device="cpu", dtype=torch.float32).state_dict() for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_random_model_is_whole_and_its_numbers_stay_finite():
    model = random_model(TINY, device="cpu", dtype=torch.float32)
    assert not any(value.is_meta for value in stored(model).values())
    with torch.no_grad():
        states = model.llm.hidden_states(torch.tensor([[5, 900, 8000]]))
        sound = model.codec.decode(torch.randn(1, 6, 8))
    assert states.isfinite().all()
    assert states.std() > 0.1
    assert sound.isfinite().all()


def test_the_stand_in_tokenizer_has_every_marker_of_the_release():
    tokenizer = stand_in_tokenizer(MINI)
    assert all(len(tokenizer.encode(marker)) == 1 for marker in MINI.markers)
    assert tokenizer.vocab_size <= MINI.llm.vocab_size
    assert tokenizer.encode("10.5") == [tokenizer.token_id(char) for char in "10.5"]


def test_the_story_fills_its_length_with_as_many_clips_as_asked():
    story = story_of_length(61.0, 7)
    assert len(story.clips) == 7
    assert story.storyline.events[-1].end_s == 61.0
    assert story.duration_s == pytest.approx(61.0, abs=0.4)


def test_the_3b_subject_has_the_released_sizes_without_ears_and_lora():
    subject = SUBJECTS["3b"]
    assert subject.llm.lora is None
    assert subject.audio_encoder is None
    assert (subject.dit, subject.codec) == (THREE_B.dit, THREE_B.codec)


def test_an_unknown_size_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="nano, mini, 3b"):
        subject_of("7b")
