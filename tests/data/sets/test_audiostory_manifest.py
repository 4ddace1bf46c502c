import json
from dataclasses import replace

import pytest

from audiostory.data.sets.audiostory_manifest import (
    TEST_SHARE,
    audiostory_row,
    read_audiostory10k,
    split_of,
)
from audiostory.errors import CorpusError
from audiostory.story.format import check_order
from tests.data.sets.files import write_text
from tests.data.sets.rows import POINT, entry

CLIP = {"caption": "Rain", "start_s": 0.0, "end_s": 5.0}


def test_a_row_survives_json():
    row = audiostory_row(entry())
    assert audiostory_row(json.loads(row.to_json())) == row
    assert json.loads(row.to_json()) == entry()


def test_a_rows_story_has_an_event_and_a_clip_for_each_point():
    story = audiostory_row(entry()).story
    check_order(story.storyline.events)
    first, second = story.storyline.events
    assert (first.title, first.detail, first.sounds) == (
        "A siren wails.", "The dog answers.", "Siren, dog.",
    )  # fmt: skip
    assert (second.start_s, second.end_s) == (14.0, 20.0)
    assert [clip.duration_s for clip in story.clips] == [12.5, 6.0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "2"}, "version '2' of the manifest; this code reads 1"),
        ({"id": ""}, "the id '' is no file name"),
        ({"id": "../a"}, "the id '../a' is no file name"),
        ({"id": 7}, "id is 7: of the wrong type"),
        ({"source": "movie"}, "source is 'movie', not natural or cartoon"),
        ({"split": "val"}, "split is 'val', not train or test"),
        ({"duration_s": 0}, "it lasts 0 s"),
        ({"duration_s": float("nan")}, "it lasts nan s"),
        ({"duration_s": "20"}, "duration_s is '20': of the wrong type"),
        ({"duration_s": True}, "duration_s is True: of the wrong type"),
        ({"duration_s": 19.0}, "clip 2 runs from 14 s to 20 s"),
        ({"instruction": ""}, "instruction: '' is no clean text"),
        ({"summary": "two\nlines"}, "summary: 'two\\\\nlines' is no clean text"),
        ({"license": ""}, "license: '' is no clean text"),
        ({"points": [POINT]}, "1 points for 2 clips"),
        ({"points": "none"}, "no list points"),
        ({"points": [POINT, {"event": "x"}]}, "point 2: missing field 'inference', missing"),
        ({"points": [POINT, "x"]}, "point 2: not a JSON object"),
        ({"points": [POINT, {**POINT, "sounds": ""}]}, "point 2, sounds: ''"),
        ({"points": [], "clips": []}, "it has no clips"),
        ({"clips": [CLIP, {**CLIP, "start_s": 4.0, "end_s": 6.0}]}, "clip 2 runs from 4 s"),
        ({"clips": [CLIP, {**CLIP, "start_s": 6.0, "end_s": 6.0}]}, "clip 2 runs from 6 s to 6"),
        ({"clips": [{**CLIP, "start_s": -0.01}, {**CLIP, "start_s": 5.0, "end_s": 6.0}]}, "clip 1"),
        ({"clips": [{**CLIP, "end_s": None}, CLIP]}, "clip 1: end_s is None"),
        ({"clips": [{**CLIP, "length": 5.0}, CLIP]}, "clip 1: unknown field 'length'"),
        ({"extra": 1}, "unknown field 'extra'"),
    ],
)
def test_a_malformed_row_is_refused(change, said):
    with pytest.raises(CorpusError, match=said):
        audiostory_row(entry(**change))


def test_a_missing_field_is_named():
    broken = entry()
    del broken["video_id"]
    with pytest.raises(CorpusError, match="missing field 'video_id'"):
        audiostory_row(broken)


def test_rows_made_in_code_are_checked_too():
    with pytest.raises(CorpusError, match="it lasts"):
        replace(audiostory_row(entry()), duration_s=-1.0)


def lines(tmp_path, *entries):
    text = "\n".join(json.dumps(one) for one in entries)
    return write_text(tmp_path / "set.jsonl", text + "\n")


def test_rows_are_read_in_order(tmp_path):
    path = lines(tmp_path, entry("a"), entry("b"))
    assert [row.id for row in read_audiostory10k(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (entry("a", video_id="v"), r"the id 'a' is that of .*set\.jsonl:1"),
        (entry("b", video_id="video of a", split="train"), r"in split test at .*set\.jsonl:1"),
        (entry("b", audio="../../etc/passwd"), "no path inside"),
        (entry("b", audio="/etc/passwd"), "no path inside"),
        (entry("b", version=""), "version ''"),
    ],
)
def test_errors_name_the_line(tmp_path, second, said):
    with pytest.raises(CorpusError, match=rf"set\.jsonl:2: .*{said}"):
        list(read_audiostory10k(lines(tmp_path, entry("a"), second)))


def test_a_manifest_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(json.dumps(entry()).encode() + b"\n" + b'{"id": "caf\xe9"}\n')
    with pytest.raises(CorpusError, match=r"set\.jsonl:2: not UTF-8"):
        list(read_audiostory10k(path))


def test_a_videos_split_is_always_the_same_and_the_shares_are_the_papers():
    splits = [split_of(f"video {number}") for number in range(4_000)]
    assert splits == [split_of(f"video {number}") for number in range(4_000)]
    share = splits.count("test") / len(splits)
    assert share == pytest.approx(TEST_SHARE, abs=4 * (0.15 * 0.85 / 4_000) ** 0.5)
