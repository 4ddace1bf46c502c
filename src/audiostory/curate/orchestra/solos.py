"""Phrases for one instrument: runs, arpeggios, trills, tunes, tiptoes, slides, rolls and calls.

Each takes a source of chance and an instrument and gives a score in that instrument's range that
ends like a phrase: on the tonic, on a held note or on an accent.
"""

from __future__ import annotations

from random import Random

from audiostory.curate.orchestra.instruments import Instrument
from audiostory.curate.orchestra.score import (
    DYNAMICS,
    Bend,
    Line,
    Score,
    degree,
    octave_of,
    tonic_for,
)

STACCATO, LEGATO = 0.4, 1.0
LAST_ACCENT = 8
"""How much louder the note is that a phrase ends on."""


def dynamic(rng: Random, *names: str) -> int:
    """A velocity: that of one of the named dynamics, or of any."""
    return DYNAMICS[rng.choice(names or tuple(DYNAMICS))]


def solo(
    gesture: str,
    line: Line,
    tempo_bpm: float,
    noun: str,
    *,
    mode: str = "",
    count: int = 1,
    tail: str = "",
    bends: tuple[Bend, ...] = (),
) -> Score:
    """A score for one instrument."""
    return Score(
        gesture=gesture,
        parts=(line.part(bends),),
        tempo_bpm=tempo_bpm,
        mode=mode,
        noun=noun,
        count=count,
        tail=tail,
    )


