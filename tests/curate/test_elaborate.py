from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from audiostory.curate.elaborate import Delivery, acted, caption, deliveries, summary, told
from audiostory.curate.lexicon import Sound
from audiostory.curate.phrasing import STYLES, decide
from audiostory.curate.scenes import Beat, Scene
from audiostory.curate.sources import WordPalette

SCENE = Scene(
    (
        Beat((Sound("a zorbel", "clank", group=""),)),
        Beat((Sound("a dog", "bark", group="dog", adverb="loudly", tail="in the distance"),)),
    ),
    (4.0, 9.0), background=Sound("rain", "fall"),
)  # fmt: skip


def test_head_words_are_copied_everywhere():
    for seed in range(50):
        rng = Random(seed)
        first, second = told(rng, SCENE, deliveries(rng, SCENE), is_heard=False)
        assert "zorbel clanks" in first.detail
        assert "orbel clanking" in first.sounds
        assert "zorbel clanking" in first.caption
        assert "rain falling in the background" in first.caption
        assert "dog barking loudly in the distance" in second.caption
        assert summary(rng, SCENE).index("zorbel") < summary(rng, SCENE).index("dog")


def test_what_is_asked_for_decides_the_delivery():
    for seed in range(20):
        assert deliveries(Random(seed), SCENE)[1] == Delivery("loud", "far")


def test_recorded_sounds_get_no_texture_they_may_not_have():
    beat = Beat((Sound("footsteps", "approach", is_plural=True, group="footsteps", kind="run"),))
    scene = replace(SCENE, beats=(beat, beat), background=None)
    for seed in range(200):
        text = caption(Random(seed), scene, 0, Delivery("plain", "close"), is_heard=True)
        assert " on " not in text
        assert " with " not in text


@pytest.mark.parametrize("seed", range(30))
def test_texts_stay_short(seed):
    rng = Random(seed)
    for style in STYLES:
        scene = decide(rng, style, WordPalette(0.3))
        assert len(summary(rng, scene)) < 400
        for telling in told(rng, scene, deliveries(rng, scene), is_heard=False):
            assert len(telling.caption.split()) <= 40
            assert "\n" not in telling.detail + telling.sounds + telling.caption


def test_actors_agree_with_their_verbs():
    assert acted(Beat((), "Mara", "look up")) == "Mara looks up"
    assert acted(Beat((), "two sisters", "look up")) == "two sisters look up"
    assert acted(Beat((), "Mara", "look up"), "past") == "Mara looked up"
