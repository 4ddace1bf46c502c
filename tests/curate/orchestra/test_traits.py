from __future__ import annotations

from collections.abc import Sequence

import pytest

from audiostory.curate.orchestra.instruments import CLARINET, HARP, SNARE_DRUM, TROMBONE, Instrument
from audiostory.curate.orchestra.score import Bend, Line, Score
from audiostory.curate.orchestra.traits import Traits, onsets, traits_of


def traits(
    pitches: Sequence[int],
    *,
    beats: float = 1.0,
    velocities: Sequence[int] = (80,),
    gate: float = 0.8,
    player: Instrument = CLARINET,
    bends: tuple[Bend, ...] = (),
) -> Traits:
    line = Line(player, gate=gate)
    for at, pitch in enumerate(pitches):
        line.velocity = velocities[at % len(velocities)]
        line.play(pitch, beats)
    part = line.part(bends)
    return traits_of(Score(gesture="run", parts=(part,), tempo_bpm=60, mode="", noun="run"))


@pytest.mark.parametrize(("beats", "speed"), [(0.1, "quick"), (0.3, ""), (1.0, "slow")])
def test_speed_is_notes_a_second(beats, speed):
    assert traits([60, 62, 64, 65], beats=beats).speed == speed


def test_one_note_is_neither_quick_nor_slow():
    assert traits([60]).speed == ""


@pytest.mark.parametrize(
    ("pitches", "direction"),
    [([60, 62, 64, 67], "up"), ([67, 64, 60], "down"), ([60, 67, 60, 67], ""), ([60, 61], "")],
)
def test_direction_needs_most_steps_and_a_third(pitches, direction):
    assert traits(pitches).direction == direction


def test_a_bend_has_a_direction():
    bends = (Bend(at=0, semitones=0), Bend(at=1, semitones=-7))
    assert traits([60], player=TROMBONE, bends=bends).direction == "down"


@pytest.mark.parametrize(("velocity", "loudness"), [(50, "soft"), (76, ""), (102, "loud")])
def test_loudness_is_the_mean_velocity(velocity, loudness):
    assert traits([60, 62], velocities=(velocity,)).loudness == loudness


def test_what_grows_is_neither_loud_nor_soft():
    grown = traits([60] * 6, velocities=(40, 50, 60, 80, 100, 110))
    assert (grown.growth, grown.loudness) == ("louder", "")
    assert traits([60] * 3, velocities=(110, 80, 40)).growth == "softer"


@pytest.mark.parametrize(("pitch", "register"), [(40, "low"), (60, ""), (90, "high")])
def test_register_is_the_mean_pitch(pitch, register):
    assert traits([pitch]).register == register


def test_a_drum_has_no_pitch():
    drum = traits([38, 38], player=SNARE_DRUM)
    assert (drum.register, drum.direction) == ("", "")


@pytest.mark.parametrize(("gate", "word"), [(0.4, "staccato"), (0.8, ""), (1.0, "legato")])
def test_articulation_is_how_long_notes_are_held(gate, word):
    assert traits([60, 62, 64, 65, 67], gate=gate).articulation == word


def test_what_is_plucked_has_no_articulation():
    assert traits([60, 62, 64, 65, 67], gate=0.4, player=HARP).articulation == ""


def test_a_chord_is_one_onset_by_its_highest_note():
    assert onsets(Line(CLARINET).play((60, 67, 64), 1).play(62, 1).part()) == [(0, 67), (1, 62)]
