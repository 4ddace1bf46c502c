from __future__ import annotations

from random import Random

import pytest

from audiostory.curate.orchestra.phrases import GESTURES, phrase
from audiostory.curate.orchestra.render import LONGEST_S
from audiostory.curate.orchestra.score import SEMITONES_BENT, taken


@pytest.mark.parametrize("name", GESTURES)
def test_every_phrase_can_be_played_by_whoever_may_play_it(name):
    gesture = GESTURES[name]
    for player in set(gesture.players):
        for seed in range(30):
            score = taken(gesture.compose(Random(seed), player), Random(seed))
            assert score.gesture == name
            assert score.lead.instrument is player
            assert 0.1 < score.seconds < LONGEST_S - 0.5
            for part in score.parts:
                assert all(part.instrument.reaches(note.pitch) for note in part.notes)
                assert all(abs(bend.semitones) <= SEMITONES_BENT for bend in part.bends)


def test_the_same_chance_gives_the_same_score_and_another_one_another():
    assert phrase(Random("1/7")) == phrase(Random("1/7"))
    assert len({phrase(Random(f"1/{k}")) for k in range(50)}) == 50


def test_all_kinds_are_drawn():
    assert {phrase(Random(seed)).gesture for seed in range(800)} == set(GESTURES)
