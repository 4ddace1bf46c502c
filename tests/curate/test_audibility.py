import numpy as np
import pytest

from audiostory.curate.audibility import prominence_db
from audiostory.errors import ShapeError

RATE_HZ = 24_000


def noise(seed, gain=1.0, seconds=2.0):
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))
    return (gain * 0.1 * samples).astype(np.float32)


def tone(hertz, gain=1.0):
    times = np.arange(2 * RATE_HZ) / RATE_HZ
    return (gain * 0.1 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def test_a_sound_stands_out_by_its_level():
    near = prominence_db(noise(0), noise(1), RATE_HZ)
    far = prominence_db(noise(0, 0.1), noise(1), RATE_HZ)
    assert near - far == pytest.approx(20, abs=0.5)


def test_the_same_sound_stands_out_by_nothing():
    assert prominence_db(noise(0), noise(0), RATE_HZ) == pytest.approx(0.0, abs=0.01)


def test_a_tone_is_heard_in_noise_of_the_same_power():
    assert prominence_db(tone(700), noise(1), RATE_HZ) > 6


def test_a_tone_hides_beside_a_louder_one_of_its_band_only():
    assert prominence_db(tone(700), tone(760, 10), RATE_HZ) < -10
    assert prominence_db(tone(700), tone(5_000, 10), RATE_HZ) > 10


def test_what_is_heard_before_the_rest_begins_counts():
    rest = noise(1, 10)
    sound = noise(0, 0.1)
    rest[: len(rest) // 2] = 0
    assert prominence_db(sound, rest, RATE_HZ) > 20


def test_silence_stands_out_nowhere():
    assert prominence_db(np.zeros(RATE_HZ, np.float32), noise(1, seconds=1), RATE_HZ) == -np.inf
    assert prominence_db(np.zeros(0, np.float32), np.zeros(0, np.float32), RATE_HZ) == -np.inf


def test_lengths_have_to_agree():
    with pytest.raises(ShapeError):
        prominence_db(noise(0), noise(1, seconds=1), RATE_HZ)
