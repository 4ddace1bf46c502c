from dataclasses import replace

import pytest

from audiostory.data.sets.captioned import (
    Caption,
    Captioned,
    Published,
    find_all,
    item_set_of,
    items_of,
    note_choice,
    note_sizes,
)
from audiostory.data.sets.item import seed_of
from audiostory.data.sets.recordings import Recordings
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound, write_text

RAINS = Published(name="rains", num_clips=2, captions_per_clip=2)


def clip(name="rain", texts=("Rain falls", "It rains"), duration_s=10.0):
    captions = tuple(Caption(str(n), text, f"list.csv:{n}") for n, text in enumerate(texts, 2))
    return Captioned(name=name, captions=captions, stems=(name,), duration_s=duration_s)


def test_a_recording_is_asked_once_with_its_first_caption_or_once_for_each():
    (only,) = items_of(RAINS, clip(), "first")
    assert (only.id, only.instruction.text) == ("rain", "Rain falls")
    assert [(one.id, one.instruction.text) for one in items_of(RAINS, clip(), "all")] == [
        ("rain-2", "Rain falls"),
        ("rain-3", "It rains"),
    ]
    for item in (only, *items_of(RAINS, clip(), "all")):
        assert item.captions == ("Rain falls", "It rains")
        assert item.instruction.duration_s == 10.0
        assert not item.is_ordered
        assert item.seed == seed_of("rains", item.id)


def test_a_caption_that_cannot_be_asked_is_refused_with_its_line():
    with pytest.raises(CorpusError, match=r"list\.csv:2: .*characters"):
        items_of(RAINS, clip(texts=("rain " * 4_000,)), "first")
    with pytest.raises(CorpusError, match=r"list\.csv:2: .*seconds"):
        items_of(RAINS, clip(duration_s=0.2), "first")


def test_recordings_that_are_there_come_with_their_files(tmp_path):
    path = write_sound(tmp_path / "rain.wav")
    found, notes = find_all([clip(), clip("wind")], Recordings(tmp_path), max_missing=1)
    assert [(one.name, file) for one, file in found] == [("rain", path)]
    assert notes == ["1 of 2 recordings are missing and left out: wind"]


def test_a_list_that_is_not_the_published_one_is_noted():
    assert note_sizes([clip(), clip("wind")], RAINS) == []
    more = replace(RAINS, num_clips=975)
    size, captions = note_sizes([clip(), clip("wind", ("Wind",))], more)
    assert size == "the list names 2 recordings, the published one 975"
    assert captions.endswith("1 with 1")


def test_the_choice_of_captions_is_noted():
    assert "first caption of each of 2" in note_choice("first", 2, 2)
    assert "all 10 captions of 2" in note_choice("all", 2, 10)


@pytest.mark.parametrize(("choice", "num_items"), [("first", 1), ("all", 2)])
def test_a_set_asks_about_what_is_there_and_says_what_it_is_made_of(tmp_path, choice, num_items):
    table = write_text(tmp_path / "list.csv", "rain")
    path = write_sound(tmp_path / "rain.wav", 10.0, level=0.2)
    found = item_set_of(
        RAINS,
        [clip(), clip("wind")],
        [(clip(), path)],
        table=table,
        choice=choice,
        missing=("wind is missing",),
    )
    assert found.name == "rains"
    assert found.version.startswith(f"{choice}-")
    assert found.version.endswith("-1of2")
    assert len(found.items) == num_items
    assert found.notes == (note_choice(choice, 1, num_items), "wind is missing")
    for item in found.items:
        assert found.reference_of(item).samples.max() == pytest.approx(0.2, abs=1e-3)


def test_another_list_is_another_version(tmp_path):
    tables = [write_text(tmp_path / f"{text}.csv", text) for text in ("rain", "hail")]
    path = write_sound(tmp_path / "rain.wav")
    versions = {
        item_set_of(
            RAINS, [clip()], [(clip(), path)], table=table, choice="first", missing=()
        ).version
        for table in tables
    }
    assert len(versions) == 2
