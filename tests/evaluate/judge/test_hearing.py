import io

import numpy as np
import pytest
import soundfile

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.judge.hearing import Hearing, heard
from tests.evaluate.tracks import tone


def read(part):
    samples, rate_hz = soundfile.read(io.BytesIO(part.data), dtype="float32", always_2d=True)
    return samples.T, rate_hz


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_a_track_arrives_whole_and_mono_at_the_stated_rate(kind):
    stereo = np.repeat(tone(3.0, rate_hz=44_100).samples, 2, axis=0)
    sent = heard(Waveform(stereo, 44_100), Hearing(sample_rate_hz=16_000, format=kind))
    samples, rate_hz = read(sent.part)
    assert (len(samples), rate_hz, sent.part.format) == (1, 16_000, kind)
    assert samples.shape[1] == pytest.approx(48_000, abs=0 if kind != "mp3" else 2_400)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.03)
    assert sent.duration_s == pytest.approx(3.0)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_the_same_track_is_the_same_bytes(kind):
    hearing = Hearing(format=kind)
    assert heard(tone(0.5), hearing).part == heard(tone(0.5), hearing).part


def test_flac_and_wav_differ_by_no_more_than_how_they_round():
    wav, flac = (heard(tone(0.5), Hearing(format=kind)).part for kind in ("wav", "flac"))
    assert np.abs(read(wav)[0] - read(flac)[0]).max() <= 2**-15


def test_a_track_past_full_scale_is_lowered_whole_and_says_so():
    loud = Waveform(tone(0.5).samples * np.float32(4), 16_000)  # peaks at 2
    sent = heard(loud, Hearing())
    assert sent.gain_db == pytest.approx(-6.02, abs=0.01)
    assert np.allclose(read(sent.part)[0], loud.samples / 2, atol=1e-3)


def test_a_track_within_full_scale_is_left_as_loud_as_it_is():
    assert heard(tone(0.5), Hearing()).gain_db == 0.0


def test_a_track_too_long_to_be_sent_is_refused_not_cut():
    with pytest.raises(AudioError, match=r"10 s is 0\.3 MB as 16 kHz mono wav.*choose flac"):
        heard(tone(10.0), Hearing(max_bytes=300_000))


def test_an_empty_track_cannot_be_judged():
    with pytest.raises(AudioError, match="no samples"):
        heard(Waveform(np.zeros((1, 0), np.float32), 16_000), Hearing())


def test_a_rate_that_a_format_does_not_have_is_told():
    with pytest.raises(AudioError, match="choose another rate or format"):
        heard(tone(0.5), Hearing(format="mp3", sample_rate_hz=17_000))
