"""Instruments that phrases are written for: programs of General MIDI, ranges, names.

Programs: General MIDI 1 (MMA RP-003), counted from 0. Ranges are sounding pitches, as MIDI note
numbers (60 is middle C), of what orchestral players are commonly asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

DRUM_BANK = 128
"""Bank of a soundfont that holds drum kits, a sound a key."""
SNARE, CRASH, BASS_DRUM = 38, 49, 36
"""Keys of a drum kit: General MIDI's percussion map."""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One sound of a soundfont, and what people call it."""

    name: str
    """With its article, as in a sentence: "a clarinet", "pizzicato strings"."""
    adjective: str
    """Before a noun: "clarinet" in "a clarinet run"."""
    program: int
    """General MIDI program, from 0."""
    low: int
    """Lowest note."""
    high: int
    """Highest note."""
    group: str
    """Kind of sound in a corpus."""
    bank: int = 0
    """Bank of the soundfont."""
    is_held: bool = False
    """Whether its notes end when they are let go: blown, bowed or keyed, not struck or plucked."""

    def reaches(self, pitch: int) -> bool:
        """Whether the note is in its range."""
        return self.low <= pitch <= self.high


def _held(name: str, program: int, low: int, high: int, group: str) -> Instrument:
    adjective = name.split(" ", 1)[1] if name.startswith(("a ", "an ")) else name
    return Instrument(
        name=name,
        adjective=adjective,
        program=program,
        low=low,
        high=high,
        group=group,
        is_held=True,
    )


def _struck(name: str, program: int, low: int, high: int, group: str) -> Instrument:
    adjective = name.split(" ", 1)[1] if name.startswith(("a ", "an ")) else name
    return Instrument(
        name=name, adjective=adjective, program=program, low=low, high=high, group=group
    )


PICCOLO = _held("a piccolo", 72, 74, 105, "woodwind")
FLUTE = _held("a flute", 73, 60, 93, "woodwind")
OBOE = _held("an oboe", 68, 58, 88, "woodwind")
ENGLISH_HORN = _held("an English horn", 69, 52, 81, "woodwind")
CLARINET = _held("a clarinet", 71, 50, 91, "woodwind")
BASSOON = _held("a bassoon", 70, 34, 70, "woodwind")
SAXOPHONE = _held("a saxophone", 66, 44, 75, "woodwind")
RECORDER = _held("a recorder", 74, 60, 86, "woodwind")
OCARINA = _held("an ocarina", 79, 69, 89, "woodwind")
SLIDE_WHISTLE = _held("a slide whistle", 78, 67, 98, "cartoon")
TRUMPET = _held("a trumpet", 56, 54, 84, "brass")
MUTED_TRUMPET = _held("a muted trumpet", 59, 54, 82, "brass")
TROMBONE = _held("a trombone", 57, 40, 72, "brass")
TUBA = _held("a tuba", 58, 28, 58, "brass")
HORN = _held("a French horn", 60, 41, 77, "brass")
BRASS = Instrument(
    name="a brass section", adjective="brass", program=61, low=41, high=82, group="brass",
    is_held=True,
)  # fmt: skip
VIOLIN = _held("a violin", 40, 55, 98, "strings")
CELLO = _held("a cello", 42, 36, 74, "strings")
DOUBLE_BASS = _held("a double bass", 43, 28, 55, "strings")
STRINGS = Instrument(
    name="a string section", adjective="string", program=48, low=36, high=91, group="strings",
    is_held=True,
)  # fmt: skip
TREMOLO = Instrument(
    name="tremolo strings", adjective="tremolo string", program=44, low=40, high=88,
    group="strings", is_held=True,
)  # fmt: skip
PIZZICATO = Instrument(
    name="pizzicato strings", adjective="pizzicato", program=45, low=36, high=84, group="plucked"
)
HARP = _struck("a harp", 46, 31, 96, "plucked")
BANJO = _struck("a banjo", 105, 48, 80, "plucked")
XYLOPHONE = _struck("a xylophone", 13, 65, 103, "percussion")
MARIMBA = _struck("a marimba", 12, 48, 93, "percussion")
VIBRAPHONE = _struck("a vibraphone", 11, 53, 89, "percussion")
GLOCKENSPIEL = _struck("a glockenspiel", 9, 79, 105, "percussion")
TIMPANI = Instrument(
    name="timpani", adjective="timpani", program=47, low=38, high=57, group="percussion"
)
WOODBLOCK = _struck("a woodblock", 115, 60, 84, "percussion")
DRUMS = Instrument(
    name="a drum kit", adjective="drum", program=0, low=35, high=57, group="percussion",
    bank=DRUM_BANK,
)  # fmt: skip
SNARE_DRUM = Instrument(
    name="a snare drum", adjective="snare drum", program=0, low=SNARE, high=SNARE,
    group="percussion", bank=DRUM_BANK,
)  # fmt: skip
CELESTA = _struck("a celesta", 8, 60, 105, "keyboard")
PIANO = _held("a piano", 0, 28, 100, "keyboard")
HONKY_TONK = _held("a honky-tonk piano", 3, 36, 96, "keyboard")
MUSIC_BOX = _struck("a music box", 10, 60, 96, "music_box")
