import numpy as np
import pytest
import torch

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.embedded.moments import (
    LEAD,
    LEVEL_DB,
    MOMENT_S,
    STEP,
    WINDOW,
    Moments,
    is_sounding,
    shipped_hearing,
)
from tests.evaluate.embedded.small import WIDTH, hearing
from tests.evaluate.tracks import noise, tone

RATE_HZ = 16_000


@pytest.mark.parametrize(("length_s", "count"), [(0.01, 1), (0.48, 1), (0.5, 2), (4.8, 10)])
def test_a_track_has_a_moment_every_480_milliseconds(length_s, count):
    moments = hearing()(noise(length_s))
    assert len(moments) == count == -(-round(length_s * 1_000) // round(MOMENT_S * 1_000))
    assert moments.features_KD.shape == (count, WIDTH)
    assert float(moments.features_KD.min()) >= 0


def test_a_moment_is_heard_with_what_lies_around_it():
    samples = np.zeros(10 * STEP, np.float32)
    samples[5 * STEP : 6 * STEP] = 1.0
    powers = hearing().of_samples(samples).powers_K
    assert powers[5] == pytest.approx(STEP / WINDOW)
    assert powers[4] == powers[6] == pytest.approx(LEAD / WINDOW, abs=1e-4)
    assert powers[[0, 3, 7, 9]].tolist() == [0.0] * 4


def test_an_embedding_is_that_of_the_window_alone():
    own, track = hearing(), noise(5.0)
    window = torch.from_numpy(track.samples[0, 2 * STEP - LEAD : 2 * STEP - LEAD + WINDOW])
    with torch.inference_mode():
        alone = own.network.embed(own.network.log_mel(window[None]))[0]
    assert torch.allclose(own(track).features_KD[2], alone, atol=1e-5)


def test_silence_after_a_track_changes_nothing_before():
    track = noise(4.8)
    longer = Waveform(np.pad(track.samples, ((0, 0), (0, RATE_HZ))), RATE_HZ)
    short, long = hearing()(track), hearing()(longer)
    assert torch.allclose(short.features_KD, long.features_KD[: len(short)], atol=1e-5)


def test_a_stereo_track_is_heard_as_the_mean_of_its_channels():
    mono = tone(2.0)
    stereo = Waveform(np.repeat(mono.samples, 2, axis=0), mono.sample_rate_hz)
    assert torch.allclose(hearing()(mono).features_KD, hearing()(stereo).features_KD, atol=1e-5)


def test_a_track_is_heard_once_for_all_who_ask():
    own, track = hearing(), tone(2.0)
    assert own(track) is own(track)
    assert own(tone(2.0)) is not own(noise(2.0))


def test_the_level_of_a_track_changes_nothing():
    track = noise(3.0)
    quiet = Waveform(track.samples * np.float32(0.01), RATE_HZ)
    loud, soft = hearing()(track), hearing()(quiet)
    assert torch.allclose(loud.features_KD, soft.features_KD, atol=1e-4)
    assert float(loud.powers_K.max()) == pytest.approx(10 ** (LEVEL_DB / 10), rel=1e-3)


def test_silence_is_heard_as_silence():
    assert not hearing()(Waveform(np.zeros((1, RATE_HZ), np.float32), RATE_HZ)).powers_K.any()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_a_single_sample_is_a_moment(rate_hz):
    assert len(hearing()(Waveform(np.ones((1, 1), np.float32), rate_hz))) == 1


def test_nothing_cannot_be_heard():
    with pytest.raises(AudioError, match="no samples"):
        hearing()(Waveform(np.zeros((1, 0), np.float32), 8_000))


def test_windows_cover_a_track_and_the_last_ends_with_it():
    moments = Moments(torch.arange(11.0)[:, None], torch.arange(11.0))
    windows, starts = moments.windows(4, 2)
    assert starts == [0, 2, 4, 6, 7]
    assert [window.powers_K.tolist()[0] for window in windows] == starts
    assert moments.windows(20, 5)[1] == [0]


def test_quiet_moments_do_not_sound_and_silence_is_heard_whole():
    powers = torch.tensor([[1.0, 0.5, 1e-4], [0.0, 0.0, 0.0]])
    assert is_sounding(powers).tolist() == [[True, True, False], [True] * 3]


def test_the_shipped_yamnet_hears():
    own = shipped_hearing()
    assert own(tone(1.0)).features_KD.shape == (3, 1_024)
    assert len(own.digest) == 12
