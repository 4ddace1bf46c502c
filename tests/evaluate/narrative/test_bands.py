import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.narrative.bands import BandConfig, bands_of, shared_bank
from tests.evaluate.tracks import noise, tone

WIDE = BandConfig(lowest_hz=0.0, highest_hz=96_000.0)


@pytest.mark.parametrize("rate_hz", [4_000, 11_111, 44_100])
def test_bands_add_up_to_the_mean_square(rate_hz):
    track = noise(2.0, rate_hz=rate_hz)
    powers = bands_of(track, WIDE).powers_TM.sum(axis=1)
    assert powers.mean() == pytest.approx(np.square(track.samples).mean(), rel=0.03)


def test_a_tone_lies_in_the_band_of_its_frequency():
    powers = bands_of(tone(1.0, 1_000.0)).powers_TM.mean(axis=0)
    bank = shared_bank(BandConfig(), 640, 16_000)
    assert powers.argmax() == bank[40].argmax()  # bin 40 of 25 Hz
    assert powers.sum() == pytest.approx(0.125, rel=0.01)


def test_every_frequency_inside_counts_once_and_none_outside():
    weights = shared_bank(BandConfig(), 4_096, 44_100).sum(axis=1)
    hertz = np.arange(2_049) * 44_100 / 4_096
    inside = (hertz > 50) & (hertz < 12_000)
    assert weights[inside] == pytest.approx(np.ones(inside.sum()))
    assert not weights[~inside].any()


def test_frames_do_not_drift_at_odd_rates():
    track = noise(60.0, rate_hz=11_111)
    bands = bands_of(track)
    assert len(bands.powers_TM) == pytest.approx((60.0 - 0.04) * 50, abs=1)
    click = np.zeros((1, track.num_samples), np.float32)
    click[0, round(50.0 * 11_111) + 200] = 1.0
    loudest = bands_of(Waveform(click, 11_111)).powers_TM.sum(axis=1).argmax()
    assert loudest / 50 == pytest.approx(50.0, abs=0.03)


def test_channels_that_cancel_each_other_are_heard():
    one = noise(0.5)
    opposite = Waveform(np.concatenate([one.samples, -one.samples]), 16_000)
    assert bands_of(opposite).powers_TM == pytest.approx(bands_of(one).powers_TM, rel=1e-5)


def test_one_sample_is_one_frame_and_none_is_refused():
    one = bands_of(Waveform(np.full((6, 1), 0.5, np.float32), 16_000))
    assert one.powers_TM.shape == (1, 32)
    with pytest.raises(AudioError, match="no samples"):
        bands_of(Waveform(np.zeros((1, 0), np.float32), 16_000))


def test_a_span_takes_the_frames_that_lie_wholly_in_it():
    bands = bands_of(noise(3.0))
    assert bands.within(1.0, 1.1) == slice(50, 54)
    assert bands.within(1.0, 1.03) == slice(50, 50)
    assert bands.within(-1.0, 0.04) == slice(0, 1)


def test_silence_does_not_sound():
    half = Waveform(np.append(noise(1.0).samples, np.zeros((1, 16_000), np.float32), 1), 16_000)
    sounding = bands_of(half).is_sounding
    assert sounding[:48].all()
    assert not sounding[51:].any()
    assert bands_of(half).levels.min() == pytest.approx(-100)
