from __future__ import annotations

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import ShapeError
from audiostory.evaluate.understanding.checkpoint import CAPTION, CheckpointListener
from audiostory.generate.answering import answer
from audiostory.models.model_folder import save_pretrained
from tests.tiny import hearing_model, tiny_model, tiny_tokenizer

SOUND = Waveform(np.ones((1, 800), np.float32) / 4, 8000)


def test_it_says_what_its_model_answers_and_counts_what_the_limit_ended(tmp_path):
    save_pretrained(hearing_model(), tiny_tokenizer(), tmp_path / "model")
    listener = CheckpointListener(str(tmp_path / "model"))
    wanted = answer(hearing_model(), tiny_tokenizer(), SOUND, "What is it?")
    assert listener.answer(SOUND, "What is it?") == wanted.text
    assert listener.num_cut == wanted.is_cut
    caption = answer(hearing_model(), tiny_tokenizer(), SOUND, CAPTION)
    assert listener.caption(SOUND) == caption.text


def test_its_name_changes_with_its_weights(tmp_path):
    for seed in (0, 1):
        save_pretrained(hearing_model(seed=seed), tiny_tokenizer(), tmp_path / str(seed))
    names = {CheckpointListener(str(tmp_path / str(seed))).name for seed in (0, 1)}
    assert len(names) == 2


def test_a_deaf_model_is_refused(tmp_path):
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "model")
    with pytest.raises(ShapeError, match="take a model with ears"):
        CheckpointListener(str(tmp_path / "model"))
