import time
import tracemalloc

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.evaluate.narrative.consistency import ConsistencyMetric
from audiostory.evaluate.narrative.defects import DefectMetric, clipped_share
from audiostory.evaluate.narrative.joins import JoinMetric
from tests.evaluate.narrative.stories import RATE_HZ, story, subject, zeros
from tests.evaluate.tracks import noise, tone


def measured(track):
    metric = DefectMetric()
    scores = metric.measure(subject(track))
    assert set(scores) == {column.key for column in metric.columns}
    return scores


def stereo(left, right):
    return Waveform(np.concatenate([left, right]).astype(np.float32), RATE_HZ)


def test_silence_is_counted_and_its_longest_stretch_told():
    samples = noise(10.0).samples.copy()
    samples[:, RATE_HZ : 2 * RATE_HZ] = 0
    samples[:, 5 * RATE_HZ : 8 * RATE_HZ] *= 1e-3
    scores = measured(Waveform(samples, RATE_HZ))
    assert scores["silence_share"] == pytest.approx(0.4)
    assert scores["longest_silence_s"] == pytest.approx(3.0)


def test_a_channel_that_sounds_is_no_silence():
    one = noise(5.0).samples
    assert measured(stereo(one, 0 * one))["silence_share"] == 0


def test_clipping_is_a_share_of_the_samples():
    loud = 2 * tone(1.0).samples / 0.5
    assert clipped_share(Waveform(np.clip(loud, -1, 1), RATE_HZ)) == pytest.approx(2 / 3, abs=0.02)
    assert clipped_share(Waveform(loud, RATE_HZ)) == 0
    assert clipped_share(stereo(np.clip(loud, -1, 1), loud)) == pytest.approx(1 / 3, abs=0.02)


def test_clipping_is_found_after_a_change_of_level():
    clipped = np.clip(3 * tone(1.0).samples, -1, 1)
    assert clipped_share(Waveform(clipped * np.float32(0.4), RATE_HZ)) > 0.4


def test_slow_tones_in_16_bits_silence_and_noise_are_not_clipped():
    slow = np.round(tone(2.0, 20.0).samples * 2 * 32_767) / np.float32(32_768)
    assert clipped_share(Waveform(slow.astype(np.float32), RATE_HZ)) == 0
    assert clipped_share(zeros(1.0)) == 0
    assert clipped_share(noise(2.0)) == 0


def test_peaks_offset_and_bandwidth_are_those_of_the_signal():
    scores = measured(Waveform(tone(5.0, 1_000.0).samples + np.float32(0.02), RATE_HZ))
    assert scores["true_peak_dbtp"] == pytest.approx(20 * np.log10(0.52), abs=0.1)
    assert scores["dc_offset"] == pytest.approx(0.02, abs=1e-4)
    assert scores["bandwidth_hz"] == pytest.approx(1_000, abs=8)
    assert measured(noise(5.0))["bandwidth_hz"] == pytest.approx(0.95 * 8_000, rel=0.01)


def test_channels_are_told_apart():
    one, other = noise(2.0).samples, noise(2.0, seed=1).samples
    assert measured(noise(2.0))["channel_correlation"] is None
    assert measured(stereo(one, one))["channel_correlation"] == pytest.approx(1.0)
    assert measured(stereo(one, -one))["channel_correlation"] == pytest.approx(-1.0)
    assert measured(stereo(one, other))["channel_correlation"] == pytest.approx(0.0, abs=0.05)
    assert measured(stereo(one, 0 * one))["channel_correlation"] is None
    assert measured(stereo(one, other))["channels"] == 2


def test_a_pasted_half_is_a_repetition():
    half = noise(6.0).samples
    scores = measured(Waveform(np.concatenate([half, half], axis=1), RATE_HZ))
    assert scores["copied_share"] == pytest.approx(
        4 / 10
    )  # blocks at 6 to 9 s of those at 0 to 9 s


def test_silence_and_single_samples_are_measured():
    silent = measured(zeros(5.0, channels=6))
    assert (silent["silence_share"], silent["longest_silence_s"]) == (1.0, 5.0)
    assert silent["true_peak_dbtp"] is silent["bandwidth_hz"] is silent["repeated_share"] is None
    one = measured(Waveform(np.full((1, 1), 0.5, np.float32), RATE_HZ))
    assert (one["dc_offset"], one["clipped_share"], one["silence_share"]) == (0.5, 0.0, 0.0)


def test_a_track_without_samples_is_refused_and_one_with_nan_does_not_exist():
    with pytest.raises(AudioError, match="no samples"):
        measured(Waveform(np.zeros((1, 0), np.float32), RATE_HZ))
    with pytest.raises(AudioError, match="NaN"):
        Waveform(np.full((1, 5), np.nan, np.float32), RATE_HZ)


@pytest.mark.parametrize("rate_hz", [4_000, 11_111, 96_000])
def test_odd_rates_are_measured(rate_hz):
    assert measured(noise(4.5, rate_hz=rate_hz))["repeated_share"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", [DefectMetric, JoinMetric, ConsistencyMetric])
def test_an_hour_takes_less_than_a_minute_and_a_gigabyte(kind):
    hour = Waveform(np.tile(noise(601.0, rate_hz=44_100).samples, (2, 6)), 44_100)
    told = subject(hour, story=story(*range(0, 3_601, 12)))
    tracemalloc.start()
    began_s = time.process_time()
    try:
        kind().measure(told)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - began_s < 60
    assert peak_bytes < 1e9
