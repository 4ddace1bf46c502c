"""A few instructions in other languages and in emoji, answered in English.

Too few to learn a language from: they teach the model to keep going, and to know some words.
"""

from __future__ import annotations

from random import Random

from audiostory.curate.assets import table
from audiostory.curate.lexicon import GROUP_KINDS, Sound
from audiostory.curate.scenes import Beat, Scene, end_times


def foreign_scene(rng: Random) -> tuple[Scene, str]:
    """A scene and the instruction that asks for it in another language or in emoji."""
    language = table("foreign.json")[rng.choice(list(table("foreign.json")))]
    count = rng.randint(2, min(5, len(language["clauses"])))
    chosen = rng.sample(list(language["clauses"].items()), count)
    beats = [Beat((_sound(*words),)) for _, words in chosen]
    text = language["then"].join(clause for clause, _ in chosen)
    total_s = rng.choice((10.0, 15.0, 20.0, 30.0, round(rng.uniform(8.0, 60.0), 1)))
    scene = Scene(tuple(beats), end_times(rng, beats, total_s))
    return scene, text + language["end"]


def _sound(group: str, subject: str, verb: str) -> Sound:
    is_plural = subject.startswith("*")
    kind = GROUP_KINDS.get(group, "hit")
    return Sound(subject.removeprefix("*"), verb, "", is_plural, group, kind)
