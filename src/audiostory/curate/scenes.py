"""What happens when: a place, its events, what goes on behind them, and their times.

A scene is decided before any wording. Sounds that people join with "while" share one event;
everything else follows in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Protocol

from audiostory.curate.assets import lines, table
from audiostory.curate.lexicon import Sound, parsed

Source = Callable[[Random, tuple[str, ...]], Sound]
"""Finds a sound for a slot, given the groups at home in the place."""
MIN_EVENT_S = 1.0
MAX_EVENTS = 8
MIN_DURATION_S = 6.0
"""Shortest story of several events."""
MAX_DURATION_S = 150.0
LONE_S = (2, 12)
"""Seconds of a scene of one sound: fewest and most."""
MAX_TRIES = 20
"""Sounds looked at for each that is kept, where a corpus repeats itself."""
LENGTHS_S = {"hit": (1.5, 5.0), "call": (2.0, 8.0), "run": (4.0, 14.0), "bed": (6.0, 30.0),
             "music": (5.0, 25.0)}  # fmt: skip
"""Seconds that feel right for each kind of sound: shortest and longest."""
ROUND_LENGTHS_S = (10, 12, 15, 20, 20, 24, 25, 30, 30, 30, 40, 45, 60, 60, 90, 120, 150)


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a story happens, or an occasion that brings its own sounds."""

    phrase: str
    space: str
    """What kind of room it is; see ``recordings.SPACES``."""
    groups: tuple[str, ...]
    """Groups of sounds at home there."""
    expected: tuple[Sound, ...]
    """What a listener expects to hear there without being told."""


class Palette(Protocol):
    """Where a scene's sounds come from: words alone, or recordings of a corpus."""

    @property
    def has_recordings(self) -> bool:
        """Whether its sounds can be mixed."""
        ...

    def any_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """A sound, of one of the ``home`` groups more often than not."""
        ...

    def musical_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """A sound for a piece of music."""
        ...

    def expected_sounds(self, rng: Random, place: Place) -> list[Sound]:
        """A few sounds that go without saying in a place."""
        ...

    def background_sound(self, rng: Random, home: tuple[str, ...]) -> Sound:
        """A sound that can go on under a whole story."""
        ...

    def quiet_sound(self, rng: Random) -> Sound:
        """What is heard while nothing that was asked for happens."""
        ...

    def in_turn(self, rng: Random, count: int) -> list[Sound]:
        """Several things that one subject does one after the other."""
        ...


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
    """False for events the instruction leaves to the imagination."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A story before it is worded."""

    beats: tuple[Beat, ...]
    times_s: tuple[float, ...]
    """Where each event ends, in seconds, one decimal."""
    place: Place | None = None
    theme: Place | None = None
    """An occasion named instead of sounds: "a day at the beach"."""
    mood: str = ""
    background: Sound | None = None
    """A sound that goes on under all events."""

    @property
    def duration_s(self) -> float:
        """Length of the story."""
        return self.times_s[-1]

    def spans(self) -> list[tuple[float, float]]:
        """Start and end of each event."""
        return list(zip((0.0, *self.times_s[:-1]), self.times_s, strict=True))


@cache
def places(name: str = "places.txt") -> tuple[Place, ...]:
    """Places (or, from ``themes.txt``, occasions)."""
    found: list[Place] = []
    for line in lines(name):
        phrase, space, names, sounds = (part.strip() for part in line.split("|"))
        expected = (one.strip().split("=") for one in sounds.split(";"))
        heard = tuple(parsed(words, group) for group, words in expected)
        found.append(Place(phrase, space, tuple(names.split()), heard))
    return tuple(found)


def told_scene(rng: Random, palette: Palette) -> Scene:
    """A scene whose sounds an instruction names."""
    return _scene(rng, palette, palette.any_sound)


def music_scene(rng: Random, palette: Palette) -> Scene:
    """A scene of musical parts."""
    return _scene(rng, palette, palette.musical_sound)


