import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from tests.evaluate.embedded.small import TEXT_AUDIO, network
from tests.evaluate.tracks import noise, tone


def test_sounds_and_texts_are_unit_vectors_of_one_space():
    own = network()
    sounds, starts = own.windows(noise(4.0))
    texts = own.read(["rain falls", "a bell"])
    assert sounds.shape[1] == texts.shape[1] == TEXT_AUDIO.dimension
    assert torch.allclose(sounds.norm(dim=1), torch.ones(len(sounds)), atol=1e-5)
    assert torch.allclose(texts.norm(dim=1), torch.ones(2), atol=1e-5)
    assert starts.tolist()[:2] == pytest.approx([0.0, 0.64])


def test_the_last_window_ends_with_the_track():
    _, starts = network().windows(noise(4.0))
    assert float(starts[-1]) + TEXT_AUDIO.window_s == pytest.approx(4.0, abs=0.05)


def test_the_word_vectors_stay_as_they_are_while_the_rest_learns():
    learnt = [name for name, one in network().named_parameters() if one.requires_grad]
    assert learnt
    assert not any(name.startswith("words.") for name in learnt)


def test_a_window_is_heard_alike_alone_and_among_others():
    own = network()
    one, many = own.windows(tone(5.0), batch=1)[0], own.windows(tone(5.0), batch=32)[0]
    assert torch.allclose(one, many, atol=1e-5)


def test_short_tracks_are_one_window_and_empty_ones_are_refused():
    assert len(network().windows(tone(0.05))[0]) == 1
    with pytest.raises(AudioError, match="no samples"):
        network().windows(Waveform(np.zeros((1, 0), np.float32), 8_000))
