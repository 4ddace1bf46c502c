import numpy as np
import pytest

from audiostory.data.sets.item import NamedSound
from audiostory.evaluate.narrative.entities import EntityMetric
from tests.evaluate.narrative.stories import ScriptedGrounder, named, subject, zeros
from tests.evaluate.tracks import features

SOUNDS = named("dog", "rain", "dog")
HEARD = {"dog": [(0, 2), (6, 8)], "rain": [(3, 5)]}


def measured(rows, sounds=SOUNDS, heard=None):
    metric = EntityMetric(ScriptedGrounder(HEARD if heard is None else heard), "ear")
    scores = metric.measure(subject(zeros(8.0), sounds=sounds, heard_as={"ear": features(rows)}))
    assert set(scores) == {column.key for column in metric.columns}
    return scores


def rows(first, between, second):
    return np.array([first] * 3 + [between] * 3 + [second] * 2, float)


def test_a_dog_that_returns_unchanged_is_more_like_itself_than_like_the_rain():
    scores = measured(rows([2, 0], [0, 1], [1, 0]))
    assert scores["entity_consistency"] == pytest.approx(1.0)
    assert scores["entity_pairs"] == 1.0


def test_another_dog_lowers_the_score():
    assert measured(rows([1, 0], [0, 1], [1, 1]))["entity_consistency"] == pytest.approx(
        np.sqrt(0.5) - np.mean([0, np.sqrt(0.5)])
    )
    assert measured(rows([1, 0], [0, 1], [0, 1]))["entity_consistency"] == pytest.approx(-0.5)


def test_groups_say_what_is_the_same_before_texts_do():
    sounds = (
        NamedSound(text="dog", event=0, group="dog"),
        NamedSound(text="rain", event=1, group="rain"),
        NamedSound(text="hound", event=2, group="dog"),
    )
    heard = {"dog": [(0, 2)], "rain": [(3, 5)], "hound": [(6, 8)]}
    assert measured(rows([1, 0], [0, 1], [1, 0]), sounds, heard)["entity_pairs"] == 1.0


def test_what_does_not_return_says_nothing():
    for sounds in ((), named("dog", "rain"), named("dog", "dog")):
        scores = measured(rows([1, 0], [0, 1], [1, 0]), sounds)
        assert scores["entity_consistency"] is None
        assert (scores["entity_pairs"] is None) == (not sounds)


def test_sounds_of_one_event_are_not_compared():
    sounds = tuple(
        NamedSound(text=text, event=event) for text, event in (("dog", 0), ("rain", 0), ("dog", 1))
    )
    scores = measured(rows([1, 0], [0, 1], [0, 1]), sounds)
    assert scores["entity_pairs"] == 1.0
    assert scores["entity_consistency"] == pytest.approx(0.0 - 1.0)


def test_a_sound_heard_fewer_times_than_it_is_named_is_compared_with_nothing():
    sounds = (*SOUNDS, NamedSound(text="dog", event=3))
    scores = measured(rows([1, 0], [0, 1], [1, 0]), sounds)
    assert (scores["entity_consistency"], scores["entity_pairs"]) == (None, 0.0)


def test_two_sounds_in_the_very_same_window_are_no_pair():
    sounds = (*SOUNDS, NamedSound(text="bell", event=3))
    heard = HEARD | {"bell": [(3, 5)]}
    with_bell = measured(rows([1, 0], [0, 1], [1, 0]), sounds, heard)
    assert with_bell["entity_consistency"] == pytest.approx(1.0)