def open_scene(rng: Random, palette: Palette) -> Scene:
    """A scene known by its place or occasion alone; its sounds are what one expects there."""
    is_theme = rng.random() < 0.5
    where = rng.choice(places("themes.txt" if is_theme else "places.txt"))
    sounds = palette.expected_sounds(rng, where)
    if len(sounds) < 2:
        return told_scene(rng, palette)
    beats = [Beat((sound,), is_named=False) for sound in sounds]
    place, theme = (None, where) if is_theme else (where, None)
    times_s = _natural_times(rng, beats, palette)
    return Scene(tuple(beats), times_s, place, theme, _mood(rng))


def lone_scene(rng: Random, palette: Palette) -> Scene:
    """One sound and no story: a single event, as short as a person may ask for."""
    place = rng.choice(places()) if rng.random() < 0.3 else None
    sound = palette.any_sound(rng, place.groups if place else ())
    end_s = rng.choice((float(rng.randint(*LONE_S)), round(rng.uniform(*LONE_S), 1)))
    return Scene((Beat((sound,)),), (end_s,), place, None, _mood(rng))


def timed_scene(rng: Random, palette: Palette) -> Scene:
    """A scene with times people would say: whole or half seconds."""
    return _on_grid(rng, told_scene(rng, palette), palette, lead_in=0.2, lead_out=0.0)


def gapped_scene(rng: Random, palette: Palette) -> Scene:
    """A scene with times, and something quiet before or after what the instruction names."""
    return _on_grid(rng, told_scene(rng, palette), palette, lead_in=0.5, lead_out=0.4)


def _scene(rng: Random, palette: Palette, source: Source) -> Scene:
    place = rng.choice(places()) if rng.random() < 0.5 else None
    home = place.groups if place else ()
    chance = rng.random()
    if chance < 0.06:
        beats = _spread(rng, Beat((source(rng, home),)))
    elif chance < 0.085:
        beats = _packed(_distinct(rng, rng.randint(9, 12), home, source))
    else:
        beats = _followed(rng, home, palette, source)
    background = palette.background_sound(rng, home) if rng.random() < 0.15 else None
    times_s = _natural_times(rng, beats, palette)
    return Scene(tuple(beats), times_s, place, None, _mood(rng), background)


def _mood(rng: Random) -> str:
    return rng.choice(table("phrases.json")["moods"]) if rng.random() < 0.6 else ""


