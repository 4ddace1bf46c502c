from __future__ import annotations

from random import Random

import pytest

from audiostory.curate import timed
from audiostory.curate.lexicon import Sound
from audiostory.curate.scenes import Beat, Scene

TRAIN = Beat((Sound("a train", "pass"),))
DOOR = Beat((Sound("a door", "slam"),))
QUIET = Beat((Sound("wind", "blow"),), is_named=False)


@pytest.mark.parametrize("seed", range(40))
def test_stated_spans_are_the_scenes_own(seed):
    scene = Scene((QUIET, TRAIN, DOOR), (5.0, 12.0, 13.5))
    text = timed.spans(Random(seed), scene)
    assert "train" in text.lower()
    assert "wind" not in text.lower()
    assert any(mark in text for mark in ("5", "0:05"))
    assert any(mark in text for mark in ("12", "0:12"))
    assert any(mark in text for mark in ("13.5", "0:13.5"))


@pytest.mark.parametrize("seed", range(40))
def test_stated_starts_and_lengths_are_the_scenes_own(seed):
    scene = Scene((TRAIN, DOOR), (8.0, 20.0))
    assert "8" in timed.starts(Random(seed), scene)
    text = timed.lengths(Random(seed), scene)
    assert "8" in text
    assert "12" in text


@pytest.mark.parametrize("seed", range(40))
def test_what_surrounds_an_unnamed_event_has_its_time(seed):
    text = timed.one_moment(Random(seed), Scene((QUIET, TRAIN, DOOR), (7.0, 11.0, 20.0)))
    assert "7" in text
    text = timed.one_moment(Random(seed), Scene((TRAIN, DOOR, QUIET), (7.0, 11.0, 20.0)))
    assert "11" in text
