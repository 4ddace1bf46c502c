from __future__ import annotations

from random import Random

from audiostory.curate.foreign import foreign_scene


def test_other_languages_and_emoji_are_answered_in_english():
    texts: set[str] = set()
    for seed in range(200):
        scene, text = foreign_scene(Random(seed))
        texts.add(text)
        assert 2 <= len(scene.beats) <= 5
        assert all(sound.clause().isascii() for beat in scene.beats for sound in beat.sounds)
    assert any("犬" in text for text in texts)
    assert any("🐶" in text for text in texts)
    assert any("Hund" in text for text in texts)
