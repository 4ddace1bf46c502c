from __future__ import annotations

import numpy as np
import pytest

from audiostory.audio.crossfade import hard_joins, linear_crossfade, resampled_to_ceil
from audiostory.errors import AudioError


def constant(num_samples: int, value: float = 1.0, channels: int = 1) -> np.ndarray:
    return np.full((channels, num_samples), value, np.float32)


def test_each_join_shortens_the_track_by_one_transition():
    track = linear_crossfade([constant(700), constant(650), constant(900)], 100, 3.0)
    assert track.samples.shape == (1, 700 + 650 + 900 - 2 * 300)
    assert track.hard_joins == ()


def test_ramps_add_up_to_one_and_reach_both_ends():
    track = linear_crossfade([constant(50), constant(50)], 10, 2.0).samples
    np.testing.assert_allclose(track, 1.0, rtol=1e-6)
    apart = linear_crossfade([constant(50, 1.0), constant(50, 0.0)], 10, 2.0).samples
    assert (apart[0, 30], apart[0, 49]) == (1.0, 0.0)


def test_a_clip_shorter_than_the_transition_follows_end_to_end_and_that_is_told():
    track = linear_crossfade([constant(700), constant(120), constant(500)], 100, 3.0)
    assert track.samples.shape[1] == 700 + 120 + 500 - 300
    assert track.hard_joins == (1,)


def test_a_transition_as_long_as_the_clips_still_fades():
    track = linear_crossfade([constant(300), constant(300)], 100, 3.0)
    assert track.samples.shape[1] == 300
    assert track.hard_joins == ()


@pytest.mark.parametrize("transition_s", [0.0, 0.005, -1.0])
def test_without_a_transition_clips_stand_end_to_end_as_asked(transition_s):
    track = linear_crossfade([constant(30, 1.0), constant(20, 2.0)], 100, transition_s)
    assert track.samples.tolist() == [[1.0] * 30 + [2.0] * 20]
    assert track.hard_joins == ()


def test_mono_may_come_without_a_channel_axis_and_nothing_stays_nothing():
    assert linear_crossfade([constant(5)[0], constant(5)], 10, 0.0).samples.shape == (1, 10)
    assert linear_crossfade([], 10, 3.0).samples.shape == (1, 0)


def test_mono_and_stereo_do_not_mix():
    with pytest.raises(AudioError, match=r"\[1, 2\] channels"):
        linear_crossfade([constant(5), constant(5, channels=2)], 10, 0.0)


def test_hard_joins_are_known_from_lengths_alone():
    lengths = [700, 120, 500, 250, 400]
    clips = [constant(length) for length in lengths]
    assert linear_crossfade(clips, 100, 3.0).hard_joins == hard_joins(lengths, 300) == (1, 3)


@pytest.mark.parametrize(("num_samples", "num_after"), [(441, 320), (442, 321), (1, 1), (0, 0)])
def test_another_rate_rounds_the_length_up(num_samples, num_after):
    resampled = resampled_to_ceil(constant(num_samples, channels=2), 44_100, 32_000)
    assert resampled.shape == (2, num_after)
    assert resampled.dtype == np.float32


def test_the_same_rate_changes_nothing():
    clip = constant(10)
    assert resampled_to_ceil(clip, 8000, 8000) is clip
