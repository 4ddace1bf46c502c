from __future__ import annotations

from random import Random

import pytest

from audiostory.curate.orchestra import solos
from audiostory.curate.orchestra.instruments import (
    BASSOON,
    CLARINET,
    HARP,
    PIZZICATO,
    TIMPANI,
    TROMBONE,
    TRUMPET,
)
from audiostory.curate.orchestra.score import SCALES, Score
from audiostory.curate.orchestra.traits import onsets

SEEDS = range(40)


def pitches(score: Score) -> list[int]:
    return [pitch for _, pitch in onsets(score.lead)]


@pytest.mark.parametrize("compose", [solos.run, solos.arpeggio, solos.sweep])
def test_what_goes_up_or_down_stays_in_its_scale_and_ends_on_the_tonic(compose):
    for seed in SEEDS:
        score = compose(Random(seed), HARP)
        last = pitches(score)[-1]
        assert {(pitch - last) % 12 for pitch in pitches(score)} <= set(SCALES[score.mode])


@pytest.mark.parametrize("compose", [solos.tune, solos.tiptoe, solos.march])
def test_a_tune_comes_home_to_a_note_of_its_key(compose):
    for seed in SEEDS:
        score = compose(Random(seed), PIZZICATO if compose is not solos.march else BASSOON)
        last = pitches(score)[-1]
        assert {(pitch - last) % 12 for pitch in pitches(score)} <= set(SCALES[score.mode])


def test_a_melody_fills_two_bars():
    for seed in SEEDS:
        told = solos.melody(Random(seed), "major")
        assert sum(beats for _, beats in told) == pytest.approx(8, abs=1.01)
        assert told[-1] == (0, 2.0)


def test_steps_on_tiptoe_are_short():
    for seed in SEEDS:
        notes = solos.tiptoe(Random(seed), BASSOON).lead.notes
        assert all(note.length < 0.5 for note in notes)


def test_a_slide_bends_each_of_its_tones():
    for seed in SEEDS:
        score = solos.slide(Random(seed), TROMBONE)
        assert len(score.lead.notes) == score.count
        assert 4 <= max(abs(bend.semitones) for bend in score.lead.bends) <= 9
        times = [bend.at for bend in score.lead.bends]
        assert times == sorted(times)


def test_a_bent_tone_stays_in_the_range():
    for seed in SEEDS:
        (part,) = solos.slide(Random(seed), TROMBONE).parts
        reached = {part.notes[0].pitch + round(bend.semitones) for bend in part.bends}
        assert all(TROMBONE.reaches(pitch) for pitch in reached)


def test_a_roll_is_too_quick_to_count_and_may_swell():
    rolls = [solos.roll(Random(seed), TIMPANI) for seed in SEEDS]
    assert all(780 <= score.tempo_bpm <= 1020 for score in rolls)
    assert any(score.lead.notes[0].velocity < 40 < 100 < score.lead.notes[-1].velocity
               for score in rolls)  # fmt: skip


def test_a_fanfare_plays_the_notes_of_a_major_chord():
    for seed in SEEDS:
        found = pitches(solos.fanfare(Random(seed), TRUMPET))
        roots = [root for root in range(12) if {(p - root) % 12 for p in found} <= {0, 4, 7}]
        assert roots


def test_the_last_note_of_the_losers_music_sinks():
    score = solos.wah(Random(3), TROMBONE)
    assert [pitch - pitches(score)[0] for pitch in pitches(score)] == [0, -1, -2, -3]
    assert score.lead.bends[-1].semitones <= -1


def test_a_cuckoo_calls_a_third():
    found = pitches(solos.cuckoo(Random(0), CLARINET))
    assert found[0] - found[1] in (3, 4)
    assert found[0::2] == [found[0]] * (len(found) // 2)
