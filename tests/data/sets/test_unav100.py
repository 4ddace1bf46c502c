import json

import pytest

from audiostory.data.sets.unav100 import (
    SHORTEST_EVENT_S,
    Label,
    Video,
    instruction_of,
    load_unav100,
    story_of,
)
from audiostory.errors import CorpusError
from audiostory.story.format import check_order, check_pairing
from tests.data.sets.files import write_sound, write_text


def video(*labels, duration_s=42.0):
    return Video("abc", duration_s, tuple(Label(*one) for one in labels))


def told(one):
    story, _ = story_of(one)
    return [(event.start_s, event.end_s, event.sounds) for event in story.storyline.events]


def test_labels_that_overlap_become_events_that_follow_one_another():
    both = video(("dog bark", 0.0, 20.0), ("people laughing", 12.0, 30.0), duration_s=30.0)
    assert told(both) == [
        (0.0, 12.0, "dog bark"),
        (12.0, 20.0, "dog bark and people laughing"),
        (20.0, 30.0, "people laughing"),
    ]


def test_a_stretch_without_a_label_joins_the_event_before_it_and_the_first_the_one_after():
    gaps = video(("dog bark", 3.0, 10.0), ("car horn", 20.0, 30.0), duration_s=40.0)
    assert told(gaps) == [(0.0, 20.0, "dog bark"), (20.0, 40.0, "car horn")]


def test_a_stretch_shorter_than_a_second_joins_its_neighbour_with_both_their_labels():
    blurred = video(("dog bark", 0.0, 10.0), ("car horn", 9.7, 20.0), duration_s=20.0)
    assert told(blurred) == [(0.0, 10.0, "dog bark and car horn"), (10.0, 20.0, "car horn")]
    late = video(("dog bark", 0.3, 10.0), duration_s=10.0)
    assert told(late) == [(0.0, 10.0, "dog bark")]


def test_the_same_sound_twice_in_a_row_is_one_event_but_two_named_sounds():
    twice = video(("dog bark", 0.0, 10.0), ("dog bark", 15.0, 20.0), duration_s=20.0)
    assert told(twice) == [(0.0, 20.0, "dog bark")]
    _, placed = story_of(twice)
    assert [event for _, event in placed] == [0, 0]


