import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.evaluate.narrative.repetition import repetition_of
from tests.evaluate.narrative.stories import RATE_HZ, texture
from tests.evaluate.tracks import noise, tone


def pasted(gain=1.0, over=0.0):
    """Twenty seconds in which 3 to 9 s come again from 12 s, off every frame."""
    samples = noise(20.0).samples.copy()
    first = 12 * RATE_HZ + 123
    samples[:, first : first + 6 * RATE_HZ] = gain * samples[:, 3 * RATE_HZ : 9 * RATE_HZ]
    return Waveform(samples + np.float32(over) * noise(20.0, seed=9).samples, RATE_HZ)


def test_a_pasted_stretch_is_found_and_its_place_told():
    found = repetition_of(pasted())
    assert [repeat.start_s for repeat in found.repeats] == [12, 13, 14, 15, 16]
    for repeat in found.repeats:
        assert repeat.start_s - repeat.earlier_s == pytest.approx(9.0, abs=0.03)
        assert repeat.is_copy
    assert found.copied_share == found.repeated_share == pytest.approx(5 / 19, abs=0.02)


def test_a_copy_at_another_level_is_a_copy():
    assert repetition_of(pasted(gain=0.3)).copied_share > 0.15


def test_a_copy_under_something_else_is_near_but_not_exact():
    found = repetition_of(pasted(over=0.25))
    assert found.repeated_share > 0.2
    assert found.copied_share == 0


def test_a_loop_repeats_all_but_its_first_round():
    loop = Waveform(np.tile(texture(5.0137, 100, 4_000, seed=1).samples, (1, 6)), RATE_HZ)
    found = repetition_of(loop)
    assert found.copied_share == pytest.approx(25 / 30, abs=0.1)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_kind_of_noise_is_no_repetition(seed):
    track = texture(40.0, 100, 4_000, seed=seed)
    assert repetition_of(track).repeated_share == 0


def test_a_repetition_is_of_what_came_before_and_does_not_overlap_it():
    found = repetition_of(Waveform(np.tile(noise(2.5).samples, (1, 4)), RATE_HZ))
    assert all(repeat.start_s - repeat.earlier_s >= 2.0 for repeat in found.repeats)


def test_what_does_not_vary_or_is_short_cannot_be_judged():
    assert repetition_of(tone(20.0)) is None
    assert repetition_of(noise(3.5)) is None
    assert repetition_of(Waveform(np.zeros((2, 20 * RATE_HZ), np.float32), RATE_HZ)) is None


def test_any_rate_and_channels_will_do():
    half = noise(6.0, rate_hz=11_111).samples
    twice = np.repeat(np.concatenate([half, half], axis=1), 6, axis=0)
    assert repetition_of(Waveform(twice, 11_111)).copied_share > 0.3
