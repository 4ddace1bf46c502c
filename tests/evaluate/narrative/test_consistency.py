from functools import cache

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.data.manifest import Room
from audiostory.evaluate.narrative.consistency import ConsistencyMetric, usable_events
from tests.evaluate.narrative.stories import (
    KINDS,
    RATE_HZ,
    ROOMS,
    bursts,
    heard_in,
    plan,
    story,
    subject,
    zeros,
)
from tests.evaluate.tracks import noise, tone

EDGES_S = (0, 6, 12, 18, 24)
TILTS_HZ = (8_000.0, 1_000.0, 3_000.0, 400.0)
SPREADS = (
    "timbre_spread",
    "floor_level_spread_db",
    "floor_colour_spread_db",
    "reverb_spread_octaves",
)


def told_in(rooms, tilts_hz, seed):
    events = [
        heard_in(kind, room, seed=4 * seed + index, tilt_hz=tilt_hz)
        for index, (kind, room, tilt_hz) in enumerate(zip(KINDS, rooms, tilts_hz, strict=True))
    ]
    return Waveform(np.concatenate(events)[None], RATE_HZ)


def measured(track, edges_s=EDGES_S):
    metric = ConsistencyMetric()
    scores = metric.measure(subject(track, story=story(*edges_s)))
    assert set(scores) == {column.key for column in metric.columns}
    return scores


@cache
def stories_in_one_room_and_in_four():
    shared = [measured(told_in([ROOMS[k]] * 4, [TILTS_HZ[k]] * 4, seed=k)) for k in range(4)]
    moving = [measured(told_in(ROOMS, TILTS_HZ, seed=k)) for k in range(4)]
    return shared, moving


@pytest.mark.parametrize("key", SPREADS)
def test_one_room_is_more_consistent_than_a_room_for_each_event(key):
    shared, moving = ([one[key] for one in each] for each in stories_in_one_room_and_in_four())
    assert max(shared) < min(moving)
    pooled = np.sqrt((np.var(shared, ddof=1) + np.var(moving, ddof=1)) / 2)
    assert (np.mean(moving) - np.mean(shared)) / pooled > 2


def test_spread_of_reverberation_is_in_octaves():
    rooms = [Room(name="r", rt60_s=rt60_s, wet_db=-4.0, noise_db=-65.0) for rt60_s in (0.5, 2.0)]
    events = [heard_in("clap", room, seed=k) for k, room in enumerate(rooms)]
    scores = measured(Waveform(np.concatenate(events)[None], RATE_HZ), edges_s=(0, 6, 12))
    assert scores["reverb_spread_octaves"] == pytest.approx(1.0, abs=0.2)  # half of two octaves
    assert scores["reverb_events"] == 1.0


def test_spread_of_the_floor_is_its_standard_deviation():
    samples = noise(18.0).samples.copy()
    for event, gain_db in enumerate((0, -6, -12)):
        samples[:, event * 6 * RATE_HZ : (event + 1) * 6 * RATE_HZ] *= 10 ** (gain_db / 20)
    scores = measured(Waveform(samples, RATE_HZ), edges_s=(0, 6, 12, 18))
    assert scores["floor_level_spread_db"] == pytest.approx(np.std([0, 6, 12]), abs=0.2)
    assert scores["floor_colour_spread_db"] < 1.0
    assert scores["timbre_spread"] < 1.3


def test_events_of_other_spectra_differ_more_than_their_halves():
    hiss = [0.1 * noise(6.0, seed=seed).samples for seed in (0, 1)]
    tones = [tone(6.0, hertz).samples for hertz in (300.0, 3_000.0)]
    track = np.concatenate([hiss[0] + tones[0], hiss[1] + tones[1]], axis=1)
    assert measured(Waveform(track, RATE_HZ), edges_s=(0, 6, 12))["timbre_spread"] > 10


def test_loudness_of_events_is_no_timbre():
    scores = measured(told_in([ROOMS[0]] * 4, [8_000.0] * 4, seed=0))
    gains = np.repeat([1.0, 0.3, 2.0, 0.5], 6 * RATE_HZ).astype(np.float32)
    track = told_in([ROOMS[0]] * 4, [8_000.0] * 4, seed=0)
    louder = measured(Waveform(track.samples * gains, RATE_HZ))
    assert louder["timbre_spread"] == pytest.approx(scores["timbre_spread"], rel=0.02)


def test_dry_events_have_no_reverberation_to_compare():
    dry = [bursts("burst", seed) for seed in range(2)]
    scores = measured(Waveform(np.concatenate(dry)[None], RATE_HZ), edges_s=(0, 6, 12))
    assert (scores["reverb_spread_octaves"], scores["reverb_events"]) == (None, 0.0)


def test_one_event_is_compared_with_nothing():
    alone = measured(noise(6.0), edges_s=(0, 6))
    assert alone.pop("consistency_events") == 1.0
    assert set(alone.values()) == {None}
    assert ConsistencyMetric().measure(subject(noise(6.0)))["consistency_events"] == 0.0


def test_short_events_and_those_after_the_end_are_left_out():
    planned = plan(("a", 0, 5), ("b", 5, 7), ("c", 7, 12), ("d", 12, 30), ("e", 30, 40))
    events = usable_events(subject(noise(20.0), planned=planned))
    assert [(event.start_s, event.end_s) for event in events] == [
        (0.5, 4.5),
        (7.5, 11.5),
        (12.5, 19.5),
    ]


def test_silence_has_floors_but_no_timbre():
    scores = measured(zeros(24.0, channels=2))
    assert scores["floor_level_spread_db"] == pytest.approx(0.0, abs=1e-6)
    assert scores["timbre_spread"] is None
    assert scores["reverb_spread_octaves"] is None


@pytest.mark.parametrize(("channels", "rate_hz"), [(6, 16_000), (2, 11_111), (1, 4_000)])
def test_any_channels_and_rates_are_measured(channels, rate_hz):
    samples = np.repeat(noise(12.0, rate_hz=rate_hz).samples, channels, axis=0)
    scores = measured(Waveform(samples, rate_hz), edges_s=(0, 6, 12))
    assert 0.1 < scores["timbre_spread"] < 1.3
    assert scores["floor_level_spread_db"] < 1.0


def test_one_sample_has_no_events():
    scores = measured(Waveform(np.full((1, 1), 0.5, np.float32), RATE_HZ))
    assert scores["consistency_events"] == 0.0
