from __future__ import annotations

from random import Random

import pytest

from audiostory.curate.lexicon import Sound
from audiostory.curate.scenes import (
    MAX_EVENTS,
    MIN_EVENT_S,
    Beat,
    end_times,
    gapped_scene,
    music_scene,
    open_scene,
    places,
    timed_scene,
    told_scene,
    with_actors,
)
from audiostory.curate.sources import WordPalette

PALETTE = WordPalette(0.2)


@pytest.mark.parametrize("decide", [told_scene, music_scene, open_scene, timed_scene, gapped_scene])
def test_events_follow_each_other_without_gaps(decide):
    rng = Random(0)
    for _ in range(200):
        scene = decide(rng, PALETTE)
        assert 2 <= len(scene.beats) <= MAX_EVENTS
        assert 6.0 <= scene.duration_s <= 150.0
        for start_s, end_s in scene.spans():
            assert end_s - start_s >= MIN_EVENT_S - 1e-9
            assert end_s == round(end_s, 1)


def test_times_people_say_lie_on_half_seconds():
    rng = Random(1)
    ends = [end_s for _ in range(100) for end_s in timed_scene(rng, PALETTE).times_s]
    assert all(end_s * 2 == round(end_s * 2) for end_s in ends)


def test_ambiences_get_more_time_than_hits():
    rng = Random(2)
    beats = [
        Beat((Sound("a door", "slam", kind="hit"),)),
        Beat((Sound("rain", "fall", kind="bed"),)),
    ]
    ends = [end_times(rng, beats, 30.0) for _ in range(100)]
    assert sum(first for first, _ in ends) / 100 < 10
    assert all(last == 30.0 for _, last in ends)


def test_every_place_and_occasion_has_a_space_and_expectations():
    for place in (*places(), *places("themes.txt")):
        assert place.groups
        assert len(place.expected) >= 4, place.phrase


def test_actors_are_added_without_touching_sounds():
    scene = told_scene(Random(3), PALETTE)
    told = with_actors(Random(3), scene)
    assert [beat.sounds for beat in told.beats] == [beat.sounds for beat in scene.beats]
