import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from audiostory.data.sets.item import NamedSound
from audiostory.data.sets.nano_stories import load_nano_stories
from audiostory.evaluate.narrative.coverage import CoverageMetric
from audiostory.evaluate.narrative.finding import kind_of
from tests.evaluate.narrative.stories import ScriptedGrounder, named, subject, zeros

STORY = {"rain": [(0, 4)], "thunder": [(5, 6)], "door": [(8, 9)], "steps": [(10, 14)]}


def measured(heard, sounds, *, track_s=15.0, tolerance_s=1.0, **fields):
    metric = CoverageMetric(ScriptedGrounder(heard), tolerance_s=tolerance_s)
    scores = metric.measure(subject(zeros(track_s), sounds=sounds, **fields))
    assert set(scores) == {column.key for column in metric.columns}
    return scores


def test_a_story_told_in_full_and_in_order_scores_one():
    scores = measured(STORY, named(*STORY))
    assert scores["coverage"] == scores["order"] == scores["order_defined"] == 1.0
    assert scores["coverage_in_place"] is None


def test_coverage_is_the_share_of_named_sounds_that_are_heard():
    assert measured(STORY, named(*STORY, "bell"))["coverage"] == pytest.approx(4 / 5)


def test_a_story_told_backwards_scores_minus_one_in_order():
    backwards = named(*reversed(STORY))
    scores = measured(STORY, backwards)
    assert scores["order"] == -1.0
    assert scores["coverage"] == 1.0


def test_shuffled_events_lower_the_order():
    drawn = np.random.default_rng(0)
    texts = [f"sound {index}" for index in range(8)]
    told = {text: [(index, index + 0.5)] for index, text in enumerate(texts)}
    shuffled = [measured(told, named(*drawn.permutation(texts)))["order"] for _ in range(40)]
    assert measured(told, named(*texts))["order"] == 1.0
    assert abs(np.mean(shuffled)) < 0.2
    assert max(shuffled) < 1.0


@pytest.mark.parametrize("onsets", list(itertools.permutations((0, 1, 2, 2)))[::5])
def test_without_shared_events_order_is_kendalls_tau_b(onsets):
    heard = {text: [(onset, onset + 1)] for text, onset in zip("abcd", onsets, strict=True)}
    expected = kendalltau(range(4), onsets).statistic
    assert measured(heard, named(*"abcd"))["order"] == pytest.approx(expected)


def test_sounds_of_one_event_are_asked_in_no_order():
    sounds = (*named("rain", "thunder"), NamedSound(text="wind", event=1))
    for wind_s in (3, 7):
        heard = {"rain": [(0, 1)], "thunder": [(5, 6)], "wind": [(wind_s, wind_s + 1)]}
        assert measured(heard, sounds)["order"] == 1.0


def test_everything_at_once_is_in_no_order():
    heard = {text: [(0, 10)] for text in STORY}
    assert measured(heard, named(*STORY))["order"] == 0.0


def test_a_sound_that_returns_is_in_order_with_what_comes_after_all_of_it():
    heard = {"rain": [(0, 2), (10, 12)], "thunder": [(13, 14)]}
    assert measured(heard, named("rain", "rain", "thunder"))["order"] == 1.0
    heard["thunder"] = [(5, 6)]
    assert measured(heard, named("rain", "rain", "thunder"))["order"] == 0.0
    heard["thunder"] = [(0, 1)]
    heard["rain"] = [(3, 4), (10, 12)]
    assert measured(heard, named("rain", "rain", "thunder"))["order"] == -1.0


def test_a_sound_told_before_and_after_another_has_no_order_with_it():
    heard = {"rain": [(0, 2), (10, 12)], "thunder": [(5, 6)]}
    scores = measured(heard, named("rain", "thunder", "rain"))
    assert (scores["order"], scores["order_defined"]) == (None, 0.0)


