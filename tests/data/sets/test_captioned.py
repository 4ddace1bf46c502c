import pytest

from audiostory.data.sets.captioned import (
    Caption,
    Captioned,
    find_all,
    items_of,
    note_choice,
    note_sizes,
)
from audiostory.data.sets.recordings import Recordings
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound


def clip(name="rain", texts=("Rain falls", "It rains"), duration_s=10.0):
    captions = tuple(Caption(str(n), text, f"list.csv:{n}") for n, text in enumerate(texts, 2))
    return Captioned(name=name, captions=captions, stems=(name,), duration_s=duration_s)


def test_a_recording_is_asked_once_with_its_first_caption_or_once_for_each():
    (only,) = items_of(clip(), "first")
    assert (only.id, only.instruction.text) == ("rain", "Rain falls")
    assert [(one.id, one.instruction.text) for one in items_of(clip(), "all")] == [
        ("rain-2", "Rain falls"),
        ("rain-3", "It rains"),
    ]
    for item in (only, *items_of(clip(), "all")):
        assert item.captions == ("Rain falls", "It rains")
        assert item.instruction.duration_s == 10.0
        assert not item.is_ordered


def test_a_caption_that_cannot_be_asked_is_refused_with_its_line():
    with pytest.raises(CorpusError, match=r"list\.csv:2: .*characters"):
        items_of(clip(texts=("rain " * 4_000,)), "first")
    with pytest.raises(CorpusError, match=r"list\.csv:2: .*seconds"):
        items_of(clip(duration_s=0.2), "first")


def test_recordings_that_are_there_come_with_their_files(tmp_path):
    path = write_sound(tmp_path / "rain.wav")
    found, notes = find_all([clip(), clip("wind")], Recordings(tmp_path), max_missing=1)
    assert [(one.name, file) for one, file in found] == [("rain", path)]
    assert notes == ["1 of 2 recordings are missing and left out: wind"]


def test_a_list_that_is_not_the_published_one_is_noted():
    assert note_sizes([clip(), clip("wind")], published=2, per_clip=2) == []
    size, captions = note_sizes([clip(), clip("wind", ("Wind",))], published=975, per_clip=2)
    assert size == "the list names 2 recordings, the published one 975"
    assert captions.endswith("1 with 1")


def test_the_choice_of_captions_is_noted():
    assert "first caption of each of 2" in note_choice("first", 2, 2)
    assert "all 10 captions of 2" in note_choice("all", 2, 10)
