"""The frames of a track: what they cover, and that chunks leave no trace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.audio import meter as module
from audiostory.audio.loudness import integrated_lufs, true_peak_dbtp
from audiostory.audio.meter import frame_edges, frame_energies, frame_peaks, gated_lufs
from audiostory.audio.waveform import Waveform
from tests.audio.sounds import noise, tone


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_frames_are_milliseconds_at_every_rate(rate):
    edges = frame_edges(rate * 3, rate)
    assert len(edges) == 3_001
    assert edges[100] == rate // 10
    assert np.ptp(np.diff(edges)) <= 1


@given(st.integers(0, 2_000), st.sampled_from([4_000, 11_025, 24_000]))
def test_frames_cover_every_sample_once(num_samples, rate):
    edges = frame_edges(num_samples, rate)
    assert edges[0] == 0
    assert edges[-1] == num_samples
    assert (np.diff(edges) > 0).all()


def test_measures_do_not_depend_on_how_the_track_is_cut_into_chunks(monkeypatch):
    sound = noise(3.0, 44_100, channels=2)
    whole = integrated_lufs(sound), true_peak_dbtp(sound)
    monkeypatch.setattr(module, "CHUNK_SAMPLES", 10_000)
    assert integrated_lufs(sound) == pytest.approx(whole[0], abs=1e-9)
    assert true_peak_dbtp(sound) == pytest.approx(whole[1], abs=1e-4)


def test_a_peak_is_found_in_its_own_millisecond_in_either_channel():
    samples = np.zeros((2, 24_000), np.float32)
    samples[0, 2_412] = 0.5
    samples[1, 12_012] = -0.8
    peaks_K = frame_peaks(Waveform(samples, 24_000))
    assert peaks_K.argmax() == 500
    assert peaks_K[500] >= 0.8
    assert peaks_K[:400].argmax() == 100


def test_energies_of_channels_add_up():
    left, right = noise(1.0, seed=1), noise(1.0, seed=2)
    both = Waveform(np.concatenate([left.samples, right.samples]), 24_000)
    assert np.allclose(frame_energies(both), frame_energies(left) + frame_energies(right))


def test_ten_times_the_amplitude_is_twenty_units_louder():
    energies_K = frame_energies(tone(1_000.0, 2.0, level=0.05))
    louder = gated_lufs(100 * energies_K, 48_000, 24_000)
    assert louder - gated_lufs(energies_K, 48_000, 24_000) == pytest.approx(20.0)
