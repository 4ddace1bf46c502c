import numpy as np
import pytest

from audiostory.data.sets.item import NamedSound
from audiostory.evaluate.narrative.finding import Stretch, ordered_pairs, place, stretches
from tests.evaluate.narrative.stories import ScriptedGrounder, named, zeros


def placed(heard, *texts):
    sounds = named(*texts)
    activity = ScriptedGrounder(heard).hear_sounds(zeros(20.0), sounds)
    return [stretch and (stretch.start_s, stretch.end_s) for stretch in place(activity, sounds)]


def test_stretches_are_runs_of_frames_and_flicker_is_bridged():
    found = np.array([0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1], dtype=bool)
    assert stretches(found, 10.0) == [Stretch(0.1, 0.5), Stretch(1.1, 1.2)]
    assert stretches(np.zeros(5, dtype=bool), 10.0) == []


def test_a_sound_named_once_lasts_from_first_to_last_heard():
    assert placed({"rain": [(1, 2), (5, 6)]}, "rain", "wind") == [(1.0, 6.0), None]


def test_a_sound_named_twice_is_parted_at_its_longest_pause():
    heard = {"steps": [(0, 1), (2, 3), (8, 9)], "door": [(5, 6)]}
    assert placed(heard, "steps", "door", "steps") == [(0.0, 3.0), (5.0, 6.0), (8.0, 9.0)]


def test_the_parting_looks_at_no_other_sound():
    heard = {"steps": [(0, 1), (2, 3), (8, 9)], "door": [(1.2, 1.8)]}
    first, _, last = placed(heard, "steps", "door", "steps")
    assert (first, last) == ((0.0, 3.0), (8.0, 9.0))


@pytest.mark.parametrize("bark_s", [0, 12])
def test_a_sound_heard_fewer_times_than_it_is_named_answers_no_mention(bark_s):
    heard = {"bark": [(bark_s, bark_s + 1)], "door": [(5, 6)], "bell": [(8, 9)]}
    found = placed(heard, "bark", "door", "bark", "bell")
    assert found == [None, (5.0, 6.0), None, (8.0, 9.0)]


def test_two_texts_that_cannot_be_told_apart_share_their_stretches():
    heard = {"a dog": [(1, 2)], "a hound": [(1, 2)]}
    for group, num_found in (("dog", 0), (None, 2)):
        sounds = named("a dog", "a hound", group=group)
        activity = ScriptedGrounder(heard).hear_sounds(zeros(20.0), sounds)
        assert sum(one is not None for one in place(activity, sounds)) == num_found


def pairs(heard, sounds):
    return list(ordered_pairs(ScriptedGrounder(heard).hear_sounds(zeros(20.0), sounds), sounds))


def test_pairs_are_of_found_sounds_of_different_events():
    sounds = (
        NamedSound(text="a", event=0),
        NamedSound(text="b", event=1),
        NamedSound(text="c", event=1),
        NamedSound(text="d", event=2),
    )
    heard = {"a": [(4, 5)], "b": [(1, 2)], "c": [(2, 3)]}
    assert pairs(heard, sounds) == [(4.0, 1.0), (4.0, 2.0)]


def test_a_returning_sound_is_in_order_with_what_is_asked_wholly_before_or_after_it():
    heard = {"steps": [(0, 1), (8, 9)], "door": [(5, 6)]}
    assert pairs(heard, named("steps", "steps", "door")) == [(0.0, 5.0), (8.0, 5.0)]
    assert pairs(heard, named("door", "steps", "steps")) == [(5.0, 0.0), (5.0, 8.0)]
    assert pairs(heard, named("steps", "door", "steps")) == []


def test_a_returning_sound_heard_once_is_in_order_whichever_mention_is_meant():
    heard = {"steps": [(8, 9)], "door": [(5, 6)]}
    assert pairs(heard, named("steps", "steps", "door")) == [(8.0, 5.0)]
