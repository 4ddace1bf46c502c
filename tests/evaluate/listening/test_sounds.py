import io

import numpy as np
import pytest
import soundfile

from audiostory.audio.loudness import integrated_lufs
from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.listening.sounds import (
    KBIT_PER_S,
    SAMPLE_RATE_HZ,
    check_sound,
    levelled,
    mp3_of,
)
from tests.evaluate.tracks import noise, tone


def stereo(waveform, gain):
    return Waveform(np.repeat(waveform.samples * np.float32(gain), 2, 0), waveform.sample_rate_hz)


def test_tracks_of_any_rate_level_and_channels_come_out_alike():
    tracks = [noise(1.0), stereo(noise(1.0, rate_hz=48_000), 3.0), tone(1.0, rate_hz=24_000)]
    for track in tracks:
        heard, report = levelled(track, -23.0)
        assert (heard.sample_rate_hz, heard.channels) == (SAMPLE_RATE_HZ, 2)
        assert heard.duration_s == pytest.approx(1.0)
        assert integrated_lufs(heard) == pytest.approx(-23.0, abs=0.2)
        assert report.is_on_target


def test_without_a_loudness_the_level_stays_as_it_is():
    track = stereo(tone(1.0, rate_hz=SAMPLE_RATE_HZ), 0.5)
    heard, _ = levelled(track, None)
    np.testing.assert_allclose(heard.samples, track.samples, atol=1e-6)


def test_more_than_two_channels_are_refused():
    with pytest.raises(AudioError, match="mix it down"):
        levelled(Waveform(np.zeros((3, 100), np.float32), 16_000), -23.0)


def test_an_mp3_sounds_as_its_waveform_does():
    track, _ = levelled(tone(2.0), -23.0)
    samples, rate_hz = soundfile.read(io.BytesIO(mp3_of(track)), dtype="float32")
    assert rate_hz == SAMPLE_RATE_HZ
    assert len(samples) == pytest.approx(track.num_samples, abs=2_400)
    spectrum = np.abs(np.fft.rfft(samples[:, 0]))
    assert spectrum.argmax() * rate_hz / len(samples) == pytest.approx(440, abs=1)
    rms = np.sqrt(np.mean(samples[4_410:-4_410] ** 2))
    assert rms == pytest.approx(0.97 * np.sqrt(np.mean(track.samples**2)), rel=0.005)


def test_an_mp3_carries_no_tags_and_its_size_tells_only_its_length():
    loud, soft = mp3_of(stereo(noise(2.0, rate_hz=44_100), 1)), mp3_of(stereo(tone(2.0), 0.1))
    one = mp3_of(levelled(noise(2.0), -23.0)[0])
    two = mp3_of(levelled(tone(2.0), -23.0)[0])
    for file in (loud, soft, one, two):
        assert file[:2] in (b"\xff\xfb", b"\xff\xf3")  # a frame of sound, no ID3 before it
        assert b"ID3" not in file[:10]
        assert file[-128:-125] != b"TAG"
    assert len(one) == len(two)
    assert len(one) == pytest.approx(2.0 * KBIT_PER_S * 125, rel=0.05)


def test_equal_samples_give_equal_bytes():
    track, _ = levelled(noise(1.0), -23.0)
    assert mp3_of(track) == mp3_of(track)


def test_nothing_to_hear_is_refused():
    with pytest.raises(AudioError, match="nothing to hear"):
        mp3_of(Waveform(np.zeros((2, 0), np.float32), SAMPLE_RATE_HZ))


def test_the_volume_is_set_by_noise_as_loud_as_the_tracks():
    sound = check_sound(-23.0)
    assert integrated_lufs(sound) == pytest.approx(-23.0, abs=0.2)
    assert sound.duration_s == pytest.approx(4.0)
