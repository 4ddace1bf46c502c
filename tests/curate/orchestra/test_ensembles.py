from __future__ import annotations

from random import Random

import pytest

from audiostory.curate.orchestra import ensembles
from audiostory.curate.orchestra.instruments import (
    BRASS,
    CLARINET,
    DRUMS,
    PIANO,
    TREMOLO,
    TUBA,
    XYLOPHONE,
)
from audiostory.curate.orchestra.traits import onsets

SEEDS = range(40)


def test_there_are_as_many_stabs_as_are_said():
    for seed in SEEDS:
        score = ensembles.stabs(Random(seed), BRASS)
        assert len(onsets(score.lead)) == score.count
        assert len(score.lead.notes) >= 4 * score.count


@pytest.mark.parametrize("compose", [ensembles.sting, ensembles.ending])
def test_the_whole_orchestra_plays_together(compose):
    for seed in SEEDS:
        score = compose(Random(seed), BRASS)
        starts = [[start for start, _ in onsets(part)] for part in score.parts]
        assert len(score.parts) == 4
        assert all(each == starts[0] for each in starts)


def test_an_ending_goes_from_the_fifth_to_the_root():
    for seed in SEEDS:
        basses = ensembles.ending(Random(seed), BRASS).parts[2].notes
        assert (basses[0].pitch - basses[-1].pitch) % 12 == 7


def test_a_chase_repeats_its_figure_over_a_bass_that_is_softer():
    for seed in SEEDS:
        score = ensembles.chase(Random(seed), XYLOPHONE)
        found = [pitch for _, pitch in onsets(score.lead)]
        assert found[:4] * 4 == found[:16]
        assert score.parts[1].notes[0].velocity < score.lead.notes[0].velocity


@pytest.mark.parametrize("player", [PIANO, CLARINET])
def test_the_wrong_note_is_not_of_the_key(player):
    for seed in SEEDS:
        notes = ensembles.wrong_note(Random(seed), player).lead.notes
        last = [note for note in notes if note.start == notes[-1].start]
        tonic = last[0].pitch - 1
        right = [note for note in notes if note.start != last[0].start]
        assert {(note.pitch - tonic) % 12 for note in right} <= {0, 2, 4, 5, 7, 9, 11}
        assert len(last) == (3 if not player.is_held else 1)


def test_tension_rises_and_grows():
    for seed in SEEDS:
        notes = ensembles.tension(Random(seed), TREMOLO).lead.notes
        assert notes[0].pitch < notes[-1].pitch
        assert notes[0].velocity < notes[-1].velocity


def test_a_fall_ends_with_a_thump_behind_its_last_note():
    lead, drum = ensembles.tumble(Random(0), XYLOPHONE).parts
    assert lead.notes[0].pitch > lead.notes[-1].pitch
    assert drum.notes[0].start > lead.notes[-1].start


def test_a_joke_ends_on_the_cymbal():
    score = ensembles.joke(Random(0), DRUMS)
    assert len(onsets(score.lead)) == 3
    assert score.lead.notes[-1].pitch == 49


def test_the_chords_of_an_oompah_come_after_the_bass():
    for seed in SEEDS:
        bass, horns = ensembles.oompah(Random(seed), TUBA).parts
        shared = {note.start for note in bass.notes} & {note.start for note in horns.notes}
        assert shared == {bass.notes[-1].start}
