import numpy as np
import pytest

from audiostory.audio.join import Placement, assemble
from audiostory.audio.waveform import Waveform
from audiostory.evaluate.narrative.joins import JoinMetric, has_click
from tests.evaluate.narrative.stories import RATE_HZ, plan, story, subject, texture, zeros
from tests.evaluate.tracks import noise, tone

EDGES_S = (0, 6, 12, 18, 24)
BANDS_HZ = ((100, 800), (1_000, 4_000), (200, 1_500), (2_000, 7_000))


def joined(curve, overlap_s=0.5):
    clips = [texture(7.5, *band, seed=seed) for seed, band in enumerate(BANDS_HZ)]
    places = [Placement(start_s=start, duration_s=6.0) for start in EDGES_S[:-1]]
    return assemble(
        clips, places, total_s=24.0, sample_rate_hz=RATE_HZ, overlap_s=overlap_s, curve=curve
    )


def measured(track, edges_s=EDGES_S):
    metric = JoinMetric()
    scores = metric.measure(subject(track, story=story(*edges_s)))
    assert set(scores) == {column.key for column in metric.columns}
    return scores


def with_gap(track, gap_s):
    samples = track.samples.copy()
    for edge_s in EDGES_S[1:-1]:
        middle, half = edge_s * RATE_HZ, round(gap_s * RATE_HZ / 2)
        samples[:, middle - half : middle + half] = 0
    return Waveform(samples, RATE_HZ)


def test_the_harder_the_cut_the_worse_the_join():
    hard, short, long = (
        measured(joined(curve, overlap_s))
        for curve, overlap_s in (("none", 0.0), ("equal_power", 0.5), ("equal_power", 1.5))
    )
    assert hard["join_quality"] < 0.2 < 0.35 < short["join_quality"] < long["join_quality"]
    assert hard["join_spectral"] > 4 * short["join_spectral"]
    assert hard["join_rank"] > 0.85 > long["join_rank"]


def test_a_track_without_joins_is_neutral_wherever_it_is_cut():
    scores = [measured(texture(24.0, 100, 4_000, seed=seed)) for seed in range(4)]
    assert np.mean([one["join_quality"] for one in scores]) > 0.85
    assert np.mean([one["join_rank"] for one in scores]) == pytest.approx(0.5, abs=0.2)
    assert {one["join_clicks"] for one in scores} == {one["join_gaps"] for one in scores} == {0.0}


def test_a_jump_of_level_alone_is_a_loudness_jump():
    steady = noise(24.0).samples.copy()
    steady[:, 6 * RATE_HZ : 12 * RATE_HZ] *= 0.1
    steady[:, 18 * RATE_HZ :] *= 0.1
    scores = measured(Waveform(steady, RATE_HZ))
    assert scores["join_loudness"] > 10
    assert scores["join_spectral"] < 1.5
    assert scores["join_quality"] < 0.1


def test_what_is_louder_as_a_whole_has_the_same_spectral_jumps():
    track = joined("none", 0.0)
    louder = Waveform(track.samples * np.float32(4.0), RATE_HZ)
    assert measured(louder)["join_spectral"] == pytest.approx(
        measured(track)["join_spectral"], rel=1e-3
    )


@pytest.mark.parametrize(("gap_s", "share"), [(0.1, 1.0), (0.02, 0.0)])
def test_silent_gaps_are_counted(gap_s, share):
    track = texture(24.0, 100, 4_000, seed=1)
    scores = measured(with_gap(track, gap_s))
    assert scores["join_gaps"] == share
    if share:
        assert scores["join_quality"] < 0.5 * measured(track)["join_quality"]


def test_tones_cut_hard_click_and_noises_do_not():
    tones = [tone(6.0, hertz).samples for hertz in (440.3, 331.7, 441.9, 500.7)]
    assert measured(Waveform(np.concatenate(tones, axis=1), RATE_HZ))["join_clicks"] == 1.0
    assert measured(joined("none", 0.0))["join_clicks"] == 0.0


def test_a_click_in_one_of_six_channels_is_found():
    samples = np.repeat(tone(2.0, 200.0).samples, 6, axis=0)
    assert not has_click(Waveform(samples, RATE_HZ), 1.0)
    samples[4, RATE_HZ + 50] += 0.2
    assert has_click(Waveform(samples, RATE_HZ), 1.0)
    assert not has_click(Waveform(samples, RATE_HZ), 1.2)


def test_a_door_slam_at_a_boundary_is_no_click():
    samples = 0.01 * noise(2.0).samples
    times_s = np.arange(RATE_HZ) / RATE_HZ
    slam = np.random.default_rng(3).standard_normal(RATE_HZ) * np.exp(-times_s / 0.05)
    samples[0, RATE_HZ:] += 0.3 * slam.astype(np.float32)
    assert not has_click(Waveform(samples, RATE_HZ), 1.0)


def test_silence_has_no_joins_to_hear_but_they_are_counted():
    scores = measured(zeros(24.0, channels=2))
    assert (scores["joins"], scores["join_silent"]) == (3.0, 1.0)
    assert scores["join_quality"] is scores["join_clicks"] is scores["join_gaps"] is None


def test_silent_joins_do_not_count_beside_others():
    track = texture(24.0, 100, 4_000, seed=2).samples.copy()
    track[:, 17 * RATE_HZ : 20 * RATE_HZ] = 0
    scores = measured(Waveform(track, RATE_HZ))
    assert scores["join_silent"] == pytest.approx(1 / 3)
    assert scores["join_quality"] > 0.7


def test_a_sound_that_follows_silence_jumps_in_loudness_only():
    track = texture(24.0, 100, 4_000, seed=2).samples.copy()
    track[:, : 12 * RATE_HZ] = 0
    scores = measured(Waveform(track, RATE_HZ), edges_s=(0, 12, 24))
    assert scores["join_loudness"] > 5
    assert scores["join_spectral"] < 2  # of the sound itself: there is no spectrum before it


def test_without_places_to_look_at_there_is_nothing_to_say():
    assert set(JoinMetric().measure(subject(noise(5.0))).values()) == {None}
    assert set(measured(Waveform(np.full((1, 1), 0.5, np.float32), RATE_HZ)).values()) == {None}


def test_too_little_inside_of_clips_is_no_measure_for_joins():
    scores = measured(noise(6.0), edges_s=(0, 2, 4, 6))
    assert scores["join_quality"] is None
    assert scores["joins"] == 2.0


def test_a_plan_longer_than_its_track_is_measured_where_it_sounds():
    planned = plan(("a", 0, 10), ("b", 10, 20), ("c", 20, 40))
    scores = JoinMetric().measure(subject(texture(15.0, 100, 4_000, seed=0), planned=planned))
    assert scores["joins"] == 1.0
    assert scores["join_quality"] is not None


@pytest.mark.parametrize("rate_hz", [4_000, 11_111])
def test_odd_rates_are_no_trouble(rate_hz):
    assert measured(noise(24.0, rate_hz=rate_hz))["join_quality"] > 0.7
