import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform
from audiostory.evaluate.embedded.spectrum import NARROW, WIDE, mel_power, reference_of, scaled
from tests.evaluate.tracks import noise, tone


@pytest.mark.parametrize("config", [NARROW, WIDE])
def test_a_full_scale_sine_has_a_power_of_about_one_in_its_band(config):
    power_TM = mel_power(Waveform(2 * tone(1.0, 1_000.0).samples, 16_000), config)
    middle_M = power_TM[len(power_TM) // 2]
    assert 0.5 < float(middle_M.max()) < 1.5
    edges_mel = np.linspace(
        *(2595 * np.log10(1 + np.array([config.min_hz, config.max_hz]) / 700)), config.num_mels + 2
    )
    centres_hz = 700 * (10 ** (edges_mel[1:-1] / 2595) - 1)
    assert abs(centres_hz[int(middle_M.argmax())] - 1_000) < 100


def test_frames_come_at_the_rate_the_config_says():
    assert len(mel_power(tone(2.0), NARROW)) == 2 * 50 + 1


def test_powers_of_sounds_heard_together_add_up():
    one, other = noise(2.0, 1, 8_000), noise(2.0, 2, 8_000)
    both = Waveform(one.samples + other.samples, 8_000)
    added = (mel_power(one, NARROW) + mel_power(other, NARROW)).mean()
    assert float(mel_power(both, NARROW).mean()) == pytest.approx(float(added), rel=0.1)


def test_long_tracks_are_heard_in_blocks_without_seams(monkeypatch):
    track = noise(3.0, 3, 8_000)
    whole = mel_power(track, NARROW)
    monkeypatch.setattr("audiostory.evaluate.embedded.spectrum.BLOCK_FRAMES", 7)
    assert torch.allclose(mel_power(track, NARROW), whole, rtol=1e-5)


def test_levels_do_not_depend_on_the_gain():
    loud, soft = tone(1.0), Waveform(tone(1.0).samples * 0.01, 16_000)
    levels = []
    for track in (loud, soft):
        power_BTM = mel_power(track, NARROW)[None]
        levels.append(scaled(power_BTM, reference_of(power_BTM, float(power_BTM.max())), -60.0))
    assert torch.allclose(levels[0], levels[1], atol=1e-3)
    assert float(levels[0].max()) == pytest.approx(1.0)


def test_noise_in_a_silent_stretch_is_not_turned_up_to_a_sound():
    power_BTM = torch.full((1, 4, 2), 1e-6)
    levels = scaled(power_BTM, reference_of(power_BTM, 1.0), -60.0)
    assert float(levels.max()) == pytest.approx(1 - 20 / 60)


def test_one_sample_is_one_frame():
    assert len(mel_power(Waveform(np.ones((1, 1), np.float32), 8_000), NARROW)) == 1
