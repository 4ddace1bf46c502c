from __future__ import annotations

from random import Random

from audiostory.curate import phrasing, styles
from audiostory.curate.lexicon import Sound
from audiostory.curate.scenes import Beat, Scene, places
from audiostory.curate.sources import WordPalette

SCENE = Scene(
    (Beat((Sound("the door", "slam", "behind him"),)), Beat((Sound("rain", "fall"),))),
    (5.0, 10.0), places()[0], None, "eerie",
)  # fmt: skip


def test_a_scene_keeps_only_what_its_style_says():
    style = phrasing.Style(styles.label_list, 1, lambda rng, palette: SCENE, has_tails=False)
    scene = phrasing.decide(Random(0), style, WordPalette(0.0))
    assert scene.place is None
    assert scene.mood == ""
    assert scene.beats[0].sounds[0] == Sound("a door", "slam")


def test_carelessness_keeps_the_letters_of_names():
    for seed in range(300):
        text = phrasing.careless(Random(seed), "The zorbel clanks, then a dog barks.")
        for word in ("zorbel", "clanks", "dog", "barks"):
            assert word in text.lower()


def test_some_people_state_the_duration():
    style = phrasing.STYLES[0]
    texts = [phrasing.ask(Random(seed), SCENE, style) for seed in range(300)]
    assert 10 < sum("10" in text for text in texts) < 100


def test_every_style_is_used():
    assert all(style.weight > 0 for style in phrasing.STYLES)
