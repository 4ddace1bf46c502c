from __future__ import annotations

import math

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.baselines.text_to_audio import Remarking, check_length, of_length
from audiostory.errors import AudioError, InstructionError
from tests.baselines.systems import Remarkable, Tones


def ramp(num_samples: int, rate_hz: int = 8_000) -> Waveform:
    return Waveform(np.arange(1, num_samples + 1, dtype=np.float32)[None] / 10_000, rate_hz)


def test_the_longest_clip_may_be_asked_for_and_no_longer():
    assert check_length(Tones(max_duration_s=10.0), 10.0) == 10.0
    with pytest.raises(InstructionError, match=r"tones makes at most 10\.0 s"):
        check_length(Tones(max_duration_s=10.0), 10.001)


def test_a_length_that_a_plan_rounded_up_is_still_the_longest_clip():
    longest_s = 645 * 2048 / 44_100
    assert check_length(Tones(max_duration_s=longest_s), round(longest_s + 4e-7, 6))


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_no_length_is_refused(seconds):
    with pytest.raises(InstructionError, match="above 0"):
        check_length(Tones(), seconds)


def test_what_is_too_long_is_cut_at_its_end():
    kept = of_length(ramp(1_000), 0.05, "x")
    assert np.array_equal(kept.samples, ramp(400).samples)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_sample_lost_by_rounding_is_silence(missing):
    kept = of_length(ramp(400 - missing), 0.05, "x")
    assert kept.num_samples == 400
    assert not kept.samples[0, 400 - missing :].any()
    assert kept.samples[0, 399 - missing] > 0


def test_a_clip_that_is_too_short_is_an_error_and_not_silence():
    with pytest.raises(AudioError, match="x made 0.049 s where 0.050 s"):
        of_length(ramp(390), 0.05, "x")


def test_only_models_with_remarks_are_asked_for_them():
    assert isinstance(Remarkable(), Remarking)
    assert not isinstance(Tones(), Remarking)
