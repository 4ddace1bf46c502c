import itertools

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


@pytest.mark.parametrize(("bark_s", "answered"), [(0, 0), (12, 2)])
def test_a_bark_too_few_answers_the_mention_it_fits(bark_s, answered):
    heard = {"bark": [(bark_s, bark_s + 1)], "door": [(5, 6)], "bell": [(8, 9)]}
    found = placed(heard, "bark", "door", "bark", "bell" if bark_s == 0 else "car")
    assert [found[0], found[2]][answered // 2] == (bark_s, bark_s + 1)
    assert [found[0], found[2]][1 - answered // 2] is None


def test_too_few_stretches_go_to_the_best_fitting_mentions_of_all():
    heard = {"bark": [(3, 4), (12, 13)], "door": [(6, 7)], "bell": [(9, 10)]}
    texts = ("bark", "door", "bark", "bell", "bark")
    sounds = named(*texts)
    activity = ScriptedGrounder(heard).hear_sounds(zeros(20.0), sounds)
    chosen = place(activity, sounds)

    def pairs_in_order(placing):
        return sum(b > a for a, b in ordered_pairs(placing, sounds))

    best = 0
    for first, second in itertools.combinations((0, 2, 4), 2):
        trial = list(chosen)
        trial[0] = trial[2] = trial[4] = None
        trial[first], trial[second] = Stretch(3.0, 4.0), Stretch(12.0, 13.0)
        best = max(best, pairs_in_order(trial))
    assert pairs_in_order(chosen) == best == 6
    assert sum(one is not None for one in chosen) == 4


def test_many_mentions_of_one_sound_take_no_time():
    texts = [text for index in range(60) for text in ("bark", f"sound {index}")]
    heard = {f"sound {index}": [(index / 4, index / 4 + 0.1)] for index in range(60)}
    heard["bark"] = [(2 * index, 2 * index + 1) for index in range(8)]
    found = placed(heard, *texts)
    assert sum(one is not None for one in found[::2]) == 8


def test_two_texts_that_cannot_be_told_apart_share_their_stretches():
    heard = {"a dog": [(1, 2)], "a hound": [(1, 2)]}
    for group, num_found in (("dog", 1), (None, 2)):
        sounds = named("a dog", "a hound", group=group)
        activity = ScriptedGrounder(heard).hear_sounds(zeros(20.0), sounds)
        assert sum(one is not None for one in place(activity, sounds)) == num_found


def test_pairs_are_of_found_sounds_of_different_events():
    sounds = (
        NamedSound(text="a", event=0),
        NamedSound(text="b", event=1),
        NamedSound(text="c", event=1),
        NamedSound(text="d", event=2),
    )
    where = [Stretch(4.0, 5.0), Stretch(1.0, 2.0), Stretch(2.0, 3.0), None]
    assert list(ordered_pairs(where, sounds)) == [(4.0, 1.0), (4.0, 2.0)]
