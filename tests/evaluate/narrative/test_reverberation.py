import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.data.manifest import Room
from audiostory.evaluate.narrative.reverberation import decay_times
from audiostory.evaluate.narrative.spans import Span
from tests.evaluate.narrative.stories import RATE_HZ, heard_in
from tests.evaluate.tracks import noise

WHOLE = Span(0.0, 6.0)


def room(rt60_s):
    return Room(name="room", rt60_s=rt60_s, wet_db=-6.0, noise_db=-65.0)


@pytest.mark.parametrize("rt60_s", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("kind", ["clap", "burst"])
def test_the_median_decay_is_near_the_rooms_own(kind, rt60_s):
    track = Waveform(heard_in(kind, room(rt60_s), seed=1)[None], RATE_HZ)
    assert np.median(decay_times(track, WHOLE)) == pytest.approx(rt60_s, rel=0.2)


def test_exponential_decay_has_its_time_at_any_level_and_rate():
    for rate_hz, level in ((4_000, 0.5), (44_100, 0.02)):
        times_s = np.arange(4 * rate_hz) / rate_hz
        fall = 10 ** (-3 * (times_s % 1.0) / 1.2)
        samples = level * fall * np.random.default_rng(0).standard_normal(len(times_s))
        track = Waveform(np.repeat(samples[None].astype(np.float32), 2, axis=0), rate_hz)
        assert np.median(decay_times(track, Span(0.0, 4.0))) == pytest.approx(1.2, rel=0.1)


def test_what_does_not_fall_freely_tells_no_time():
    assert len(decay_times(noise(4.0), Span(0.0, 4.0))) == 0
    assert len(decay_times(Waveform(np.zeros((1, 64_000), np.float32), RATE_HZ), WHOLE)) == 0
    assert len(decay_times(noise(1.0), Span(0.0, 0.2))) == 0


def test_abrupt_ends_of_dry_sounds_are_no_decay():
    dry = Waveform(heard_in("burst", Room(noise_db=-65.0), seed=1)[None], RATE_HZ)
    assert len(decay_times(dry, WHOLE)) == 0