@pytest.mark.parametrize("seed", range(20))
def test_any_labels_become_a_story_that_fills_the_whole_video(seed):
    numbers = [(seed * 7919 + step * 104729) % 1000 / 1000 for step in range(1, 25)]
    spans = [sorted(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    labels = sorted(
        (60 * start, 60 * end + 0.1, f"sound {number}") for number, (start, end) in enumerate(spans)
    )
    one = video(*((text, start, end) for start, end, text in labels), duration_s=61.0)
    story, placed = story_of(one)
    events = story.storyline.events
    check_order(events)
    check_pairing(len(events), len(story.clips))
    assert story.duration_s == pytest.approx(61.0)
    assert events[0].start_s == 0.0
    assert min(event.duration_s for event in events) >= SHORTEST_EVENT_S
    for label, number in placed:
        assert label.text in events[number].sounds


def test_the_instruction_tells_the_sounds_in_order_and_the_length():
    story, _ = story_of(
        video(("dog bark", 0.0, 10.0), ("car horn", 10.0, 20.0), ("rain", 12.0, 20.5),
              ("wind", 10.0, 20.0), duration_s=20.5)
    )  # fmt: skip
    assert instruction_of(story) == (
        "First dog bark, then car horn and wind, then car horn, rain and wind. "
        "The audio lasts 20.5 seconds."
    )
    alone, _ = story_of(video(("rain", 0.0, 20.0), duration_s=20.0))
    assert instruction_of(alone) == "The sound of rain. The audio lasts 20 seconds."


def entry(*labels, subset="test", duration=42.0):
    annotations = [
        {"segment": [start, end], "label": text, "label_id": 3} for text, start, end in labels
    ]
    return {"subset": subset, "duration": duration, "annotations": annotations}


DATABASE = {
    "__2MwJ2uHu0": entry(("car horn", 20.0, 42.3), ("dog bark", 0.0, 25.0)),
    "short": entry(("rain", 0.0, 9.0), duration=10.0),
    "train": entry(("rain", 0.0, 9.0), subset="train"),
}
WHERE = "annotations/unav100_annotations.json"


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / WHERE, json.dumps({"database": DATABASE}))
    write_sound(tmp_path / "audio" / "__2MwJ2uHu0.wav", 42.0)
    write_sound(tmp_path / "audio" / "short.wav", 10.0)
    return tmp_path


def test_the_videos_of_a_subset_are_read_with_their_sounds_in_order(folder):
    found = load_unav100(folder)
    assert [item.id for item in found.items] == ["__2MwJ2uHu0", "short"]
    item = found.items[0]
    assert item.instruction.duration_s == 42.0
    assert [(one.text, one.start_s, one.end_s, one.event) for one in item.sounds] == [
        ("dog bark", 0.0, 25.0, 0),
        ("car horn", 20.0, 42.0, 1),
    ]
    assert item.is_ordered
    assert not found.items[1].is_ordered
    assert any("1 labels ended after their video" in note for note in found.notes)
    reference = found.reference_of(item)
    assert reference is not None
    assert reference.duration_s == pytest.approx(42.0)


def test_short_videos_can_be_left_out_as_in_the_paper(folder):
    found = load_unav100(folder, min_duration_s=30.0)
    assert [item.id for item in found.items] == ["__2MwJ2uHu0"]
    assert found.version != load_unav100(folder).version


def test_missing_sounds_are_an_error_unless_allowed(folder):
    (folder / "audio" / "short.wav").unlink()
    with pytest.raises(CorpusError, match="1 of 2 recordings"):
        load_unav100(folder)
    assert any("short" in note for note in load_unav100(folder, max_missing=1).notes)


def test_a_sound_file_of_another_length_than_its_video_is_refused(folder):
    write_sound(folder / "audio" / "short.wav", 12.0)
    with pytest.raises(CorpusError, match=r"short\.wav lasts 12\.00 s, its video 10\.00 s"):
        load_unav100(folder)


def test_an_unknown_subset_is_told_with_those_there_are(folder):
    with pytest.raises(CorpusError, match="no subset 'testing'; it has test, train"):
        load_unav100(folder, subset="testing")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (entry(), "no annotations"),
        (entry(("rain", 5.0, 5.0)), "'rain' runs from 5 s to 5 s in a video of 42 s"),
        (entry(("rain", -1.0, 5.0)), "runs from -1 s"),
        (entry(("rain", 5.0, 50.0)), "runs from 5 s to 50 s"),
        (entry((" ", 5.0, 6.0)), "a label is empty"),
        (entry(("rain", "a", 6.0)), "wrong type"),
        ({"subset": "test", "annotations": []}, "no field 'duration'"),
        ({**entry(), "annotations": [{"label": "rain", "segment": [1]}]}, "wrong type"),
        ({**entry(("rain", 0.0, 0.2)), "duration": 0.5}, "the track is asked to last"),
    ],
)
def test_broken_annotations_are_refused_with_their_video(tmp_path, broken, said):
    write_text(tmp_path / WHERE, json.dumps({"database": {"vid": broken}}))
    write_sound(tmp_path / "audio" / "vid.wav", broken.get("duration", 42.0))
    with pytest.raises(CorpusError, match=f"vid: .*{said}"):
        load_unav100(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"annotations\.json:1: not JSON"),
        ("[]", "not of the form"),
        ('{"database": []}', "not of the form"),
        ('{"database": {"vid": {}}}', "not of the form"),
        ('{"database": {}}', "no subset 'test'; it has none"),
        ('{"database": {"vid": {}, "vid": {}}}', "'vid' twice"),
    ],
)
def test_what_is_no_such_database_is_refused(tmp_path, text, said):
    write_text(tmp_path / WHERE, text)
    with pytest.raises(CorpusError, match=said):
        load_unav100(tmp_path)
