from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiostory.audio.waveform import Waveform
from audiostory.data.understanding.rows import Exchange
from audiostory.data.understanding.sequences import collate_questions, heard, packed_questions
from audiostory.errors import ConfigError, ShapeError
from audiostory.generate.answering import Answerer, answer
from audiostory.story.tokens import SpecialTokens
from audiostory.train.objective import embedded
from tests.tiny import TINY_EARS, TINY_WHISPER, hearing_model, tiny_model, tiny_tokenizer


def sound(hertz: float, seconds: float = 1.0, rate_hz: int = 8000, channels: int = 1) -> Waveform:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)
    return Waveform(np.stack([wave] * channels), rate_hz)


@pytest.mark.parametrize("ears", [TINY_EARS, TINY_WHISPER], ids=["codec", "whisper"])
def test_the_same_model_sound_and_question_give_the_same_answer(ears):
    model, tokenizer = hearing_model(ears), tiny_tokenizer()
    first = answer(model, tokenizer, sound(440), "What is it?")
    assert answer(model, tokenizer, sound(440), "What is it?") == first
    assert first.text
    assert "\n" not in first.text
    assert not any(marker in first.text for marker in model.config.markers)


def test_what_is_heard_decides_the_next_token():
    answerer = Answerer(hearing_model(), tiny_tokenizer())
    scores = [
        next(answerer._said(sound(hertz), question, []))
        for hertz, question in ((440, "What?"), (2000, "What?"), (440, "Which dog?"))
    ]
    assert (scores[0] - scores[1]).abs().max() > 1e-4
    assert (scores[0] - scores[2]).abs().max() > 1e-4


@torch.no_grad()
def test_an_answer_is_read_as_training_reads_it():
    model, tokenizer = hearing_model(), tiny_tokenizer()
    told = Exchange(question="What is it?", answer="A dog.")
    features_VPE = model.hear(torch.from_numpy(sound(440).samples))
    sequence = packed_questions([told], len(features_VPE) * 5, tokenizer)
    place_id = tokenizer.token_id(SpecialTokens.video_padding)
    batch = heard(collate_questions([sequence]), [features_VPE], place_id)
    hidden_1LD = model.llm.hidden_states(inputs_embeds=embedded(model, batch))
    answer_ids = [label for label in sequence.labels if label >= 0]
    start = len(sequence.ids) - len(answer_ids)
    ids: list[int] = []
    said = Answerer(model, tokenizer)._said(sound(440), told.question, ids)
    for place, index in enumerate(answer_ids):
        logits_V = next(said)
        wanted_V = model.llm.logits(hidden_1LD[0, start + place - 1])
        assert_close(logits_V, wanted_V, atol=1e-4, rtol=1e-4)
        ids.append(index)


def test_other_rates_and_channels_are_heard_alike():
    answerer = Answerer(hearing_model(), tiny_tokenizer())
    plain, converted = (
        answerer._features(one) for one in (sound(440), sound(440, rate_hz=16000, channels=2))
    )
    inner = slice(2, -4)
    assert_close(converted[0][inner], plain[0][inner], atol=0.2, rtol=0.1)


def test_an_answer_cut_at_its_limit_says_so():
    cut = Answerer(hearing_model(), tiny_tokenizer(), max_tokens=1).answer(sound(440), "What?")
    assert cut.is_cut
    with pytest.raises(ConfigError, match="max_tokens is 0"):
        Answerer(hearing_model(), tiny_tokenizer(), max_tokens=0)


def test_a_deaf_model_answers_nothing():
    with pytest.raises(ShapeError, match="no audio_encoder"):
        answer(tiny_model(), tiny_tokenizer(), sound(440), "What?")
