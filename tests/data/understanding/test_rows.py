import logging

import pytest

from audiostory.data.sets.recordings import Recordings
from audiostory.data.sets.tables import Row
from audiostory.data.understanding.rows import (
    BadRowError,
    Segment,
    caption_of,
    cell_of,
    file_of,
    gather,
    seconds_of,
    segment_of,
)
from audiostory.errors import CorpusError
from tests.data.sets.files import write_text
from tests.data.understanding.files import heard, write_clips

TABLE = [Row({"caption": text}, f"list.csv:{n}") for n, text in enumerate(("a", "", "b", " "), 2)]
TEN = Segment(None, None, 10.0)


def read(row):
    return heard(caption_of(row))


def test_bad_rows_are_named_and_counted_and_the_reading_goes_on(caplog):
    with caplog.at_level(logging.WARNING):
        gathered = gather(TABLE, read, "count")
    assert [row.caption for row in gathered.rows] == ["a", "b"]
    assert [bad.place for bad in gathered.bad] == ["list.csv:3", "list.csv:5"]
    assert gathered.summary() == (
        "2 rows of 4; 2 left out for empty caption (list.csv:3, list.csv:5)"
    )
    assert gathered.summary() in caplog.text


def test_the_first_bad_row_stops_the_reading_where_asked():
    with pytest.raises(BadRowError, match="list.csv:3: empty caption"):
        gather(TABLE, read, "stop")


def test_a_list_without_a_good_row_is_an_error():
    with pytest.raises(CorpusError, match="0 rows of 1; 1 left out for empty caption"):
        gather(TABLE[1:2], read, "count")


def test_of_many_bad_rows_the_first_are_named():
    table = [TABLE[0], *(Row({"caption": ""}, f"l:{n}") for n in range(9))]
    assert "9 left out for empty caption (l:0, l:1, l:2, l:3, l:4, ...)" in (
        gather(table, read, "count").summary()
    )


def test_files_that_cannot_be_used_are_bad_each_in_its_way(tmp_path):
    write_clips(tmp_path, "good", "twice")
    write_clips(tmp_path, "long", duration_s=12.0)
    write_text(tmp_path / "audio" / "twice.flac", "x")
    write_text(tmp_path / "audio" / "broken.wav", "x")
    recordings, row = Recordings(tmp_path / "audio"), TABLE[0]
    assert file_of(row, recordings, ("gone", "good"), TEN) == ("audio/good.wav", 10.0)
    for stem, fault in (
        ("gone", "missing audio"),
        ("twice", "ambiguous audio"),
        ("broken", "unreadable audio"),
        ("long", "wrong duration: long.wav lasts 12.0 s"),
    ):
        with pytest.raises(BadRowError, match=fault):
            file_of(row, recordings, (stem,), TEN)


def test_a_segment_lasts_from_its_start_to_its_end():
    row = TABLE[0]
    assert segment_of(row, 30.0, 40.0, 10.0) == Segment(30.0, 40.0, 10.0)
    assert segment_of(row, 30.0, None, 10.0) == Segment(30.0, 40.0, 10.0)
    assert segment_of(row, None, None, 10.0) == TEN
    with pytest.raises(BadRowError, match="wrong duration: it ends at 30 s"):
        segment_of(row, 30.0, 30.0, 10.0)


def test_cells_that_hold_nothing_or_no_time_are_bad():
    row = Row({"start": "soon", "id": ""}, "list.csv:2")
    with pytest.raises(BadRowError, match="wrong duration"):
        seconds_of(row, "start")
    with pytest.raises(BadRowError, match="bad cell: the column id is empty"):
        cell_of(row, "id")
