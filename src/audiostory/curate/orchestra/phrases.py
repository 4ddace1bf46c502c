"""Which phrases there are, who plays them, and one of them drawn by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from audiostory.curate.orchestra import ensembles, solos
from audiostory.curate.orchestra.instruments import (
    BANJO,
    BASSOON,
    BRASS,
    CELESTA,
    CELLO,
    CLARINET,
    DOUBLE_BASS,
    DRUMS,
    ENGLISH_HORN,
    FLUTE,
    GLOCKENSPIEL,
    HARP,
    HONKY_TONK,
    HORN,
    MARIMBA,
    MUSIC_BOX,
    MUTED_TRUMPET,
    OBOE,
    OCARINA,
    PIANO,
    PICCOLO,
    PIZZICATO,
    RECORDER,
    SAXOPHONE,
    SLIDE_WHISTLE,
    SNARE_DRUM,
    STRINGS,
    TIMPANI,
    TREMOLO,
    TROMBONE,
    TRUMPET,
    TUBA,
    VIBRAPHONE,
    VIOLIN,
    WOODBLOCK,
    XYLOPHONE,
    Instrument,
)
from audiostory.curate.orchestra.score import Score

WOODWINDS = (PICCOLO, FLUTE, OBOE, CLARINET, BASSOON)
MALLETS = (XYLOPHONE, MARIMBA, VIBRAPHONE)


@dataclass(frozen=True, kw_only=True)
class Gesture:
    """A kind of phrase."""

    compose: Callable[[Random, Instrument], Score]
    """Writes one for an instrument."""
    players: tuple[Instrument, ...]
    """Who may play it, or lead it; one named twice plays it more often."""
    weight: float
    """How often it is drawn, beside the others."""


GESTURES: dict[str, Gesture] = {
    "run": Gesture(
        compose=solos.run,
        players=(*WOODWINDS, CLARINET, SAXOPHONE, VIOLIN, TRUMPET, *MALLETS, XYLOPHONE, PIZZICATO),
        weight=5,
    ),
    "arpeggio": Gesture(
        compose=solos.arpeggio,
        players=(*WOODWINDS, HARP, HARP, PIZZICATO, MARIMBA, CELESTA, VIOLIN, CELLO, BANJO),
        weight=3,
    ),
    "trill": Gesture(
        compose=solos.trill, players=(PICCOLO, FLUTE, FLUTE, CLARINET, OBOE, VIOLIN), weight=1.5
    ),
    "tune": Gesture(
        compose=solos.tune,
        players=(
            *WOODWINDS, ENGLISH_HORN, RECORDER, OCARINA, TRUMPET, MUTED_TRUMPET, XYLOPHONE,
            GLOCKENSPIEL, PIZZICATO, PIZZICATO, BANJO, MUSIC_BOX, HONKY_TONK, VIOLIN, TUBA,
        ),
        weight=4,
    ),
    "tiptoe": Gesture(
        compose=solos.tiptoe,
        players=(PIZZICATO, PIZZICATO, PIZZICATO, BASSOON, BASSOON, CLARINET, MARIMBA),
        weight=3.5,
    ),
    "march": Gesture(
        compose=solos.march, players=(TUBA, TUBA, BASSOON, DOUBLE_BASS, TROMBONE), weight=1.5
    ),
    "fanfare": Gesture(
        compose=solos.fanfare, players=(TRUMPET, TRUMPET, BRASS, HORN, TROMBONE), weight=1.5
    ),
    "slide": Gesture(
        compose=solos.slide,
        players=(TROMBONE, TROMBONE, SLIDE_WHISTLE, SLIDE_WHISTLE, VIOLIN, CELLO, CLARINET),
        weight=3.5,
    ),
    "sweep": Gesture(
        compose=solos.sweep,
        players=(HARP, HARP, HARP, XYLOPHONE, GLOCKENSPIEL, CELESTA, MARIMBA, PIANO),
        weight=3,
    ),
    "roll": Gesture(compose=solos.roll, players=(TIMPANI, TIMPANI, SNARE_DRUM), weight=2.5),
    "wah": Gesture(compose=solos.wah, players=(MUTED_TRUMPET, TROMBONE, TROMBONE), weight=1),
    "cuckoo": Gesture(
        compose=solos.cuckoo, players=(CLARINET, FLUTE, OCARINA, RECORDER, OBOE), weight=0.8
    ),
    "ticking": Gesture(compose=solos.ticking, players=(WOODBLOCK,), weight=0.8),
    "twinkle": Gesture(
        compose=solos.twinkle, players=(GLOCKENSPIEL, CELESTA, MUSIC_BOX), weight=1.5
    ),
    "stabs": Gesture(
        compose=ensembles.stabs, players=(BRASS, BRASS, BRASS, STRINGS, PIANO), weight=3
    ),
    "sting": Gesture(compose=ensembles.sting, players=(BRASS,), weight=1.5),
    "ending": Gesture(compose=ensembles.ending, players=(BRASS,), weight=1.5),
    "chase": Gesture(
        compose=ensembles.chase,
        players=(STRINGS, PIZZICATO, XYLOPHONE, CLARINET, FLUTE, PIANO),
        weight=3,
    ),
    "wrong_note": Gesture(
        compose=ensembles.wrong_note,
        players=(PIANO, HONKY_TONK, TRUMPET, CLARINET, XYLOPHONE, PIZZICATO),
        weight=1.5,
    ),
    "tension": Gesture(compose=ensembles.tension, players=(TREMOLO,), weight=1.5),
    "joke": Gesture(compose=ensembles.joke, players=(DRUMS,), weight=0.5),
    "tumble": Gesture(
        compose=ensembles.tumble, players=(XYLOPHONE, XYLOPHONE, PIZZICATO, CLARINET), weight=1.5
    ),
    "oompah": Gesture(compose=ensembles.oompah, players=(TUBA, BASSOON), weight=1),
}  # fmt: skip
"""All kinds of phrases by name."""


def phrase(rng: Random) -> Score:
    """A score of any kind; the same state of ``rng`` gives the same score."""
    names = list(GESTURES)
    gesture = GESTURES[rng.choices(names, [GESTURES[name].weight for name in names])[0]]
    return gesture.compose(rng, rng.choice(gesture.players))
