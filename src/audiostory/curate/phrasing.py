"""How a person might ask for a scene: which style, how much of the scene it tells, how carefully.

``STYLES`` lists the ways with their frequencies; the wording itself is in ``styles``, ``timed``
and ``foreign``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from audiostory.curate import scenes, styles, timed
from audiostory.curate.assets import word_list
from audiostory.curate.scenes import Palette, Scene
from audiostory.curate.styles import words_of
from audiostory.curate.words import misspelt


@dataclass(frozen=True, slots=True)
class Style:
    """One way to ask, and how much of a scene it tells."""

    write: Callable[[Random, Scene], str]
    weight: float
    """How often it is used, relative to the others."""
    decide: Callable[[Random, Palette], Scene] = scenes.told_scene
    """What kind of scene it suits."""
    has_place: bool = False
    has_mood: bool = False
    has_tails: bool = True
    """Whether it says where or how each sound happens."""
    has_actors: bool = False


STYLES: tuple[Style, ...] = (
    Style(styles.paper, 17, has_place=True),
    Style(styles.colon, 14, has_place=True, has_mood=True),
    Style(styles.short_colon, 4, has_place=True, has_mood=True, has_tails=False),
    Style(styles.bare_list, 6),
    Style(styles.label_list, 9, has_tails=False),
    Style(styles.caption_like, 14),
    Style(styles.lone, 9, scenes.lone_scene, has_place=True),
    Style(styles.noun_series, 7, has_place=True),
    Style(styles.music_like, 8, scenes.music_scene, has_mood=True),
    Style(styles.prose, 9, has_place=True, has_actors=True),
    Style(styles.ordered, 7),
    Style(styles.imperative, 4),
    Style(styles.question, 4, has_place=True),
    Style(styles.reversed_order, 4),
    Style(styles.screenplay, 2, has_place=True, has_tails=False),
    Style(styles.place_only, 5, scenes.open_scene, has_place=True, has_mood=True),
    Style(timed.spans, 3.5, scenes.gapped_scene),
    Style(timed.starts, 2.5, scenes.timed_scene),
    Style(timed.lengths, 2, scenes.timed_scene),
    Style(timed.one_moment, 3, scenes.gapped_scene),
)
"""Styles, and how often each is used."""


def decide(rng: Random, style: Style, palette: Palette) -> Scene:
    """A scene for ``style``, without what it does not say, so that no answer needs guessing."""
    scene = style.decide(rng, palette)
    if style.has_actors:
        scene = scenes.with_actors(rng, scene)
    if not style.has_tails:
        beats = tuple(
            replace(beat, sounds=tuple(sound.plain().indefinite() for sound in beat.sounds))
            for beat in scene.beats
        )
        scene = replace(scene, beats=beats)
    return replace(
        scene,
        place=scene.place if style.has_place else None,
        mood=scene.mood if style.has_mood else "",
    )


def ask(rng: Random, scene: Scene, style: Style) -> str:
    """An instruction for ``scene`` in ``style``, as people type: some carelessly."""
    text = style.write(rng, scene)
    if rng.random() < 0.05:
        text = f"{rng.choice(words_of('prefixes'))} {text}"
    if rng.random() < 0.08:
        text = f"{_closed(text)} {rng.choice(words_of('distractors'))}"
    if rng.random() < 0.03:
        text = f"{_closed(text)} {rng.choice(words_of('negations'))}"
    if rng.random() < 0.14:
        stated = rng.choice(words_of("durations")).format(d=_number(rng, scene.duration_s))
        text = f"{_closed(text)} {stated}"
    return careless(rng, text)


def careless(rng: Random, text: str) -> str:
    """The same words without care for case, punctuation or (function words') spelling."""
    chance = rng.random()
    if chance < 0.16:
        text = text.lower()
    if 0.06 < chance < 0.14:
        text = "".join(mark for mark in text if mark not in ',;!?"')
        text = text.rstrip(".")
    elif 0.16 < chance < 0.175:
        text = text.upper()
    elif 0.18 < chance < 0.21:
        harmless = word_list("function_words.txt")
        text = " ".join(
            misspelt(word, rng) if word.lower() in harmless and rng.random() < 0.5 else word
            for word in text.split(" ")
        )
    return text


def _closed(text: str) -> str:
    return text if text.rstrip().endswith((".", "?", "!", ")")) else f"{text}."


def _number(rng: Random, value: float) -> str:
    return f"{value:g}" if rng.random() < 0.6 else f"{value:.1f}"
