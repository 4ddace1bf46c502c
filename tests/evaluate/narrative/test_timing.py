from dataclasses import replace

import pytest

from audiostory.data.sets.item import NamedSound
from audiostory.evaluate.narrative.timing import TimingMetric, clip_of
from audiostory.story.types import Instruction
from tests.evaluate.narrative.stories import ScriptedGrounder, named, plan, subject, zeros
from tests.evaluate.tracks import item

HEARD = {"a dog barks": [(1.5, 3.0)], "rain falls": [(5.0, 9.0)], "a door slams": [(12.0, 12.5)]}
PLANNED = plan(("A dog barks twice", 1, 4), ("Heavy rain falling", 4, 10), ("Doors slam", 12, 15))


def measured(sounds, *, heard=None, track_s=15.0, tolerance_s=1.0, **fields):
    metric = TimingMetric(
        ScriptedGrounder(HEARD if heard is None else heard), tolerance_s=tolerance_s
    )
    scores = metric.measure(subject(zeros(track_s), sounds=sounds, **fields))
    assert set(scores) == {column.key for column in metric.columns}
    return scores


def test_errors_against_the_plan_are_medians_over_sounds():
    scores = measured(named(*HEARD), planned=PLANNED)
    assert scores["onset_error_plan_s"] == pytest.approx(0.5)  # of 0.5, 1.0 and 0
    assert scores["duration_error_plan_s"] == pytest.approx(2.0)  # of 1.5, 2.0 and 2.5
    assert scores["planned"] == 1.0


def test_boundary_accuracy_is_the_share_of_clips_that_start_in_time():
    assert measured(named(*HEARD), planned=PLANNED, tolerance_s=0.6)[
        "boundary_accuracy"
    ] == pytest.approx(2 / 3)
    shifted = {text: [(a + 3, b + 3)] for text, ((a, b),) in HEARD.items()}
    late = measured(named(*HEARD), planned=PLANNED, heard=shifted, track_s=20.0)
    assert late["boundary_accuracy"] == 0.0
    assert late["onset_error_plan_s"] == pytest.approx(3.5)


def test_the_first_of_several_sounds_of_a_clip_decides_its_start():
    together = plan(("a dog barks while rain falls", 1, 15))
    scores = measured(named(*HEARD)[:2], planned=together)
    assert scores["boundary_accuracy"] == 1.0


def test_a_returning_sound_is_told_by_the_clip_nearest_in_sequence():
    planned = plan(("rain", 0, 4), ("a bell", 4, 8), ("rain again", 8, 12))
    sounds = named("rain", "bell", "rain")
    clips = [clip_of(sound, planned, item("a", sounds=sounds)) for sound in sounds]
    assert [clip.start_s for clip in clips] == [0, 4, 8]


def test_a_sound_no_clip_tells_is_not_compared_with_one():
    scores = measured(named("a dog barks", "rain falls"), planned=plan(("cats and dogs", 0, 15)))
    assert scores["planned"] == 0.5
    assert scores["onset_error_plan_s"] == pytest.approx(1.5)
    none = measured(named("rain falls"), planned=plan(("a cat", 0, 15)))
    assert (none["planned"], none["onset_error_plan_s"], none["boundary_accuracy"]) == (
        0,
        None,
        None,
    )


def test_errors_against_the_instruction_and_the_reference():
    sounds = (
        NamedSound(text="a dog barks", event=0, start_s=1.0, end_s=2.0, asked_s=2.0),
        NamedSound(text="rain falls", event=1, start_s=8.0, end_s=12.0),
        NamedSound(text="a train", event=2, start_s=1.0, end_s=2.0, asked_s=9.0),
    )
    scores = measured(sounds)
    assert scores["onset_error_asked_s"] == pytest.approx(0.5)
    assert scores["onset_error_reference_s"] == pytest.approx((0.5 + 3.0) / 2)
    assert scores["duration_error_reference_s"] == pytest.approx((0.5 + 0.0) / 2)
    assert scores["onset_error_plan_s"] is None


@pytest.mark.parametrize(("track_s", "error_s"), [(28.0, 2.0), (33.0, 3.0)])
def test_the_length_asked_for_is_the_instructions(track_s, error_s):
    metric = TimingMetric(ScriptedGrounder({}))
    told = subject(zeros(track_s), text="rain. The total duration is 30 seconds.")
    assert metric.measure(told)["length_error_s"] == pytest.approx(error_s)


def test_a_duration_given_as_a_number_counts_before_the_text():
    asked = Instruction(text="rain, 10 seconds", duration_s=26.0)
    told = subject(zeros(20.0), planned=plan(("rain", 0, 24)))
    given = replace(told, item=replace(told.item, instruction=asked))
    scores = TimingMetric(ScriptedGrounder({})).measure(given)
    assert scores["length_error_s"] == pytest.approx(6.0)
    assert scores["length_error_plan_s"] == pytest.approx(4.0)


def test_the_instruments_resolution_is_told():
    assert measured(named(*HEARD))["timing_resolution_s"] == pytest.approx(0.1)


def test_an_item_without_sounds_still_has_lengths():
    scores = measured((), planned=PLANNED)
    assert scores["length_error_plan_s"] == 0.0
    assert scores["timing_resolution_s"] is None


def test_a_plan_longer_than_the_track_and_a_track_of_one_sample_are_measured():
    one = measured(named(*HEARD), heard={}, planned=PLANNED, track_s=1 / 16_000)
    assert one["onset_error_plan_s"] is None
    assert one["length_error_plan_s"] == pytest.approx(15.0, abs=0.01)


def test_a_sound_heard_fewer_times_than_it_is_named_has_no_onset():
    sounds = (
        NamedSound(text="a dog barks", event=0, start_s=1.0),
        NamedSound(text="a dog barks", event=1, start_s=8.0),
    )
    assert measured(sounds)["onset_error_reference_s"] is None
    twice = measured(sounds, heard={"a dog barks": [(1.5, 2), (9, 10)]})
    assert twice["onset_error_reference_s"] == pytest.approx(0.75)


def test_the_share_of_planned_sounds_names_what_found_them():
    columns = {each.key: each for each in TimingMetric(ScriptedGrounder({})).columns}
    assert ScriptedGrounder.card.described in columns["planned"].detail
