"""Joining clips: lengths, laws of the fades, layers and gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.audio.join import (
    JOIN_TOLERANCE_S,
    Placement,
    assemble,
    fade,
    lengths_to_render,
)
from audiostory.audio.waveform import Waveform
from audiostory.errors import AudioError
from audiostory.story.plan import TOLERANCE_S

RATE = 8_000


def in_a_row(*durations_s: float) -> list[Placement]:
    starts_s = np.concatenate([[0.0], np.cumsum(durations_s)[:-1]])
    return [
        Placement(start_s=float(start_s), duration_s=duration_s)
        for start_s, duration_s in zip(starts_s, durations_s, strict=True)
    ]


def ones(duration_s: float, rate: int = RATE, channels: int = 1) -> Waveform:
    return Waveform(np.ones((channels, round(duration_s * rate)), np.float32), rate)


def rendered(placements, overlap_s, sound=ones):
    return [sound(length_s) for length_s in lengths_to_render(placements, overlap_s)]


@pytest.mark.parametrize("num_samples", [1, 2, 7, 4_000])
def test_equal_power_fades_keep_the_sum_of_squares(num_samples):
    rising = fade(num_samples, "equal_power").astype(np.float64)
    assert rising**2 + rising[::-1] ** 2 == pytest.approx(1.0)


@pytest.mark.parametrize("num_samples", [1, 2, 7, 4_000])
def test_linear_fades_keep_the_sum(num_samples):
    rising = fade(num_samples, "linear").astype(np.float64)
    assert rising + rising[::-1] == pytest.approx(1.0)


def test_an_unknown_curve_is_refused():
    with pytest.raises(AudioError, match="equal_power"):
        fade(10, "cubic")


def test_each_clip_but_the_last_is_rendered_longer_by_the_overlap():
    assert lengths_to_render(in_a_row(2.0, 3.0, 1.0), 0.5) == pytest.approx([2.5, 3.5, 1.0])


def test_the_overlap_is_shortened_but_never_skipped_for_short_clips():
    assert lengths_to_render(in_a_row(4.0, 1.1, 0.2), 3.0) == pytest.approx([4.55, 1.2, 0.2])


def test_a_clip_before_a_gap_or_on_another_layer_is_not_longer():
    placements = [
        Placement(start_s=0.0, duration_s=2.0),
        Placement(start_s=2.5, duration_s=1.0),
        Placement(start_s=2.0, duration_s=1.0, layer="rain"),
    ]
    assert lengths_to_render(placements, 0.5) == [2.0, 1.0, 1.0]


def test_the_order_of_placements_does_not_matter():
    first, second, third = in_a_row(2.0, 3.0, 1.0)
    assert lengths_to_render([third, first, second], 0.5) == pytest.approx([1.0, 2.5, 3.5])


def test_a_hair_between_clips_counts_as_a_direct_neighbour():
    for start_s in (1.97, 2.03):
        placements = [
            Placement(start_s=0.0, duration_s=2.0),
            Placement(start_s=start_s, duration_s=2.0),
        ]
        assert lengths_to_render(placements, 0.5) == pytest.approx([start_s + 0.5, 2.0])


def test_what_a_plan_tolerates_is_joined():
    assert JOIN_TOLERANCE_S == TOLERANCE_S
    placements = [
        Placement(start_s=0.0, duration_s=2.0),
        Placement(start_s=2.0, duration_s=0.04),
        Placement(start_s=2.04, duration_s=2.0),
    ]
    clips = rendered(placements, 0.5)
    track = assemble(clips, placements, total_s=4.0, sample_rate_hz=RATE, overlap_s=0.5)
    assert track.num_samples == 4 * RATE


@given(
    st.lists(st.floats(0.05, 3.0), min_size=1, max_size=6),
    st.floats(0.0, 2.0),
    st.sampled_from([8_000, 11_025]),
)
def test_the_track_is_exactly_as_long_as_asked(durations_s, overlap_s, rate):
    placements = in_a_row(*durations_s)
    total_s = sum(durations_s)
    clips = [ones(length_s, rate) for length_s in lengths_to_render(placements, overlap_s)]
    track = assemble(clips, placements, total_s=total_s, sample_rate_hz=rate, overlap_s=overlap_s)
    assert track.num_samples == round(total_s * rate)


on_the_sample_grid = st.integers(100, 8_000).map(lambda samples: 2 * samples / RATE)


@given(st.lists(on_the_sample_grid, min_size=2, max_size=5), on_the_sample_grid)
def test_linear_joins_of_equal_clips_are_seamless(durations_s, overlap_s):
    placements = in_a_row(*durations_s)
    track = assemble(
        rendered(placements, overlap_s),
        placements,
        total_s=sum(durations_s),
        sample_rate_hz=RATE,
        overlap_s=overlap_s,
        curve="linear",
    )
    inside = track.samples[0, 41:-41]  # without the edge fades
    assert np.abs(inside - 1.0).max() < 1e-5


def test_equal_power_joins_keep_the_power_of_unrelated_clips():
    rng = np.random.default_rng(3)
    placements = in_a_row(1.0, 1.0)
    power = np.zeros(2 * RATE)
    for _ in range(400):
        clips = rendered(
            placements,
            0.5,
            lambda s: Waveform(rng.standard_normal((1, round(s * RATE)), np.float32), RATE),
        )
        track = assemble(clips, placements, total_s=2.0, sample_rate_hz=RATE, overlap_s=0.5)
        power += track.samples[0].astype(np.float64) ** 2 / 400
    blocks = power[80:-80].reshape(-1, 160).mean(axis=1)
    assert np.abs(10 * np.log10(blocks)).max() < 0.15


def test_a_hard_join_switches_from_one_sample_to_the_next():
    placements = in_a_row(1.0, 1.0)
    clips = [ones(1.5), Waveform(-ones(1.0).samples, RATE)]
    track = assemble(
        clips, placements, total_s=2.0, sample_rate_hz=RATE, overlap_s=0.5, curve="none"
    )
    assert track.samples[0, RATE - 1] == 1.0
    assert track.samples[0, RATE] == -1.0


@pytest.mark.parametrize("overlap_s", [0.0, 0.5])
def test_starts_ends_and_gaps_are_faded_so_that_nothing_clicks(overlap_s):
    placements = [Placement(start_s=0.5, duration_s=1.0), Placement(start_s=2.0, duration_s=1.0)]
    track = assemble(
        rendered(placements, overlap_s),
        placements,
        total_s=4.0,
        sample_rate_hz=RATE,
        overlap_s=overlap_s,
    )
    assert np.abs(np.diff(track.samples[0])).max() < 0.03
    assert not track.samples[0, 12_000:16_000].any()
    assert not track.samples[0, 24_000:].any()
    assert track.samples[0, 8_000] == 1.0


def test_layers_sound_together_at_their_gains():
    placements = [
        Placement(start_s=0.0, duration_s=2.0, gain=0.25),
        Placement(start_s=0.0, duration_s=2.0, gain=0.5, layer="rain"),
    ]
    track = assemble(
        rendered(placements, 0.5), placements, total_s=2.0, sample_rate_hz=RATE, overlap_s=0.5
    )
    assert track.samples[0, RATE] == pytest.approx(0.75)


def test_one_stereo_clip_makes_the_track_stereo():
    placements = in_a_row(1.0, 1.0, 1.0)
    clips = [ones(1.5), ones(1.5, channels=2), ones(1.0)]
    track = assemble(clips, placements, total_s=3.0, sample_rate_hz=RATE, overlap_s=0.5)
    assert track.channels == 2
    assert np.array_equal(track.samples[0], track.samples[1])


def test_stereo_and_surround_clips_do_not_mix():
    clips = [ones(1.5, channels=2), ones(1.0, channels=3)]
    with pytest.raises(AudioError, match="3 channels"):
        assemble(clips, in_a_row(1.0, 1.0), total_s=2.0, sample_rate_hz=RATE, overlap_s=0.5)


def test_clips_of_another_rate_are_resampled():
    placements = in_a_row(1.003, 1.0)
    clips = [ones(length_s, 11_025) for length_s in lengths_to_render(placements, 0.5)]
    track = assemble(clips, placements, total_s=2.003, sample_rate_hz=RATE, overlap_s=0.5)
    assert track.num_samples == round(2.003 * RATE)


def test_clips_can_be_loaded_one_at_a_time():
    placements = in_a_row(1.0, 1.0)
    clips = (ones(length_s) for length_s in lengths_to_render(placements, 0.5))
    track = assemble(clips, placements, total_s=2.0, sample_rate_hz=RATE, overlap_s=0.5)
    assert track.duration_s == 2.0


def test_a_longer_clip_is_used_from_its_start():
    placements = in_a_row(1.0)
    ramp = Waveform(np.linspace(0, 1, 2 * RATE, dtype=np.float32)[None], RATE)
    track = assemble([ramp], placements, total_s=1.0, sample_rate_hz=RATE, overlap_s=0.5)
    assert np.array_equal(track.samples[0, 40:-40], ramp.samples[0, 40 : RATE - 40])


def test_editing_one_clip_changes_only_its_own_stretch():
    placements = in_a_row(1.0, 1.0, 1.0)
    clips = rendered(placements, 0.25)
    edited = [clips[0], Waveform(-clips[1].samples, RATE), clips[2]]
    tracks = [
        assemble(each, placements, total_s=3.0, sample_rate_hz=RATE, overlap_s=0.25).samples[0]
        for each in (clips, edited)
    ]
    changed = np.flatnonzero(tracks[0] != tracks[1])
    assert changed.min() == RATE
    assert changed.max() < 2.25 * RATE


@pytest.mark.parametrize(
    ("placements", "message"),
    [
        ([Placement(start_s=-1.0, duration_s=2.0)], "stretch of time"),
        ([Placement(start_s=0.0, duration_s=0.0)], "stretch of time"),
        ([Placement(start_s=0.0, duration_s=float("nan"))], "stretch of time"),
        ([Placement(start_s=0.0, duration_s=1.0, gain=-1.0)], "gain"),
        ([Placement(start_s=0.0, duration_s=1.0), Placement(start_s=0.5, duration_s=1.0)], "layer"),
        ([Placement(start_s=0.0, duration_s=9.0)], "after the track"),
    ],
)
def test_impossible_placements_are_refused(placements, message):
    clips = [ones(9.0) for _ in placements]
    with pytest.raises(AudioError, match=message):
        assemble(clips, placements, total_s=3.0, sample_rate_hz=RATE, overlap_s=0.5)


def test_a_clip_too_short_for_its_place_is_named():
    placements = in_a_row(1.0, 1.0)
    with pytest.raises(AudioError, match=r"clip 1 of 2 .* 1\.500 s"):
        assemble(
            [ones(1.0), ones(1.0)], placements, total_s=2.0, sample_rate_hz=RATE, overlap_s=0.5
        )


@pytest.mark.parametrize("num_clips", [1, 3])
def test_every_placement_needs_exactly_one_clip(num_clips):
    with pytest.raises(AudioError, match="for 2 placements"):
        assemble(
            [ones(1.5)] * num_clips,
            in_a_row(1.0, 1.0),
            total_s=2.0,
            sample_rate_hz=RATE,
            overlap_s=0.5,
        )


@pytest.mark.parametrize("overlap_s", [-0.1, float("nan")])
def test_an_overlap_that_is_no_length_is_refused(overlap_s):
    with pytest.raises(AudioError, match="overlap"):
        lengths_to_render(in_a_row(1.0), overlap_s)
