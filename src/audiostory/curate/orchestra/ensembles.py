"""Phrases for several instruments, or of chords: stabs, stings, chases, oompahs and wrong notes."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from audiostory.curate.orchestra.instruments import (
    BASS_DRUM,
    BASSOON,
    BRASS,
    CRASH,
    DOUBLE_BASS,
    DRUMS,
    HORN,
    PIZZICATO,
    SNARE,
    STRINGS,
    TIMPANI,
    TUBA,
    Instrument,
)
from audiostory.curate.orchestra.score import (
    DYNAMICS,
    Line,
    Score,
    degree,
    octave_of,
    tonic_for,
)
from audiostory.curate.orchestra.solos import LEGATO, MELODY_REACH, STACCATO, dynamic, melody

CHORDS = {
    "major": (0, 4, 7, 12),
    "minor": (0, 3, 7, 12),
    "diminished": (0, 3, 6, 9, 12),
    "seventh": (0, 4, 7, 10, 12),
}
"""Semitones above the root."""


def chord(root: int, kind: str) -> tuple[int, ...]:
    """The notes of a chord."""
    return tuple(root + step for step in CHORDS[kind])


def low_note(instrument: Instrument, pitch: int) -> int:
    """The lowest note of that name that the instrument has."""
    return instrument.low + (pitch - instrument.low) % 12


def stabs(rng: Random, instrument: Instrument) -> Score:
    """One to four short chords; with several, the last one is another chord."""
    count = rng.choice((1, 2, 3, 3, 4))
    root = tonic_for(rng, instrument, -5, 17, around=0.5)
    kind = rng.choice(("major", "minor", "seventh", "diminished"))
    line = Line(instrument, dynamic(rng, "medium", "loud", "loud"), gate=0.5)
    for at in range(count):
        is_new = at == count - 1 and count > 2
        line.play(chord(root + (5 if is_new else 0), kind), 1, accent=4 * (at == count - 1))
    mode = kind if kind in ("major", "minor") else ""
    noun = rng.choice(("stab", "chord"))
    return Score(
        gesture="stabs",
        parts=(line.part(),),
        tempo_bpm=rng.uniform(100, 180),
        mode=mode,
        noun=noun,
        count=count,
    )


def tutti(root: int, kind: str, beats: Sequence[float], gate: float, velocity: int) -> list[Line]:
    """Brass, strings, basses and timpani on the same chords: one of each length, all on one root.

    Where there are two or more, the last is on ``root``, those before it on the fifth above.
    """
    players = (BRASS, STRINGS, DOUBLE_BASS, TIMPANI)
    lines = [Line(player, velocity, gate) for player in players]
    for at, length in enumerate(beats):
        is_last = at == len(beats) - 1
        base = root if is_last else root + 7
        notes = chord(base, kind if is_last else "seventh")
        low = [low_note(line.instrument, base) for line in lines]
        # The voices of the dominant stay near those of the chord that it leads to.
        voices = notes if is_last else tuple(note - 12 for note in notes[1:])
        lines[0].play(voices, length)
        lines[1].play([note + 12 for note in voices if STRINGS.reaches(note + 12)], length)
        lines[2].play(low[2], length)
        lines[3].play(low[3], length)
    return lines


def sting(rng: Random, instrument: Instrument) -> Score:
    """A loud diminished or minor chord of the whole orchestra, held."""
    kind = rng.choice(("diminished", "minor"))
    root = tonic_for(rng, instrument, 0, 12, around=0.6)
    lines = tutti(root, kind, (rng.uniform(1.0, 2.5),), LEGATO, DYNAMICS["loud"])
    return Score(
        gesture="sting",
        parts=tuple(line.part() for line in lines),
        tempo_bpm=60.0,
        mode=kind if kind == "minor" else "",
        noun=rng.choice(("sting", "chord")),
        players="an orchestra",
        group="music",
    )


def ending(rng: Random, instrument: Instrument) -> Score:
    """A short chord and a long one, home: the end of a number."""
    root = tonic_for(rng, instrument, -5, 16, around=0.5)
    beats = rng.choice(((0.5, 2), (1, 3), (0.5, 0.5, 2)))
    lines = tutti(root, "major", beats, 0.8, dynamic(rng, "medium", "loud", "loud"))
    return Score(
        gesture="ending",
        parts=tuple(line.part() for line in lines),
        tempo_bpm=rng.uniform(90, 130),
        mode="major",
        noun=rng.choice(("final flourish", "ta-da")),
        players="an orchestra",
        group="music",
    )


CHASES = ((0, 2, 1, 2), (0, 1, 2, 1), (4, 3, 2, 1), (0, 4, 2, 4), (0, 0, 1, 2))
"""Degrees of the four sixteenths that a chase repeats."""


def chase(rng: Random, instrument: Instrument) -> Score:
    """A figure in sixteenths over a walking bass, a bar on each chord, and a last chord."""
    tonic = tonic_for(rng, instrument, 0, 19, around=0.5)
    bass_player = rng.choice((DOUBLE_BASS, BASSOON, PIZZICATO))
    velocity = dynamic(rng, "medium", "loud")
    line = Line(instrument, velocity, STACCATO)
    bass = Line(bass_player, velocity - 16, STACCATO)
    figure = rng.choice(CHASES)
    for shift in rng.choice(((0, 0), (0, 3, 0), (0, 3), (0, 3, 4))):
        base = tonic + degree("minor", shift)
        for _ in range(4):
            for number in figure:
                line.play(tonic + degree("minor", shift + number), 0.25)
            bass.play(low_note(bass_player, base), 0.5)
            bass.play(low_note(bass_player, base + 7), 0.5)
    for each, pitch in ((line, tonic), (bass, low_note(bass_player, tonic))):
        each.play(pitch, 1, accent=8)
    return Score(
        gesture="chase",
        parts=(line.part(), bass.part()),
        tempo_bpm=rng.uniform(120, 165),
        mode="minor",
        noun=rng.choice(("chase theme", "chase figure", "chase tune")),
        tail="over a walking bass",
        group="music",
    )


def wrong_note(rng: Random, instrument: Instrument) -> Score:
    """A merry tune whose last note is a semitone off, with its neighbours."""
    tonic = tonic_for(rng, instrument, *MELODY_REACH, around=0.5)
    line = Line(instrument, dynamic(rng, "medium", "loud"), gate=0.6)
    told = melody(rng, "major")
    for number, beats in told[:-1]:
        line.play(tonic + degree("major", number), beats)
    off = (1,) if instrument.is_held else (1, 2, 6)
    line.play([tonic + step for step in off], 2, accent=14, gate=0.7)
    return Score(
        gesture="wrong_note",
        parts=(line.part(),),
        tempo_bpm=rng.uniform(110, 160),
        mode="major",
        noun=rng.choice(("tune", "melody")),
        tail="with a wrong note at the end",
        group="cartoon",
    )


def tension(rng: Random, instrument: Instrument) -> Score:
    """A held chord that moves up by semitones and grows louder."""
    steps = rng.choice((2, 3, 4))
    root = tonic_for(rng, instrument, 0, 12 + steps, around=0.4)
    kind = rng.choice(("minor", "diminished"))
    line = Line(instrument, gate=LEGATO)
    for step in range(steps):
        line.velocity = round(46 + 58 * step / (steps - 1))
        line.play(chord(root + step, kind), 4 / steps + 0.4)
    return Score(
        gesture="tension",
        parts=(line.part(),),
        tempo_bpm=rng.uniform(60, 80),
        mode="minor" if kind == "minor" else "",
        noun=rng.choice(("series of chords", "chord progression")),
    )


def joke(rng: Random, instrument: Instrument) -> Score:
    """Two drum strokes and a cymbal: what follows a joke."""
    line = Line(instrument, dynamic(rng, "medium", "loud"))
    line.play(SNARE, 0.5).play(SNARE, 0.75).play((BASS_DRUM, CRASH), 1, accent=10)
    return Score(
        gesture="joke",
        parts=(line.part(),),
        tempo_bpm=rng.uniform(100, 160),
        mode="",
        noun=rng.choice(("ba-dum-tss", "joke sting")),
        tail="with a cymbal crash",
        group="cartoon",
    )


def tumble(rng: Random, instrument: Instrument) -> Score:
    """A fall down the scale that ends with a thump of the drum."""
    mode = rng.choice(("major", "chromatic", "whole-tone"))
    tonic = tonic_for(rng, instrument, 0, 24)
    line = Line(instrument, dynamic(rng, "medium", "loud"), gate=0.8)
    for number in reversed(range(2 * octave_of(mode) + 1)):
        line.play(tonic + degree(mode, number), 0.25)
    drum = Line(DRUMS, DYNAMICS["loud"], at=line.at + 0.5)
    drum.play((BASS_DRUM, BASS_DRUM - 1), 1, accent=12)
    return Score(
        gesture="tumble",
        parts=(line.part(), drum.part()),
        tempo_bpm=rng.uniform(120, 180),
        mode=mode,
        noun=rng.choice(("tumble", "run")),
        tail="with a drum thump at the end",
        group="cartoon",
    )


def oompah(rng: Random, instrument: Instrument) -> Score:
    """A bass and off-beat chords, as bands play; two bars and an end."""
    tonic = tonic_for(rng, instrument, -5, 7, around=0.3)
    velocity = dynamic(rng, "medium", "loud")
    bass, horns = Line(instrument, velocity, 0.6), Line(HORN, velocity - 10, STACCATO)
    num_after = rng.choice((1, 2))  # two after-beats make a waltz
    off_beats = chord(low_note(HORN, tonic) + 12, "major")[1:3]
    for number in (0, -3, 0, -3) if num_after == 1 else (0, -3, 0):
        bass.play(tonic + degree("major", number), 1).rest(num_after)
        horns.rest(1)
        for _ in range(num_after):
            horns.play(off_beats, 1)
    bass.play(tonic, 1, accent=6)
    horns.play(chord(low_note(HORN, tonic) + 12, "major")[:3], 1, accent=6)
    kind = "oompah" if num_after == 1 else "oom-pah-pah waltz"
    return Score(
        gesture="oompah",
        parts=(bass.part(), horns.part()),
        tempo_bpm=rng.uniform(120, 180),
        mode="major",
        noun=kind,
        players=f"{instrument.name} and horns",
        group="brass" if instrument is TUBA else "music",
    )
