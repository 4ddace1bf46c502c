from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audiostory.data.manifest import (
    Layer,
    Room,
    StoryRow,
    read_sounds,
    read_stories,
    sound_row,
    story_row,
)
from audiostory.errors import CorpusError, FormatError
from audiostory.story.types import Event

SOUND = {
    "file": "a.wav", "seconds": 1.5, "caption": "A dog barking", "group": "dog", "split": "train",
    "recording": "r1", "license": "CC0-1.0", "bandwidth_hz": 8000, "unknown": 1,
}  # fmt: skip
STORY = StoryRow(
    id="s", seed=3, instruction="a dog", duration_s=5.0, summary="A dog.",
    events=(
        Event(start_s=0.0, end_s=2.0, detail="A dog barks.", sounds="Dog."),
        Event(start_s=2.0, end_s=5.0, detail="A dog growls.", sounds="Dog."),
    ),
    captions=("A dog barking", "A dog growling"),
    bed=Layer(file="b.wav", duration_s=5.0, gain_db=-20.0),
    room=Room(name="hall", rt60_s=1.0, wet_db=-8.0),
    layers=((Layer(file="a.wav", duration_s=1.5),), (Layer(file="a.wav", duration_s=1.0),)),
)  # fmt: skip


def test_a_story_survives_json():
    assert story_row(json.loads(STORY.to_json())) == STORY
    in_words = replace(STORY, bed=None, layers=())
    assert story_row(json.loads(in_words.to_json())) == in_words
    assert STORY.has_audio
    assert not in_words.has_audio


@pytest.mark.parametrize(
    "change",
    [
        {"captions": ("A dog barking",)},
        {"captions": ("A dog barking", "A dog growling ")},
        {"duration_s": 6.0},
        {"events": STORY.events[1:], "captions": STORY.captions[1:], "layers": ()},
        {"layers": STORY.layers[:1]},
    ],
)
def test_parts_that_do_not_fit_together_are_refused(change):
    with pytest.raises(FormatError):
        replace(STORY, **change)


def test_a_clip_is_read_and_what_is_unknown_left_out():
    row = sound_row(SOUND)
    assert row.caption == "A dog barking"
    assert row.bandwidth_hz == 8000


@pytest.mark.parametrize("entry", [{}, {**SOUND, "seconds": "long"}, {**SOUND, "seconds": None}])
def test_a_clip_without_what_is_needed_is_refused(entry):
    with pytest.raises(CorpusError):
        sound_row(entry)


@pytest.mark.parametrize(
    ("license", "is_share_alike"),
    [
        ("CC-BY-SA-3.0", True),
        ("CC0-1.0 / CC-BY-SA-3.0 (per file)", True),
        ("CC-BY-SA", True),
        ("CC-BY-3.0", False),
        ("Public domain (US NPS)", False),
    ],
)
def test_share_alike_is_seen_in_any_spelling(license, is_share_alike):
    assert sound_row({**SOUND, "license": license}).is_share_alike is is_share_alike


def test_errors_name_the_line(tmp_path):
    path = tmp_path / "metadata.jsonl"
    path.write_text(json.dumps(SOUND) + "\n\n" + json.dumps({"file": "b.wav"}) + "\n")
    with pytest.raises(CorpusError, match=r"metadata\.jsonl:3: .*'seconds'"):
        list(read_sounds(path))
    path.write_bytes(b'{"file": "\xff"}\n')
    with pytest.raises(CorpusError, match=":1: not UTF-8"):
        list(read_sounds(path))
    path.write_text("[1]\n")
    with pytest.raises(CorpusError, match="not a JSON object"):
        list(read_sounds(path))
    with pytest.raises(CorpusError, match="cannot read"):
        list(read_sounds(tmp_path / "missing.jsonl"))


def test_stories_are_read_back(tmp_path):
    path = tmp_path / "stories.jsonl"
    path.write_text(STORY.to_json() + "\n{}\n")
    rows = read_stories(path)
    assert next(rows) == STORY
    with pytest.raises(CorpusError, match=":2: .*'events'"):
        next(rows)


def test_one_recording_in_four_is_kept_back_and_all_takes_of_it():
    kept = [
        sound_row(SOUND | {"recording": f"take {number}"}).is_kept_back for number in range(2_000)
    ]
    assert sum(kept) / len(kept) == pytest.approx(0.25, abs=0.04)
    one, other = (sound_row(SOUND | {"file": file}).is_kept_back for file in ("a.wav", "b.wav"))
    assert one == other
