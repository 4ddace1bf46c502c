import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.embedded.detector import SoundDetector, pooled, smoothed
from tests.evaluate.embedded.small import DETECTOR, detector
from tests.evaluate.tracks import noise, tone


@pytest.mark.parametrize("length_s", [0.1, 1.28, 3.0, 7.5])
def test_a_track_gets_an_answer_every_forty_milliseconds(length_s):
    presence_FG, embedding_FD = detector().presence(noise(length_s))
    assert len(presence_FG) == pytest.approx(length_s * 25, abs=1)
    assert presence_FG.shape[1] == len(DETECTOR.groups)
    assert embedding_FD.shape[1] == DETECTOR.width
    assert 0 <= float(presence_FG.min()) <= float(presence_FG.max()) <= 1


def test_answers_do_not_depend_on_how_many_windows_are_heard_at_once():
    one, many = (detector().presence(noise(9.0), batch=batch)[0] for batch in (1, 32))
    assert torch.allclose(one, many, atol=1e-6)


def test_silence_after_a_sound_does_not_change_what_was_said_of_it():
    sound = noise(5.0)
    longer = Waveform(np.pad(sound.samples, ((0, 0), (0, 160_000))), 16_000)
    before, after = detector().presence(sound)[0], detector().presence(longer)[0]
    assert torch.allclose(before[:30], after[:30], atol=0.02)


def test_a_stereo_track_is_heard_as_the_mean_of_its_channels():
    mono = tone(2.0)
    stereo = Waveform(np.repeat(mono.samples, 2, axis=0), 16_000)
    assert torch.allclose(detector().presence(mono)[0], detector().presence(stereo)[0], atol=1e-6)


def test_nothing_cannot_be_heard():
    with pytest.raises(AudioError, match="no samples"):
        SoundDetector(DETECTOR).eval().presence(Waveform(np.zeros((1, 0), np.float32), 8_000))


def test_pooling_weighs_frames_by_themselves():
    assert pooled(torch.tensor([[0.9], [0.0], [0.0]])).item() == pytest.approx(0.9)


def test_smoothing_is_a_mean_over_frames_around_and_keeps_edges_whole():
    presence = torch.tensor([1.0, 0.0, 0.0, 0.6, 0.0, 0.0])[None, :, None]
    assert smoothed(presence, 3.0)[0, :, 0].tolist() == pytest.approx(
        [0.5, 1 / 3, 0.2, 0.2, 0.2, 0]
    )
    assert torch.equal(smoothed(presence, 0.0), presence)
