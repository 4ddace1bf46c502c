from collections import Counter
from random import Random

import pytest

from audiostory.curate.scripted import Takes, clips_by_recording, plan
from audiostory.curate.scripts import Cue
from audiostory.errors import CorpusError
from tests.curate.scripted_corpus import KINDS, event, script, write_corpus


@pytest.fixture
def takes(tmp_path):
    return Takes(clips_by_recording(write_corpus(tmp_path)))


def test_only_free_clips_of_the_test_split_are_taken(takes):
    assert set(takes.clips) == {"r:rain", "r:dog", "r:slam-a", "r:slam-b"}


def test_the_same_script_and_takes_give_the_same_plan(takes):
    again = Takes(takes.clips)
    assert plan(script(), KINDS, takes) == plan(script(), KINDS, again)


def test_recordings_are_used_in_turn(takes):
    for _ in range(10):
        takes.of(KINDS["slam"], Random(0))
    assert takes.used == Counter({"r:slam-a": 5, "r:slam-b": 5})


def test_events_fill_the_time_and_sounds_that_repeat_get_what_is_left(takes):
    row = plan(script(), KINDS, takes).row
    assert row.events[-1].end_s == 20.0
    assert row.events[0].duration_s > 15
    assert len(row.layers[0]) > 3
    assert len(row.layers[1]) == 1


def test_repetitions_go_through_the_takes(takes):
    files = [layer.file for layer in plan(script(), KINDS, takes).row.layers[0]]
    assert set(files) == {"dog-a.wav", "dog-b.wav"}
    assert all(one != two for one, two in zip(files, files[1:], strict=False))


@pytest.mark.parametrize("times", [1, 2, 4])
def test_counted_sounds_are_heard_as_often_as_was_said_and_whole(takes, times):
    counted = script(events=(event(Cue(sound="dog", times=times)), event(Cue(sound="rain"))))
    planned = plan(counted, KINDS, takes)
    layers = planned.row.layers[0]
    assert len(layers) == times
    for layer in layers:
        assert layer.duration_s in (0.5, 0.6)
        assert layer.start_s + layer.duration_s <= planned.row.events[0].duration_s
    assert (
        planned.sounds[0].text
        == {
            1: "a dog barks",
            2: "a dog barks twice",
            4: "a dog barks four times",
        }[times]
    )


def test_events_start_when_the_text_says(takes):
    timed = script(
        events=(
            event(Cue(sound="rain"), starts_s=0.0),
            event(Cue(sound="dog")),
            event(Cue(sound="slam"), starts_s=12.0),
        )
    )
    planned = plan(timed, KINDS, takes)
    assert planned.row.events[2].start_s == 12.0
    assert [sound.asked_s for sound in planned.sounds] == [0.0, None, 12.0]
    assert planned.sounds[2].start_s == 12.0


def test_a_named_sound_spans_its_first_to_its_last_layer(takes):
    planned = plan(script(), KINDS, takes)
    layers, sound = planned.row.layers[0], planned.sounds[0]
    assert sound.start_s == pytest.approx(layers[0].start_s, abs=0.01)
    assert sound.end_s == pytest.approx(layers[-1].start_s + layers[-1].duration_s, abs=0.01)
    assert sound.group == "dog"


def test_a_bed_is_named_first_and_lies_under_everything(takes):
    planned = plan(script(bed="rain"), KINDS, takes)
    bed, sound = planned.row.bed, planned.sounds[0]
    assert bed is not None
    assert (sound.text, sound.start_s, sound.end_s) == ("rain falls", 0.0, 20.0)
    assert all(layer.gain_db > bed.gain_db for each in planned.row.layers for layer in each)
    assert all("rain falling in the background" in caption for caption in planned.row.captions)


def test_what_goes_on_lies_under_what_is_counted(takes):
    both = script(events=(event(Cue(sound="rain"), Cue(sound="slam", times=2)),))
    rain, *slams = plan(both, KINDS, takes).row.layers[0]
    assert rain.gain_db < min(layer.gain_db for layer in slams) - 2
    assert slams[0].start_s > 1.0


def test_a_sound_that_returns_is_the_same_recording(takes):
    back = script(
        events=(event(Cue(sound="slam")), event(Cue(sound="dog")), event(Cue(sound="slam")))
    )
    layers = plan(back, KINDS, takes).row.layers
    assert layers[0][0].file == layers[2][0].file


def test_what_is_far_is_quieter_and_duller_and_said(takes):
    far = script(events=(event(Cue(sound="dog", distance="far")), event(Cue(sound="dog"))))
    row = plan(far, KINDS, takes).row
    assert row.layers[0][0].gain_db < row.layers[1][0].gain_db - 2
    assert row.layers[0][0].lowpass_hz < row.layers[1][0].lowpass_hz
    assert row.captions[0] == "A dog barking in the distance"


def test_captions_say_no_more_than_is_known(takes):
    row = plan(script(), KINDS, takes).row
    assert row.captions == ("A dog barking", "A door slamming")
    assert row.events[1].detail == "A door slams."


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"duration_s": 3.0}, "events need"),
        ({"space": "moon"}, "no space 'moon'"),
        ({"bed": "snow"}, "'snow' is not in the list"),
    ],
)
def test_scripts_that_cannot_be_planned_say_why(takes, changed, complaint):
    with pytest.raises(CorpusError, match=complaint):
        plan(script(**changed), KINDS, takes)


def test_a_corpus_without_the_recording_is_refused(takes):
    with pytest.raises(CorpusError, match="no usable clip"):
        plan(script(), KINDS, Takes({"r:rain": takes.clips["r:rain"]}))
