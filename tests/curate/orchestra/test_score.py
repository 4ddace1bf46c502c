from __future__ import annotations

from random import Random

import pytest

from audiostory.curate.orchestra.instruments import CLARINET, HARP, SNARE_DRUM
from audiostory.curate.orchestra.score import (
    Line,
    Note,
    Score,
    degree,
    octave_of,
    taken,
    tonic_for,
)
from audiostory.errors import ConfigError


def scale() -> Score:
    line = Line(CLARINET, gate=0.5)
    for number in range(8):
        line.play(60 + degree("major", number), 0.5)
    return Score(gesture="run", parts=(line.part(),), tempo_bpm=120, mode="major", noun="run")


def test_degrees_go_on_in_both_directions():
    assert [degree("major", number) for number in (-1, 0, 2, 7, 9)] == [-1, 0, 4, 12, 16]
    assert degree("pentatonic", octave_of("pentatonic")) == 12


def test_a_score_lasts_as_its_beats_and_tempo_say():
    assert scale().seconds == pytest.approx((7 * 0.5 + 0.25) * 0.5)


def test_what_is_blown_is_held_by_its_gate_and_what_is_plucked_rings():
    assert Line(CLARINET, gate=0.5).play(60, 1).notes[0].length == 0.5
    assert Line(HARP, gate=0.5).play(60, 1).notes[0].length == 1


def test_chords_sound_together_and_rests_do_not():
    line = Line(CLARINET).play((60, 64), 1).rest(2).play(67, 1)
    assert [note.start for note in line.notes] == [0, 0, 3]


def test_a_take_has_the_same_pitches_and_another_performance():
    first, second = taken(scale(), Random(1)), taken(scale(), Random(2))
    assert [note.pitch for note in first.lead.notes] == [note.pitch for note in second.lead.notes]
    assert first != second
    assert first == taken(scale(), Random(1))
    assert first.tempo_bpm == pytest.approx(120, rel=0.071)


def test_a_tonic_leaves_room_on_both_sides():
    rng = Random(0)
    for around in (None, 0.0, 0.5, 1.0):
        for _ in range(50):
            tonic = tonic_for(rng, CLARINET, -5, 12, around=around)
            assert CLARINET.reaches(tonic - 5)
            assert CLARINET.reaches(tonic + 12)


def test_an_instrument_that_cannot_span_it_is_named():
    with pytest.raises(ConfigError, match="a snare drum cannot span 12"):
        tonic_for(Random(0), SNARE_DRUM, 0, 12)


@pytest.mark.parametrize("wrong", [{"start": -1}, {"length": 0}, {"velocity": 128}])
def test_a_note_that_cannot_be_played_is_refused(wrong):
    with pytest.raises(ConfigError, match="out of range"):
        Note(**{"start": 0, "length": 1, "pitch": 60, "velocity": 80} | wrong)
