from __future__ import annotations

from random import Random

from audiostory.curate.lexicon import groups
from audiostory.curate.scenes import places
from audiostory.curate.sources import STEADY_GROUPS, WordPalette, any_sound, family_sound


def test_sounds_come_from_their_group():
    rng = Random(0)
    assert all(family_sound(rng, group).group == group for group in groups())


def test_strange_palettes_invent_more_than_plain_ones():
    def unknown(palette: WordPalette) -> int:
        rng = Random(1)
        return sum(not palette.any_sound(rng, ()).group for _ in range(400))

    assert unknown(WordPalette(0.5)) > unknown(WordPalette(0.0)) + 60


def test_sounds_vary():
    rng = Random(2)
    heard = {any_sound(rng, ("rain", "dog"), 0.25).participle() for _ in range(1000)}
    assert len(heard) > 900


def test_backgrounds_are_steady_and_places_expect_their_own():
    rng, palette = Random(3), WordPalette(0.0)
    assert all(palette.background_sound(rng, ()).group in STEADY_GROUPS for _ in range(50))
    place = places()[0]
    assert set(palette.expected_sounds(rng, place)) <= set(place.expected)


def test_one_subject_does_different_things_in_turn():
    sounds = WordPalette(0.2).in_turn(Random(4), 3)
    assert len({sound.subject for sound in sounds}) == 1
    assert len({sound.verb for sound in sounds}) == 3