@pytest.mark.parametrize("most", [1, 3])
def test_random_onsets_are_in_no_order_where_sounds_return(most):
    drawn = np.random.default_rng(0)
    taus = []
    for item in load_nano_stories().items:
        kinds = {kind_of(sound) for sound in item.sounds}
        if not item.is_ordered or len(kinds) == len(item.sounds):
            continue
        sounds = [replace(sound, text=kind_of(sound)) for sound in item.sounds]
        for _ in range(4):
            starts = {kind: drawn.integers(0, 98, drawn.integers(0, most + 1)) for kind in kinds}
            heard = {kind: [(one, one + 2) for one in each] for kind, each in starts.items()}
            taus.append(measured(heard, sounds, track_s=100.0)["order"])
    known = np.array([one for one in taus if one is not None])
    assert len(known) > 150
    assert abs(known.mean()) < 3 * known.std() / np.sqrt(len(known)) < 0.2


def test_order_is_undefined_with_fewer_than_two_sounds_or_without_one_asked():
    lone = measured({"rain": [(0, 1)]}, named("rain", "thunder"))
    assert (lone["order"], lone["order_defined"]) == (None, 0.0)
    unordered = measured(STORY, named(*STORY), is_ordered=False)
    assert (unordered["order"], unordered["order_defined"]) == (None, None)


def test_in_place_means_within_the_reference_span_widened():
    sounds = (NamedSound(text="thunder", event=0, start_s=7.0, end_s=8.0),)
    assert measured(STORY, sounds, tolerance_s=0.5)["coverage_in_place"] == 0.0
    assert measured(STORY, sounds, tolerance_s=1.5)["coverage_in_place"] == 1.0
    lasting = (NamedSound(text="thunder", event=0, start_s=3.0, end_s=9.0),)
    assert measured(STORY, lasting, tolerance_s=0.0)["coverage_in_place"] == 1.0
    onset = (NamedSound(text="thunder", event=0, start_s=4.5),)
    assert measured(STORY, onset, tolerance_s=1.0)["coverage_in_place"] == 1.0


def test_times_are_not_stretched_to_a_shorter_track():
    sounds = (NamedSound(text="rain", event=0, start_s=0.0, end_s=4.0),
              NamedSound(text="thunder", event=1, start_s=40.0, end_s=44.0))  # fmt: skip
    scores = measured(STORY, sounds, track_s=15.0)
    assert (scores["coverage"], scores["coverage_in_place"]) == (1.0, 0.5)


def test_a_sound_made_once_covers_two_mentions_but_not_in_both_places():
    sounds = (NamedSound(text="thunder", event=0, start_s=5.0, end_s=6.0),
              NamedSound(text="thunder", event=1, start_s=12.0, end_s=13.0))  # fmt: skip
    scores = measured(STORY, sounds)
    assert (scores["coverage"], scores["coverage_in_place"]) == (1.0, 0.5)


def test_sounds_the_instrument_is_deaf_to_do_not_count():
    metric = CoverageMetric(ScriptedGrounder(STORY, deaf_to=("bell", "rain")))
    scores = metric.measure(subject(zeros(15.0), sounds=named("rain", "thunder", "bell", "car")))
    assert (scores["coverage"], scores["groundable"]) == (0.5, 0.5)
    deaf = CoverageMetric(ScriptedGrounder({}, deaf_to=("bell",)))
    scores = deaf.measure(subject(zeros(15.0), sounds=named("bell")))
    assert (scores["coverage"], scores["groundable"]) == (None, 0.0)


def test_an_item_that_names_nothing_has_no_scores():
    assert set(measured(STORY, ()).values()) == {None}


def test_a_silent_track_covers_nothing():
    scores = measured({}, named(*STORY))
    assert (scores["coverage"], scores["order"]) == (0.0, None)


def test_every_number_names_what_found_the_sounds():
    columns = CoverageMetric(ScriptedGrounder({})).columns
    assert all(ScriptedGrounder.card.described in column.detail for column in columns)
