"""What the spectrogram shows: tones at their pitch, sounds at their time, levels in dB."""

from __future__ import annotations

import numpy as np
import pytest

from audiostory.audio.spectrogram import (
    RANGE_DB,
    colours,
    extremes,
    log_spectrogram,
    row_frequencies,
)
from audiostory.audio.waveform import Waveform, silence
from tests.audio.sounds import noise, tone


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
@pytest.mark.parametrize("frequency_hz", [60.0, 440.0, 3_000.0])
def test_a_tone_is_brightest_at_its_own_pitch(rate, frequency_hz):
    levels_YX = log_spectrogram(tone(frequency_hz, 2.0, rate), 50, 300)
    row = int(levels_YX[:, 25].argmax())
    edges_hz = row_frequencies(rate, 301)
    semitone = 2 ** (1 / 12)
    assert edges_hz[row] / semitone < frequency_hz < edges_hz[row + 1] * semitone


def test_a_sound_appears_at_its_time_and_nowhere_else():
    samples = np.zeros((1, 240_000), np.float32)
    samples[:, 120_000:144_000] = noise(1.0).samples
    levels_YX = log_spectrogram(Waveform(samples, 24_000), 100, 60)
    assert levels_YX[:, 52:58].min() > 0.3
    assert levels_YX[:, :48].max() == 0.0
    assert levels_YX[:, 62:].max() == 0.0


def test_levels_are_decibels_under_the_brightest_spot():
    loud, quiet = tone(1_000.0, 1.0, level=0.5), tone(1_000.0, 1.0, level=0.05)
    both = Waveform(np.concatenate([loud.samples, quiet.samples], axis=1), 24_000)
    levels_YX = log_spectrogram(both, 40, 100)
    step = levels_YX[:, 10].max() - levels_YX[:, 30].max()
    assert step * RANGE_DB == pytest.approx(20.0, abs=0.2)


@pytest.mark.parametrize("num_samples", [0, 1, 700, 100_000])
def test_tracks_of_any_length_fill_the_picture(num_samples):
    sound = Waveform(np.full((2, num_samples), 0.1, np.float32), 24_000)
    assert log_spectrogram(sound, 333, 77).shape == (77, 333)
    assert [values.shape for values in extremes(sound, 333)] == [(333,)] * 3


def test_silence_is_black():
    levels_YX = log_spectrogram(silence(1.0, 24_000), 20, 20)
    assert not levels_YX.any()
    assert colours(levels_YX).max() < 20


def test_colours_get_lighter_with_the_level():
    lightness = colours(np.linspace(0, 1, 50)).astype(float) @ [0.30, 0.59, 0.11]
    assert (np.diff(lightness) > 0).all()


def test_extremes_hold_every_peak():
    sound = noise(1.0, channels=2)
    sound.samples[1, 12_345] = -0.99
    lowest, highest, rms = extremes(sound, 97)
    assert lowest.min() == np.float32(-0.99)
    assert highest.max() == sound.samples.max()
    assert rms.mean() == pytest.approx(0.1, rel=0.05)
