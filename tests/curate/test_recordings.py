from __future__ import annotations

from random import Random

import pytest

from audiostory.curate.elaborate import Delivery
from audiostory.curate.recordings import (
    RecordedPalette,
    bed_of,
    layers_of,
    load_corpus,
    room_of,
)
from audiostory.curate.scenes import Beat, Scene, places, told_scene
from audiostory.errors import CorpusError
from tests.curate.corpus import make_corpus

PLAIN = Delivery("plain", "close")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return load_corpus(make_corpus(tmp_path_factory.mktemp("corpus")))


def test_only_training_clips_without_share_alike_are_used(corpus):
    captions = {row.caption for row in corpus.rows.values()}
    assert len(captions) == 10
    assert not any("shared" in caption or "held-back" in caption for caption in captions)
    more = load_corpus(corpus.folder, share_alike=True)
    assert len(more.rows) == 11
    with pytest.raises(CorpusError, match="split 'val'"):
        load_corpus(corpus.folder, split="val")


def test_sounds_are_named_after_their_recording(corpus):
    palette = RecordedPalette(corpus)
    rng = Random(0)
    for _ in range(100):
        sound = palette.any_sound(rng, ("dog", "rain"))
        caption = corpus.rows[sound.file].caption.lower()
        assert sound.plain().participle().split(" ")[0] in caption
        assert sound.group in corpus.groups


def beat_of(corpus, group: str) -> Beat:
    return Beat((RecordedPalette(corpus).group_sound(Random(7), group),))


def test_textures_go_on_and_hits_are_repeated_with_pauses(corpus):
    (rain,) = layers_of(Random(0), beat_of(corpus, "rain"), PLAIN, 12.0, corpus)
    assert rain.duration_s == 12.0
    steps = layers_of(Random(0), beat_of(corpus, "footsteps"), PLAIN, 6.0, corpus)
    assert len(steps) > 6
    for first, second in zip(steps, steps[1:], strict=False):
        assert 0.25 < second.start_s - first.start_s < 0.7
    doors = layers_of(Random(0), beat_of(corpus, "doors"), PLAIN, 12.0, corpus)
    assert len(doors) <= 2


def test_counts_that_are_said_are_kept(corpus):
    rng, palette = Random(0), RecordedPalette(corpus)
    sounds = [palette.group_sound(rng, "dog") for _ in range(2000)]
    thrice = next(sound for sound in sounds if sound.tail == "three times")
    assert len(layers_of(rng, Beat((thrice,)), PLAIN, 10.0, corpus)) == 3


def test_what_is_far_is_softer_and_duller(corpus):
    near, far = (
        layers_of(Random(0), beat_of(corpus, "rain"), Delivery("plain", where), 5.0, corpus)[0]
        for where in ("close", "far")
    )
    assert far.gain_db < near.gain_db
    assert far.lowpass_hz < near.lowpass_hz


def test_rooms_follow_places_and_beds_what_is_asked(corpus):
    palette = RecordedPalette(corpus)
    cathedral = next(place for place in places() if place.space == "cathedral")
    scene = told_scene(Random(0), palette)
    in_place = Scene(scene.beats, scene.times_s, cathedral)
    assert room_of(Random(0), in_place).rt60_s > 2
    asked = Scene(scene.beats, scene.times_s, background=palette.background_sound(Random(0), ()))
    bed = bed_of(Random(0), asked, palette)
    assert bed is not None
    assert bed.file == asked.background.file
