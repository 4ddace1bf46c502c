from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.story.prompt import chat_prompt, instruction_text, stated_duration
from audiostory.story.tokens import MARKER, SpecialTokens
from audiostory.story.types import Instruction
from tests.story.recorded import recorded
from tests.story.strategies import relaxed


def test_prompt_is_the_one_of_the_release():
    text = (
        "Create a long-form audio composition that explores a fire truck leaves the station with "
        "sirens blaring. The total duration is 35.1 seconds."
    )
    assert chat_prompt(text) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n<|think|>"
    )


def test_recorded_prompts_of_the_release_are_reproduced():
    for row in recorded("prompt_build")["rows"]:
        before = row["instruction"].removesuffix(
            f" The total duration is {row['total_duration']} seconds."
        )
        if not before:
            continue
        instruction = Instruction(text=before, duration_s=row["total_duration"])
        assert instruction_text(instruction) == row["instruction"]
        assert chat_prompt(row["instruction"]) == row["prompt"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("... on the floor. The total duration is 41.6s.", 41.6),  # Fig. 4
        ("... outlet cover. The total duration is 31.6 \nseconds.", 31.6),  # Fig. 1
        ("Rain. Total length: 1:30", 90.0),
        ("Rain. total length 1:02:03.5", 3723.5),
        ("A storm with an overall length of 2 minutes and 5 seconds", 125.0),
        ("The total duration should be about 3 min", 180.0),
        ("the length of the track is 20 s, a storm", 20.0),
        ("Total duration = 12 sec", 12.0),
        ("The total duration is 10 seconds. No: the total duration is 20 seconds.", 20.0),
        ("Give me 40 seconds of a workshop: a wheel spins", 40.0),
        ("Please make us about ninety seconds of rain.", 90.0),
        ("A two-minute piece for cello", 120.0),
        ("15 sec clip, a buzzer", 15.0),
        ("a thirty-five second loop of rain", 35.0),
        ("Make it 12 seconds long please, no more: a cork", 12.0),
        ("rain, thunder, six seconds all told", 6.0),
        ("It should last two and a half minutes.", 150.0),
        ("Rain. A minute and a half in total.", 90.0),
        ("Half a minute: rain, hail", 30.0),
        ("Duration should be of 12 seconds, rain", 12.0),
        ("Give me 30 seconds: ten seconds of rain, then twenty of hail", 30.0),
        ("rain + hail = 10s", 10.0),
        ("rain and hail (20 s)", 20.0),
        ("For two and a half minutes we stay in the shed: coal, steam", 150.0),
        ("A farm in winter, 1 min, with crows", 60.0),
        ("Rain falls. It lasts 150.0 seconds.", 150.0),
        ("I need this to be half a minute long in total: a drill", 30.0),
        ("Rain for 10 seconds, then thunder", None),
        ("3 seconds: an elk calls; 5 seconds: hail", None),
        ("Give me 10 seconds of rain, then 5 seconds of hail", None),
        ("rain (5 s), hail (10 s)", None),
        ("At 5 s thunder, at 12 s hail", None),
        ("Rain with a duration of 5 s, then hail", None),
        ("A second clip of rain", None),
        ("wait a second", None),
        ("a total of 3 dogs", None),
        ("The total duration is long", None),
        ("The total duration is 5 songs", None),
        ("", None),
    ],
)
def test_stated_total_is_found(text, seconds):
    assert stated_duration(text) == seconds


def test_total_is_added_once():
    asked = Instruction(text="  A storm passes. ", duration_s=30)
    assert instruction_text(asked) == "A storm passes. The total duration is 30.0 seconds."
    again = Instruction(text=instruction_text(asked), duration_s=30)
    assert instruction_text(again) == instruction_text(asked)


def test_another_asked_total_follows_the_stated_one():
    text = instruction_text(
        Instruction(text="Rain. The total duration is 10 seconds.", duration_s=20.0)
    )
    assert text.endswith("10 seconds. The total duration is 20.0 seconds.")
    assert stated_duration(text) == 20.0


def test_without_a_length_the_words_stay_as_they_are():
    assert instruction_text(Instruction(text="雨が降る 🌧")) == "雨が降る 🌧"


@relaxed
@given(st.lists(st.sampled_from([*SpecialTokens().added_tokens(), "<|im_end|>", "x"])))
def test_no_instruction_can_close_its_own_message(pieces):
    text = instruction_text(Instruction(text="rain " + "".join(pieces)))
    assert not MARKER.search(text)
    assert chat_prompt(text).count("<|im_end|>") == 2


@relaxed
@given(st.floats(1.0, 14_400.0))
def test_the_added_total_is_found_again(duration_s):
    text = instruction_text(Instruction(text="Rain.", duration_s=duration_s))
    assert stated_duration(text) == duration_s
