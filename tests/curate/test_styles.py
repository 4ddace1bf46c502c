from __future__ import annotations

from random import Random

import pytest

from audiostory.curate import styles
from audiostory.curate.lexicon import Sound
from audiostory.curate.scenes import Beat, Scene, places

BEATS = (
    Beat((Sound("a dog", "bark"),), "Mara", "look up"),
    Beat((Sound("a zorbel", "clank"), Sound("rain", "fall"))),
    Beat((Sound("thunder"),)),
)
SCENE = Scene(BEATS, (5.0, 10.0, 15.0), places()[0], None, "eerie", Sound("wind", "howl"))


@pytest.mark.parametrize(
    "write",
    [
        styles.paper, styles.colon, styles.short_colon, styles.bare_list, styles.label_list,
        styles.caption_like, styles.noun_series, styles.music_like, styles.prose, styles.ordered,
        styles.imperative, styles.question, styles.reversed_order, styles.screenplay,
    ],
)  # fmt: skip
def test_every_style_names_every_sound(write):
    for seed in range(60):
        text = write(Random(seed), SCENE).lower()
        for word in ("dog", "bark", "zorbel", "clank", "rain", "f", "thunder", "wind", "howl"):
            assert word in text, text


def test_the_same_subject_is_not_named_twice_in_one_sentence():
    beats = [Beat((Sound("a dog", verb, group="dog"),)) for verb in ("bark", "growl")]
    texts = {styles.clauses(Random(seed), beats)[1] for seed in range(40)}
    assert "growls" in texts
    assert "it growls" in texts


def test_a_place_alone_names_no_sound():
    scene = Scene(tuple(Beat(b.sounds, is_named=False) for b in BEATS), SCENE.times_s, SCENE.place)
    assert "dark forest" in styles.place_only(Random(0), scene).lower()
    assert styles.named(scene) == []
