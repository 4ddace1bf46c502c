"""What happens when: a place, its events, what goes on behind them, and their times.

A scene is decided before any wording. Events that people join with "while" share one event;
everything else follows in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from audiostory.curate.lexicon import (
    Sound,
    caption_sounds,
    captions_by_group,
    families,
    family_sound,
    groups,
    label_sounds,
    lines,
    strange_sound,
    table,
)

MIN_EVENT_S = 1.0
MAX_EVENTS = 8
LENGTHS_S = {"hit": (1.5, 5.0), "call": (2.0, 8.0), "run": (4.0, 14.0), "bed": (6.0, 30.0),
             "music": (5.0, 25.0)}  # fmt: skip
"""Seconds that feel right for each kind of sound: shortest and longest."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a story happens."""

    phrase: str
    space: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beat:
    """One event before it is worded: sounds that happen together."""

    sounds: tuple[Sound, ...]
    actor: str = ""
    """Who does something meanwhile, if anyone."""
    action: str = ""
    """What they do, without a sound of its own."""
    phase: str = ""
    """``begin``, ``go on`` or ``end`` where one sound is spread over events."""
    is_named: bool = True
    """False for events the instruction leaves to the listener's imagination."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A story before it is worded."""

    beats: tuple[Beat, ...]
    times_s: tuple[float, ...]
    """Where each event ends, in seconds, one decimal."""
    place: Place | None
    mood: str
    background: Sound | None
    """A sound that goes on under all events."""

    @property
    def duration_s(self) -> float:
        """Length of the story."""
        return self.times_s[-1]

    def spans(self) -> list[tuple[float, float]]:
        """Start and end of each event."""
        return list(zip((0.0, *self.times_s[:-1]), self.times_s, strict=True))


@cache
def places() -> tuple[Place, ...]:
    """Places of ``places.txt``."""
    found: list[Place] = []
    for line in lines("places.txt"):
        phrase, space, names = (part.strip() for part in line.split("|"))
        found.append(Place(phrase, space, tuple(names.split())))
    return tuple(found)


def any_sound(rng: Random, place: Place | None) -> Sound:
    """A sound for a slot: at home in ``place`` more often than not, made up in a quarter."""
    chance = rng.random()
    if chance < 0.26:
        return strange_sound(rng)
    if chance < 0.32:
        return rng.choice(label_sounds())
    known = families()
    group = rng.choice(place.groups) if place and rng.random() < 0.7 else rng.choice(groups())
    if group not in known or rng.random() < 0.3:
        by_group = captions_by_group()
        return rng.choice(by_group[group]) if group in by_group else rng.choice(caption_sounds())
    return family_sound(rng, group)


def background_sound(rng: Random, place: Place | None) -> Sound:
    """A sound that can go on under a whole story."""
    if rng.random() < 0.2:
        return strange_sound(rng)
    at_home = [
        name for name in (place.groups if place else ()) if name in ("rain", "wind", "water",
        "fire", "insects", "crowd", "machine", "birds", "clock", "vehicle", "train", "synth")
    ]  # fmt: skip
    group = rng.choice(at_home or ["rain", "wind", "fire", "insects", "machine", "clock", "water"])
    return family_sound(rng, group)


def distinct_sounds(rng: Random, count: int, place: Place | None) -> list[Sound]:
    """``count`` sounds, no two of which are the same thing."""
    found: list[Sound] = []
    heads: set[str] = set()
    while len(found) < count:
        sound = any_sound(rng, place)
        head = sound.subject.split(" ")[-1] or sound.verb
        if head not in heads:
            heads.add(head)
            found.append(sound)
    return found


def num_events(rng: Random) -> int:
    """2-8 events, mostly 3-5."""
    return rng.choices((2, 3, 4, 5, 6, 7, 8), (14, 24, 26, 17, 9, 5, 5))[0]


def paired(rng: Random, sounds: list[Sound], chance: float) -> list[Beat]:
    """Events of one sound, or of two that happen together."""
    beats: list[Beat] = []
    rest = list(sounds)
    while rest:
        size = 2 if len(rest) > 1 and rng.random() < chance else 1
        beats.append(Beat(tuple(rest[:size])))
        rest = rest[size:]
    return beats


def with_actors(rng: Random, beats: list[Beat]) -> list[Beat]:
    """The same events, with a person doing something in some of them."""
    phrases = table("phrases.json")
    actor = rng.choice(phrases["names"])
    told: list[Beat] = []
    for beat in beats:
        if rng.random() < 0.6:
            action = rng.choice(phrases["actions"])
            told.append(Beat(beat.sounds, actor, action))
        else:
            told.append(beat)
    return told


def total_duration(rng: Random, count: int) -> float:
    """Length of a story of ``count`` events: 6-150 s, mostly 10-60 s, often a round number."""
    shortest = max(6.0, count * 1.5)
    if rng.random() < 0.45:
        choices = [d for d in (10, 12, 15, 20, 20, 24, 25, 30, 30, 30, 40, 45, 60, 60, 90, 120, 150)
                   if d >= shortest]  # fmt: skip
        return float(rng.choice(choices))
    if rng.random() < 0.88:
        return round(max(shortest, rng.uniform(8.0, 60.0)), 1)
    return round(max(shortest, rng.uniform(6.0, 150.0)), 1)


def natural_length(rng: Random, beat: Beat) -> float:
    """Seconds the sounds of one event would like to have."""
    shortest = max(LENGTHS_S[sound.kind][0] for sound in beat.sounds)
    longest = max(LENGTHS_S[sound.kind][1] for sound in beat.sounds)
    return rng.uniform(shortest, longest)


def end_times(rng: Random, beats: list[Beat], total_s: float) -> tuple[float, ...]:
    """Ends of the events, one decimal, in proportion to what their sounds need."""
    lengths = [natural_length(rng, beat) for beat in beats]
    spare = total_s - MIN_EVENT_S * len(beats)
    scale = spare / sum(lengths)
    ends: list[float] = []
    moment = 0.0
    for length in lengths:
        moment += MIN_EVENT_S + length * scale
        ends.append(round(moment, 1))
    ends[-1] = round(total_s, 1)
    return tuple(ends)
