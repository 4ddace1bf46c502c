from __future__ import annotations

import math

import pytest

from audiostory.errors import FormatError, InstructionError
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline, check_duration


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_instruction_is_refused(text):
    with pytest.raises(InstructionError, match="empty"):
        Instruction(text=text)


def test_an_endless_instruction_is_refused():
    with pytest.raises(InstructionError, match="100000 characters; at most 8000"):
        Instruction(text="x" * 100_000)


def test_bytes_that_were_not_utf8_are_refused():
    with pytest.raises(InstructionError, match="UTF-8"):
        Instruction(text=b"caf\xe9".decode("utf-8", "surrogateescape"))


def test_any_language_and_emoji_are_welcome():
    assert Instruction(text="雨、それから雷 ⛈️").text.startswith("雨")


@pytest.mark.parametrize("duration_s", [0.0, -3.0, 0.5, math.nan, math.inf, -math.inf, 1e9])
def test_durations_that_no_track_has_are_refused(duration_s):
    with pytest.raises(InstructionError, match="between 1 and 14400 seconds"):
        Instruction(text="Rain.", duration_s=duration_s)


def test_a_possible_duration_is_given_back():
    assert check_duration(30.0) == 30.0
    assert Instruction(text="Rain.", duration_s=14_400.0).duration_s == 14_400.0


@pytest.mark.parametrize(("start_s", "end_s"), [(2, 2), (3, 1), (-1, 2), (0, math.nan)])
def test_an_event_must_end_after_it_starts(start_s, end_s):
    with pytest.raises(FormatError, match="an event runs from"):
        Event(start_s=start_s, end_s=end_s, detail="a", sounds="b")


@pytest.mark.parametrize("duration_s", [0.0, -1.0, math.nan, math.inf])
def test_a_clip_must_last(duration_s):
    with pytest.raises(FormatError, match="a clip lasts"):
        Clip(caption="Rain.", duration_s=duration_s)


def test_a_clip_needs_words():
    with pytest.raises(FormatError, match="no caption"):
        Clip(caption="  ", duration_s=1.0)


def test_a_story_lasts_as_long_as_its_clips():
    clips = (Clip(caption="Rain.", duration_s=2.5), Clip(caption="Wind.", duration_s=1.5))
    story = Story(storyline=Storyline(summary="", events=()), clips=clips)
    assert story.duration_s == 4.0
    assert Event(start_s=1.0, end_s=3.5, detail="a", sounds="b").duration_s == 2.5
