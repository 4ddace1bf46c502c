"""What is to be played: notes of parts in beats, a tempo, a key; and the lines they are made of.

Pitches are MIDI note numbers, velocities MIDI's 1 to 127, bends semitones above the written pitch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from audiostory.curate.orchestra.instruments import Instrument
from audiostory.errors import ConfigError

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 11),  # harmonic: its seventh leads home
    "pentatonic": (0, 2, 4, 7, 9),
    "whole-tone": (0, 2, 4, 6, 8, 10),
    "chromatic": tuple(range(12)),
}
"""Semitones above the tonic of the degrees of a scale."""
DYNAMICS = {"soft": 50, "medium": 76, "loud": 102}
"""Velocities that phrases are written at."""
SEMITONES_BENT = 12
"""How far a bend may go, up or down."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """One tone of a part."""

    start: float
    """Beats from the beginning."""
    length: float
    """Beats that it is held."""
    pitch: int
    velocity: int

    def __post_init__(self) -> None:
        """Refuse what no instrument could play."""
        if self.start < 0 or self.length <= 0 or not 1 <= self.velocity <= 127:
            raise ConfigError(f"{self} cannot be played: start, length or velocity is out of range")


@dataclass(frozen=True, kw_only=True)
class Bend:
    """Where the pitch of a part is at a moment; between two moments it moves evenly."""

    at: float
    """Beats from the beginning."""
    semitones: float
    """Above the written pitch, at most ``SEMITONES_BENT`` away."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one instrument plays."""

    instrument: Instrument
    notes: tuple[Note, ...]
    bends: tuple[Bend, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Score:
    """A phrase. Its first part is the lead: what is said of direction and speed is of this part."""

    gesture: str
    """Which kind of phrase it is: a name of ``phrases.GESTURES``."""
    parts: tuple[Part, ...]
    tempo_bpm: float
    mode: str
    """A name of ``SCALES``; empty where there is no scale."""
    noun: str
    """What is played: "run", "fanfare"."""
    count: int = 1
    """How many of them are played one after the other."""
    tail: str = ""
    """What else there is to say, behind the noun: "with a drum thump"."""
    players: str = ""
    """Who plays, where it is not the lead alone: "an orchestra"."""
    group: str = ""
    """Kind of sound, where it is not that of the lead's instrument."""

    @property
    def lead(self) -> Part:
        """The part that is heard first of all."""
        return self.parts[0]

    @property
    def seconds_per_beat(self) -> float:
        """Length of a beat."""
        return 60 / self.tempo_bpm

    @property
    def seconds(self) -> float:
        """When the last note ends; it may ring on."""
        last = max(note.start + note.length for part in self.parts for note in part.notes)
        return last * self.seconds_per_beat


@dataclass
class Line:
    """A part as it is written, one note or chord after the other.

    Args:
        instrument: who plays it.
        velocity: of its notes, unless said otherwise.
        gate: share of its time that a note is held: 0.4 is staccato, 1 legato. What is struck or
            plucked is not damped before the next note.
        at: beats from the beginning where the next note goes.
    """

    instrument: Instrument
    velocity: int = DYNAMICS["medium"]
    gate: float = 0.9
    at: float = 0.0
    notes: list[Note] = field(default_factory=list)

    def play(
        self,
        pitches: int | Iterable[int],
        beats: float,
        *,
        accent: int = 0,
        gate: float | None = None,
    ) -> Line:
        """Add a note, or several together, and go on behind it."""
        held = beats
        if self.instrument.is_held:
            held *= self.gate if gate is None else gate
        for pitch in (pitches,) if isinstance(pitches, int) else pitches:
            note = Note(start=self.at, length=held, pitch=pitch, velocity=self.velocity + accent)
            self.notes.append(note)
        self.at += beats
        return self

    def rest(self, beats: float) -> Line:
        """Go on after a silence."""
        self.at += beats
        return self

    def part(self, bends: Sequence[Bend] = ()) -> Part:
        """The part, finished."""
        return Part(instrument=self.instrument, notes=tuple(self.notes), bends=tuple(bends))


def degree(mode: str, number: int) -> int:
    """Semitones from the tonic to a degree of a scale: 0 is the tonic, 7 its octave, -1 below it.

    Of scales with fewer or more degrees the octave has another number.
    """
    scale = SCALES[mode]
    octave, step = divmod(number, len(scale))
    return 12 * octave + scale[step]


def octave_of(mode: str) -> int:
    """The number of degrees in an octave."""
    return len(SCALES[mode])


def tonic_for(
    rng: Random, instrument: Instrument, lowest: int, highest: int, *, around: float | None = None
) -> int:
    """A tonic such that what lies ``lowest`` to ``highest`` semitones from it can be played.

    Args:
        rng: source of chance.
        instrument: who plays.
        lowest: semitones from the tonic to the lowest note.
        highest: semitones from the tonic to the highest note.
        around: where in the range to stay near: 0 is its bottom, 1 its top; None is anywhere.

    Raises:
        ConfigError: if the instrument's range is too small.
    """
    tonics = range(instrument.low - lowest, instrument.high - highest + 1)
    if not tonics:
        raise ConfigError(f"{instrument.name} cannot span {highest - lowest} semitones")
    if around is None:
        return rng.choice(tonics)
    centre = round(around * (len(tonics) - 1))
    return rng.choice([tonic for at, tonic in enumerate(tonics) if abs(at - centre) <= 6])


def taken(score: Score, rng: Random) -> Score:
    """The score as somebody plays it once: a little faster or slower, louder or softer, uneven."""
    tempo_bpm = score.tempo_bpm * rng.uniform(0.93, 1.07)
    louder = rng.randint(-6, 6)
    late = 0.008 * tempo_bpm / 60  # beats in 8 ms

    def played(note: Note) -> Note:
        return replace(
            note,
            start=note.start + rng.uniform(0.0, late),
            velocity=note.velocity + louder + rng.randint(-4, 4),
        )

    parts = tuple(replace(part, notes=tuple(map(played, part.notes))) for part in score.parts)
    return replace(score, tempo_bpm=tempo_bpm, parts=parts)
