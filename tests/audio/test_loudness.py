"""Loudness and peaks: measured like other meters do, and brought where they belong."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import resample_poly

from audiostory.audio.loudness import (
    MAX_EVENING_DB,
    KeptGain,
    evened,
    integrated_lufs,
    normalize,
    true_peak_dbtp,
)
from audiostory.audio.waveform import Waveform, silence
from audiostory.errors import AudioError
from tests.audio.sounds import clicks, noise, thunder_over_quiet, tone


def meter_lufs(sound: Waveform) -> float:
    """Loudness after another meter."""
    meter = pyloudnorm.Meter(sound.sample_rate_hz)
    return float(meter.integrated_loudness(sound.samples.T.astype(np.float64)))


def meter_peak_dbtp(sound: Waveform) -> float:
    """True peak after another meter: other filter, other oversampling."""
    peaks = [np.abs(resample_poly(row.astype(np.float64), 8, 1)).max() for row in sound.samples]
    return 20 * math.log10(max(peaks))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_what_pyloudnorm_measures(rate, channels):
    sound = noise(2.0, rate, channels=channels)
    assert integrated_lufs(sound) == pytest.approx(meter_lufs(sound), abs=1e-6)


def test_gates_leave_out_what_pyloudnorm_leaves_out():
    sound = thunder_over_quiet()
    assert integrated_lufs(sound) == pytest.approx(meter_lufs(sound), abs=1e-6)


def test_a_full_scale_sine_has_the_loudness_the_standard_says():
    assert integrated_lufs(tone(997.0, 5.0, 48_000, level=1.0)) == pytest.approx(-3.01, abs=0.1)


def test_peaks_between_samples_count():
    seconds = np.arange(4_800) / 48_000
    row = np.sin(2 * np.pi * 12_000 * seconds + np.pi / 4).astype(np.float32)
    sound = Waveform(row[None], 48_000)
    assert np.abs(row).max() == pytest.approx(0.7071, abs=1e-3)
    assert true_peak_dbtp(sound) == pytest.approx(0.0, abs=0.7)
    assert true_peak_dbtp(sound) > -0.1


@pytest.mark.parametrize("seed", range(5))
def test_true_peaks_agree_with_another_meter(seed):
    sound = noise(0.5, seed=seed)
    assert true_peak_dbtp(sound) >= meter_peak_dbtp(sound) - 0.3


@pytest.mark.parametrize(
    "sound",
    [
        noise(level=0.001),
        noise(level=0.3),
        tone(50.0, 3.0, level=1.0),
        noise(level=0.05, channels=2),
        clicks(0.05),
        clicks(0.02),
        clicks(0.005, bed_level=0.003),
        thunder_over_quiet(),
        Waveform(thunder_over_quiet().samples * 5, 24_000),
        noise(2.0, 44_100, level=0.02),
    ],
)
def test_loudness_and_peaks_both_end_where_they_belong(sound):
    result, report = normalize(sound)
    assert meter_lufs(result) == pytest.approx(-16.0, abs=0.5)
    assert meter_peak_dbtp(result) <= -1.0
    assert true_peak_dbtp(result) <= -1.0
    assert report.is_on_target
    assert report.after.lufs == pytest.approx(meter_lufs(result), abs=0.01)
    assert result.num_samples == sound.num_samples


def test_where_there_is_room_a_plain_gain_does_it():
    sound = noise(level=0.05)
    result, report = normalize(sound)
    assert report.limiter is None
    assert report.reduction_db == 0.0
    gain = 10 ** (report.gain_db / 20)
    assert np.allclose(result.samples, sound.samples * gain, rtol=1e-5)


def test_the_limiter_does_not_reshape_what_is_away_from_the_peaks():
    sound = thunder_over_quiet()
    result, report = normalize(sound)
    assert report.limiter == "smooth"
    before = slice(0, 71_000)  # the rain before the thunder
    gain = 10 ** (report.gain_db / 20)
    assert np.allclose(result.samples[:, before], sound.samples[:, before] * gain, rtol=1e-4)


def test_lone_impulses_keep_the_ceiling_and_the_report_says_what_could_not_be():
    samples = np.zeros((1, 240_000), np.float32)
    samples[0, ::12_000] = 0.9
    result, report = normalize(Waveform(samples, 24_000))
    assert meter_peak_dbtp(result) <= -1.0
    assert not report.is_on_target
    assert "not -16 LUFS" in report.summary
    assert report.limiter is None  # no brute force where it gains nothing


def test_without_a_target_only_the_ceiling_is_kept():
    quiet, hot = noise(level=0.01), noise(level=0.5)
    kept, report = normalize(quiet, None)
    assert np.array_equal(kept.samples, quiet.samples)
    assert (report.gain_db, report.limiter) == (0.0, None)
    limited, report = normalize(hot, None)
    assert meter_peak_dbtp(limited) <= -1.0
    assert report.limiter == "smooth"
    assert report.is_on_target


def test_other_targets_and_ceilings_are_reached_too():
    result, _ = normalize(clicks(0.05, bed_level=0.01), -23.0, -6.0)
    assert meter_lufs(result) == pytest.approx(-23.0, abs=0.5)
    assert meter_peak_dbtp(result) <= -6.0


@pytest.mark.parametrize("duration_s", [0.0, 0.2, 3.0])
def test_silence_stays_silence_and_is_reported(duration_s):
    quiet = silence(duration_s, 24_000)
    result, report = normalize(quiet)
    assert not result.samples.any()
    assert report.method == "silent"
    assert "left as it is" in report.summary


@pytest.mark.parametrize("sound", [noise(3.0, level=1e-5), noise(0.2, level=1e-5)])
def test_what_is_under_the_absolute_gate_is_not_blown_up(sound):
    result, report = normalize(sound)
    assert report.method == "silent"
    assert np.array_equal(result.samples, sound.samples)


def test_the_ceiling_holds_for_what_no_ear_hears_too():
    seconds = np.arange(72_000) / 24_000
    swell = Waveform((1.5 * np.sin(2 * np.pi * 0.3 * seconds)).astype(np.float32)[None], 24_000)
    result, _ = normalize(swell)
    assert true_peak_dbtp(result) <= -1.0


@pytest.mark.parametrize("duration_s", [0.01, 0.1, 0.39])
def test_very_short_sounds_are_measured_without_gates_and_it_is_said(duration_s):
    result, report = normalize(tone(1_000.0, duration_s, level=0.01))
    assert report.method == "ungated"
    assert "without gating" in report.summary
    assert integrated_lufs(result) == pytest.approx(-16.0, abs=0.5)


def test_the_same_sound_gives_the_same_samples():
    first, _ = normalize(clicks(0.02))
    second, _ = normalize(clicks(0.02))
    assert np.array_equal(first.samples, second.samples)


@pytest.mark.parametrize(("target", "ceiling"), [(3.0, -1.0), (-90.0, -1.0), (math.nan, -1.0)])
def test_targets_out_of_range_are_refused(target, ceiling):
    with pytest.raises(AudioError, match="usually -16"):
        normalize(noise(), target, ceiling)


@pytest.mark.parametrize("ceiling", [0.5, -60.0, math.nan])
def test_ceilings_out_of_range_are_refused(ceiling):
    with pytest.raises(AudioError, match="usually -1"):
        normalize(noise(), -16.0, ceiling)


def test_more_channels_than_the_standard_knows_are_refused():
    with pytest.raises(AudioError, match="mix them down"):
        integrated_lufs(noise(0.5, channels=6))


@pytest.mark.slow
def test_ten_minutes_need_little_more_memory_than_the_track():
    sound = noise(600.0, level=0.05)
    sound.samples[0, ::50_000] = 0.9
    tracemalloc.start()
    result, _ = normalize(sound)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.num_samples == 600 * 24_000
    assert most < 2.5 * sound.samples.nbytes


def test_a_kept_gain_gives_the_samples_it_gave_when_it_was_found():
    for sound in (noise(), clicks(0.02)):
        found, report = normalize(sound)
        kept = KeptGain(gain_db=report.gain_db, limiter=report.limiter or "smooth")
        again, report_again = normalize(sound, kept=kept)
        assert np.array_equal(found.samples, again.samples)
        assert report_again.is_kept


def test_a_kept_gain_that_misses_the_target_is_told_and_keeps_the_ceiling():
    result, report = normalize(noise(), kept=KeptGain(gain_db=30.0))
    assert not report.is_on_target
    assert "measure anew" in report.summary
    assert true_peak_dbtp(result) <= -1.0


@pytest.mark.parametrize(("evenness", "apart_db"), [(0.0, 10.0), (0.5, 5.0), (1.0, 0.0)])
def test_sounds_are_made_as_loud_as_each_other_as_far_as_asked(evenness, apart_db):
    hiss = np.random.default_rng(0).normal(0, 0.05, (1, 48_000)).astype(np.float32)
    loud, faint = Waveform(hiss, 24_000), Waveform(hiss * np.float32(10**-0.5), 24_000)
    apart = integrated_lufs(evened(loud, evenness)) - integrated_lufs(evened(faint, evenness))
    assert apart == pytest.approx(apart_db, abs=0.1)


def test_what_is_very_faint_is_raised_by_so_much_only_and_silence_by_nothing():
    hiss = np.random.default_rng(0).normal(0, 0.001, (1, 48_000)).astype(np.float32)
    faint = Waveform(hiss, 24_000)
    raised = integrated_lufs(evened(faint, 1.0)) - integrated_lufs(faint)
    assert raised == pytest.approx(MAX_EVENING_DB, abs=0.01)
    silence = Waveform(np.zeros((1, 48_000), np.float32), 24_000)
    assert evened(silence, 1.0) is silence
