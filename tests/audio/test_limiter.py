"""The limiter's laws: the ceiling holds, steady tones stay clean, channels stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.audio import limiter
from audiostory.audio.limiter import FAST, SMOOTH, apply_gains, limiter_gains
from audiostory.audio.meter import frame_edges
from audiostory.audio.waveform import Waveform
from tests.audio.sounds import noise, tone

CONFIGS = [SMOOTH, FAST]


def frame_peaks(sound: Waveform) -> np.ndarray:
    edges = frame_edges(sound.num_samples, sound.sample_rate_hz)
    return np.maximum.reduceat(np.abs(sound.samples).max(axis=0), edges[:-1]).astype(np.float64)


@given(
    st.lists(st.floats(0.0, 100.0), min_size=1, max_size=400),
    st.floats(0.1, 1.0),
    st.sampled_from(CONFIGS),
)
def test_no_peak_passes_the_ceiling_even_between_the_middles_of_frames(peaks, ceiling, config):
    peaks_K = np.array(peaks)
    gains_K = limiter_gains(peaks_K, ceiling, config)
    neighbours = np.pad(gains_K, 1, mode="edge")
    highest_K = np.maximum(np.maximum(neighbours[:-2], neighbours[2:]), gains_K)
    assert (peaks_K * highest_K <= ceiling * (1 + 1e-9)).all()


@pytest.mark.parametrize("config", CONFIGS)
def test_what_is_under_the_ceiling_is_left_alone(config):
    assert limiter_gains(np.full(500, 0.8), 0.8, config) == pytest.approx(1.0)


@pytest.mark.parametrize("frequency_hz", [25.0, 50.0, 440.0, 3_000.0])
def test_a_tone_pushed_far_over_the_ceiling_stays_a_clean_tone(frequency_hz):
    sound = tone(frequency_hz, 3.0, level=4.0)
    limited = apply_gains(sound, limiter_gains(frame_peaks(sound), 0.8, SMOOTH))
    middle = limited.samples[0, 24_000:48_000].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle)) ** 2
    fundamental = spectrum[round(frequency_hz)]
    assert 10 * np.log10((spectrum.sum() - fundamental) / fundamental) < -60


def test_a_lone_click_is_recovered_from_soon_and_lasting_noise_slowly():
    peaks_K = np.full(3_000, 0.1)
    peaks_K[1_000] = 8.0
    after_click = limiter_gains(peaks_K, 0.8, SMOOTH)
    peaks_K[500:1_001] = 8.0
    after_noise = limiter_gains(peaks_K, 0.8, SMOOTH)
    assert after_click[1_150] > 0.8
    assert after_noise[1_150] < 0.4
    assert after_noise[2_900] > 0.95


def test_the_gain_falls_before_the_peak_without_a_step():
    peaks_K = np.full(200, 0.1)
    peaks_K[100] = 8.0
    gains_K = limiter_gains(peaks_K, 0.8, SMOOTH)
    assert gains_K[85] == pytest.approx(1.0)
    assert gains_K[99] == pytest.approx(0.1)
    assert np.abs(np.diff(gains_K)).max() < 0.2


def test_channels_are_lowered_together():
    sound = Waveform(np.concatenate([tone(level=4.0).samples, tone(level=0.1).samples]), 24_000)
    limited = apply_gains(sound, limiter_gains(frame_peaks(sound), 0.8, SMOOTH))
    assert np.allclose(limited.samples[0], 40 * limited.samples[1], atol=1e-5)


def test_gains_do_not_depend_on_how_the_track_is_cut_into_chunks(monkeypatch):
    sound = noise(2.0, channels=2)
    gains_K = np.linspace(0.0, 1.0, 2_000)
    whole = apply_gains(sound, gains_K)
    monkeypatch.setattr(limiter, "CHUNK_SAMPLES", 1_000)
    assert np.array_equal(apply_gains(sound, gains_K).samples, whole.samples)