def _on_grid(
    rng: Random, scene: Scene, palette: Palette, *, lead_in: float, lead_out: float
) -> Scene:
    beats = [replace(beat, phase="") for beat in scene.beats if beat.phase in ("", "begin")]
    if rng.random() < 0.4:
        beats = beats[:2]
    quiet = scene.background or palette.quiet_sound(rng)
    if len(beats) < MAX_EVENTS and (len(beats) < 2 or rng.random() < lead_in):
        beats.insert(0, Beat((quiet,), is_named=False))
    if len(beats) < MAX_EVENTS and rng.random() < lead_out:
        beats.append(Beat((quiet,), is_named=False))
    step_s = rng.choice((1.0, 1.0, 1.0, 0.5, 5.0))
    moment, ends = 0.0, []
    for beat in beats:
        length = min(natural_length(rng, beat), MAX_DURATION_S / len(beats))
        moment += max(step_s, 1.0, length // step_s * step_s)
        ends.append(round(moment, 1))
    ends[-1] = max(ends[-1], MIN_DURATION_S)
    return replace(scene, beats=tuple(beats), times_s=tuple(ends))


def _followed(rng: Random, home: tuple[str, ...], palette: Palette, source: Source) -> list[Beat]:
    """2-8 events, mostly 3-5, in order; now and then one subject does several things."""
    count = rng.choices((2, 3, 4, 5, 6, 7, 8), (14, 24, 26, 17, 9, 5, 5))[0]
    sounds = _distinct(rng, count, home, source)
    if count > 2 and rng.random() < 0.16:
        size = rng.choice((2, 2, 3))
        at = rng.randrange(count - size + 1)
        sounds[at : at + size] = palette.in_turn(rng, size)
    chance = rng.choice((0.0, 0.0, 0.2, 0.5))
    beats: list[Beat] = []
    rest = sounds
    while rest:
        size = 2 if len(rest) > 1 and rng.random() < chance else 1
        beats.append(Beat(tuple(rest[:size])))
        rest = rest[size:]
    return beats if len(beats) > 1 else _spread(rng, beats[0])


def _packed(sounds: list[Sound]) -> list[Beat]:
    """More sounds than events may be: two by two."""
    return [Beat(tuple(sounds[at : at + 2])) for at in range(0, len(sounds), 2)]


def _spread(rng: Random, beat: Beat) -> list[Beat]:
    """One beat told in two or three phases."""
    phases = rng.choice((("begin", "end"), ("begin", "go on"), ("begin", "go on", "end")))
    return [Beat(beat.sounds, phase=phase) for phase in phases]


def _distinct(rng: Random, count: int, home: tuple[str, ...], source: Source) -> list[Sound]:
    found: list[Sound] = []
    heads: set[str] = set()
    for _ in range(count * MAX_TRIES):
        sound = source(rng, home)
        head = sound.subject.split(" ")[-1] or sound.verb
        if head not in heads:
            heads.add(head)
            found.append(sound)
        if len(found) == count:
            break
    return found


def with_actors(rng: Random, scene: Scene) -> Scene:
    """The same events, with a person doing something in some of them."""
    phrases = table("phrases.json")
    actor = rng.choice(phrases["names"])
    beats = tuple(
        replace(beat, actor=actor, action=rng.choice(phrases["actions"]))
        if rng.random() < 0.5 else beat
        for beat in scene.beats
    )  # fmt: skip
    return replace(scene, beats=beats)


def _natural_times(rng: Random, beats: list[Beat], palette: Palette) -> tuple[float, ...]:
    """Ends of events: as long as recordings want, or a share of a length people ask for."""
    if not palette.has_recordings:
        return end_times(rng, beats, _total_duration(rng, len(beats)))
    wanted_s = sum(natural_length(rng, beat) for beat in beats)
    return end_times(rng, beats, round(min(max(wanted_s, MIN_DURATION_S), MAX_DURATION_S), 1))


def _total_duration(rng: Random, count: int) -> float:
    """Length of a story of ``count`` events: 6-150 s, mostly 10-60 s, often a round number."""
    shortest = max(MIN_DURATION_S, count * 1.5)
    chance = rng.random()
    if chance < 0.45:
        return float(rng.choice([length for length in ROUND_LENGTHS_S if length >= shortest]))
    longest = 60.0 if chance < 0.93 else MAX_DURATION_S
    return round(rng.uniform(shortest, longest), 1)


def natural_length(rng: Random, beat: Beat) -> float:
    """Seconds the sounds of one event would like to have."""
    shortest = max(LENGTHS_S[sound.kind][0] for sound in beat.sounds)
    longest = max(LENGTHS_S[sound.kind][1] for sound in beat.sounds)
    return rng.uniform(shortest, longest)


def end_times(rng: Random, beats: list[Beat], total_s: float) -> tuple[float, ...]:
    """Ends of the events, one decimal, in proportion to what their sounds need."""
    lengths = [natural_length(rng, beat) for beat in beats]
    scale = (total_s - MIN_EVENT_S * len(beats)) / sum(lengths)
    ends: list[float] = []
    moment = 0.0
    for length in lengths:
        moment += MIN_EVENT_S + length * scale
        ends.append(round(moment, 1))
    ends[-1] = round(total_s, 1)
    return tuple(ends)