def run(rng: Random, instrument: Instrument) -> Score:
    """A scale over one or two octaves, quick or slow, to a held tonic."""
    is_quick = rng.random() < 0.75
    mode = rng.choice(("major", "major", "minor", "chromatic" if is_quick else "minor"))
    octaves = 2 if is_quick and rng.random() < 0.5 else 1
    octaves = min(octaves, (instrument.high - instrument.low) // 12)
    numbers = list(range(octaves * octave_of(mode) + 1))
    if rng.random() < 0.5:
        numbers.reverse()
    tonic = tonic_for(rng, instrument, 0, 12 * octaves)
    line = Line(instrument, dynamic(rng), gate=rng.choice((STACCATO, 0.8, LEGATO)))
    for number in numbers[:-1]:
        line.play(tonic + degree(mode, number), 0.25 if is_quick else 0.5)
    line.play(tonic + degree(mode, numbers[-1]), rng.choice((1, 1.5, 2)), accent=LAST_ACCENT)
    noun = "run" if is_quick else "scale"
    noun = f"chromatic {noun}" if mode == "chromatic" else noun
    tempo_bpm = rng.uniform(110, 160) if is_quick else rng.uniform(80, 120)
    return solo("run", line, tempo_bpm, noun, mode=mode)


def arpeggio(rng: Random, instrument: Instrument) -> Score:
    """The notes of a chord, up, down, or up and down."""
    mode = rng.choice(("major", "minor"))
    is_quick = rng.random() < 0.7
    rising = [0, 2, 4, 7, 9, 11, 14]
    way = rng.choice(("up", "down", "both"))
    reach = min(24, (instrument.high - instrument.low) // 12 * 12)
    rising = [number for number in rising if degree(mode, number) <= reach]
    falling = rising[::-1]
    numbers = {"up": rising, "down": falling, "both": [*rising, *falling[1:]]}[way]
    tonic = tonic_for(rng, instrument, 0, degree(mode, rising[-1]))
    line = Line(instrument, dynamic(rng), gate=rng.choice((STACCATO, LEGATO)))
    step = 0.25 if is_quick else 0.5
    for number in numbers[:-1]:
        line.play(tonic + degree(mode, number), step)
    line.play(tonic + degree(mode, numbers[-1]), rng.choice((1, 2)), accent=LAST_ACCENT)
    tempo_bpm = rng.uniform(100, 150) if is_quick else rng.uniform(75, 110)
    tail = "up and down" if way == "both" else ""
    return solo("arpeggio", line, tempo_bpm, "arpeggio", mode=mode, tail=tail)


def trill(rng: Random, instrument: Instrument) -> Score:
    """A note and its upper neighbour in quick turn, resolved to the note."""
    semitones = rng.choice((1, 2))
    pitch = tonic_for(rng, instrument, 0, semitones, around=0.6)
    line = Line(instrument, dynamic(rng), gate=LEGATO)
    for _ in range(rng.randint(6, 14)):
        line.play(pitch, 0.25).play(pitch + semitones, 0.25)
    line.play(pitch, rng.choice((1, 2, 3)), accent=2)
    return solo("trill", line, rng.uniform(170, 200), "trill")


TUNE_RHYTHMS = (
    (0.5, 0.5, 1, 0.5, 0.5, 1),
    (1, 0.5, 0.5, 1, 0.5, 0.5),
    (0.75, 0.25, 0.5, 0.5, 1, 1),
    (0.5, 0.5, 0.5, 0.5, 1, 1),
    (1.5, 0.5, 1, 1),
)
"""Lengths of the notes of a bar of four beats."""
MELODY_REACH = (-4, 14)
"""Semitones from the tonic to the lowest and the highest note of a melody."""


def melody(rng: Random, mode: str) -> list[tuple[int, float]]:
    """Degrees and beats of two bars that begin on a chord tone, walk, and come home."""
    rhythm = [*rng.choice(TUNE_RHYTHMS), *rng.choice(TUNE_RHYTHMS)[:-2], 2.0]
    at = rng.choice((0, 2, 4))
    numbers = [at]
    for _ in rhythm[3:]:
        at += rng.choice((-2, -1, -1, 1, 1, 2))
        at = {-3: -1, -4: 0, 9: 7, 10: 6}.get(at, at)  # turn round at the edges
        numbers.append(at)
    return list(zip([*numbers, rng.choice((1, -1)), 0], rhythm, strict=True))


def tune(rng: Random, instrument: Instrument) -> Score:
    """Two bars of melody."""
    mode = rng.choice(("major", "major", "minor"))
    tonic = tonic_for(rng, instrument, *MELODY_REACH, around=0.5)
    line = Line(instrument, dynamic(rng), gate=rng.choice((STACCATO, 0.85, LEGATO)))
    for number, beats in melody(rng, mode):
        line.play(tonic + degree(mode, number), beats)
    noun = rng.choice(("tune", "melody"))
    return solo("tune", line, rng.uniform(100, 170), noun, mode=mode)


TIPTOES = (
    (0, 4, 0, 4, 2, 1, 0),
    (0, -3, 0, -3, 0, 1, 2, 0),
    (0, 1, 2, 0, 4, 2, 0),
    (4, 3, 2, 1, 4, 1, 0),
    (0, 2, 1, 3, 2, 4, 0),
)
"""Degrees of steps on tiptoe."""


def tiptoe(rng: Random, instrument: Instrument) -> Score:
    """Soft, short, even steps in the low half of the range."""
    tonic = tonic_for(rng, instrument, -5, 7, around=0.25)
    line = Line(instrument, dynamic(rng, "soft", "soft", "medium"), gate=0.3)
    numbers = rng.choice(TIPTOES)
    for number in numbers:
        line.play(tonic + degree("minor", number), 1)
    noun = rng.choice(("tiptoe tune", "tiptoe walk", "tiptoe theme"))
    return solo("tiptoe", line, rng.uniform(110, 170), noun, mode="minor")


def march(rng: Random, instrument: Instrument) -> Score:
    """Heavy, slow steps at the bottom of the range, down to the tonic."""
    mode = rng.choice(("major", "minor"))
    tonic = tonic_for(rng, instrument, -5, 7, around=0.0)
    line = Line(instrument, dynamic(rng, "medium", "loud"), gate=rng.choice((0.5, 0.8)))
    for number in rng.choice(((0, -3, 0, -3, 0), (4, 3, 2, 1, 0), (0, 0, 2, 1, 0), (0, 2, -3, 0))):
        line.play(tonic + degree(mode, number), 1, accent=6)
    return solo("march", line, rng.uniform(62, 96), rng.choice(("march", "walk")), mode=mode)


FANFARES = (
    ((0, 1 / 3), (0, 1 / 3), (0, 1 / 3), (2, 1), (0, 1), (4, 2)),
    ((-3, 0.5), (0, 1), (0, 0.5), (2, 0.5), (4, 0.5), (7, 2)),
    ((4, 0.5), (4, 0.25), (4, 0.25), (4, 1), (2, 0.5), (4, 0.5), (7, 2)),
    ((0, 0.75), (0, 0.25), (2, 0.75), (2, 0.25), (4, 1), (4, 0.5), (7, 2)),
)
"""Degrees and beats of calls on the notes of a chord."""


def fanfare(rng: Random, instrument: Instrument) -> Score:
    """A loud call on the notes of a major chord, to a long last note."""
    tonic = tonic_for(rng, instrument, -5, 12, around=0.7)
    line = Line(instrument, DYNAMICS["loud"], gate=0.75)
    for number, beats in rng.choice(FANFARES):
        line.play(tonic + degree("major", number), beats)
    return solo("fanfare", line, rng.uniform(100, 140), "fanfare", mode="major")


def slide(rng: Random, instrument: Instrument) -> Score:
    """A tone that glides up or down, once or a few times."""
    count = rng.choice((1, 1, 1, 2, 3))
    reach = rng.randint(4, 9) * rng.choice((-1, 1))
    first = tonic_for(rng, instrument, min(0, reach), max(0, reach))
    length = rng.uniform(0.5, 1.6) if count == 1 else rng.uniform(0.4, 0.7)
    held = rng.uniform(0.1, 0.4)
    line = Line(instrument, dynamic(rng, "medium", "loud"), gate=LEGATO)
    bends: list[Bend] = []
    for _ in range(count):
        start = line.at
        line.play(first, length + held).rest(0.3)
        bends += [
            Bend(at=start, semitones=0.0),
            Bend(at=start + 0.1 * length, semitones=0.0),
            Bend(at=start + length, semitones=reach),
            Bend(at=line.at - 0.05, semitones=reach),
        ]
    noun = rng.choice(("slide", "glissando"))
    return solo("slide", line, 60.0, noun, count=count, bends=tuple(bends))


def sweep(rng: Random, instrument: Instrument) -> Score:
    """A glissando: all the notes of a scale in one stroke, up, down, or up and down."""
    mode = rng.choice(("major", "pentatonic", "whole-tone"))
    octaves = min(rng.choice((2, 2, 3, 4)), (instrument.high - instrument.low) // 12)
    rising = list(range(octaves * octave_of(mode) + 1))
    way = rng.choice(("up", "up", "down", "both"))
    falling = rising[::-1]
    numbers = {"up": rising, "down": falling, "both": [*rising, *falling[1:]]}[way]
    tonic = tonic_for(rng, instrument, 0, 12 * octaves)
    line = Line(instrument, dynamic(rng), gate=LEGATO)
    for number in numbers[:-1]:
        line.play(tonic + degree(mode, number), 0.25)
    line.play(tonic + degree(mode, numbers[-1]), 2, accent=LAST_ACCENT)
    tail = "up and down" if way == "both" else ""
    noun = rng.choice(("glissando", "sweep"))
    return solo("sweep", line, rng.uniform(210, 360), noun, mode=mode, tail=tail)


def roll(rng: Random, instrument: Instrument) -> Score:
    """Beats too quick to count, even or swelling or dying away, some with a last stroke."""
    pitch = rng.randint(instrument.low, instrument.high)
    per_s = rng.uniform(13, 17)
    num_beats = round(per_s * rng.uniform(1.0, 3.2))
    first, last = rng.choice(((34, 108), (34, 108), (104, 40), (76, 76), (50, 50)))
    line = Line(instrument)
    for at in range(num_beats):
        line.velocity = round(first + (last - first) * at / (num_beats - 1))
        line.play(pitch, 1, accent=2 * (at % 2))
    tail = ""
    if last > first and rng.random() < 0.6:
        line.velocity = last
        line.rest(2).play(pitch, 4, accent=6)
        tail = "with a final stroke"
    return solo("roll", line, 60 * per_s, "roll", tail=tail)


def wah(rng: Random, instrument: Instrument) -> Score:
    """Four long notes down a semitone each, the last one sinking: the loser's music."""
    top = tonic_for(rng, instrument, -6, 0, around=0.5)
    line = Line(instrument, dynamic(rng, "medium", "loud"), gate=0.85)
    bends: list[Bend] = []
    for step in range(3):
        bends += [Bend(at=line.at, semitones=0.0), Bend(at=line.at + 0.8, semitones=-0.7)]
        line.play(top - step, 1)
    depth, start = rng.uniform(1.0, 2.5), line.at
    bends += [Bend(at=start, semitones=0.0), Bend(at=start + 1.0, semitones=0.0)]
    line.play(top - 3, 3)
    bends.append(Bend(at=line.at - 0.3, semitones=-depth))
    noun = rng.choice(("wah-wah", "four-note lament", "four-note sigh"))
    return solo("wah", line, rng.uniform(75, 115), noun, mode="chromatic", bends=tuple(bends))


def cuckoo(rng: Random, instrument: Instrument) -> Score:
    """A falling third, two or three times."""
    third = rng.choice((3, 4))
    pitch = tonic_for(rng, instrument, 0, third, around=0.6)
    line = Line(instrument, dynamic(rng), gate=0.8)
    for _ in range(rng.choice((2, 3))):
        line.play(pitch + third, 0.5).play(pitch, 1).rest(0.5)
    return solo("cuckoo", line, rng.uniform(90, 130), "two-note cuckoo call")


def ticking(rng: Random, instrument: Instrument) -> Score:
    """Even strokes, two pitches in turn, like a clock or hooves."""
    high = rng.randint(instrument.low + 5, instrument.high)
    line = Line(instrument, dynamic(rng))
    for _ in range(rng.randint(3, 6)):
        line.play(high, 1).play(high - 5, 1)
    return solo("ticking", line, rng.uniform(110, 240), "tick-tock")


def twinkle(rng: Random, instrument: Instrument) -> Score:
    """Quick high notes here and there, and one that rings."""
    tonic = tonic_for(rng, instrument, 0, 21, around=1.0)
    line = Line(instrument, dynamic(rng, "soft", "medium"), gate=LEGATO)
    for number in [rng.randint(0, octave_of("pentatonic") + 3) for _ in range(rng.randint(7, 14))]:
        line.play(tonic + degree("pentatonic", number), 0.25)
    line.play(tonic + degree("pentatonic", octave_of("pentatonic")), 2)
    noun = rng.choice(("twinkle", "sparkle"))
    return solo("twinkle", line, rng.uniform(120, 170), noun, mode="pentatonic")
