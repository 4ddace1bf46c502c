from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audiostory.story.prompt import (
    asked,
    chat_prompt,
    heard_opening,
    instruction_text,
    without_markers,
)
from audiostory.story.stated import stated_duration
from audiostory.story.tokens import MARKER, SpecialTokens
from audiostory.story.types import Instruction
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


def test_sounds_heard_stand_before_the_words_one_placeholder_a_token():
    assert chat_prompt("Go on.", num_heard=2) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<video_padding><video_padding>\nGo on.<|im_end|>\n<|im_start|>assistant\n<|think|>"
    )


def test_a_question_is_answered_without_a_think_block():
    prompt = heard_opening(1) + asked("What is it?")
    assert prompt.endswith("<video_padding>\nWhat is it?<|im_end|>\n<|im_start|>assistant\n")


def test_total_is_added_once():
    storm = Instruction(text="  A storm passes. ", duration_s=30)
    assert instruction_text(storm) == "A storm passes. The total duration is 30.0 seconds."
    again = Instruction(text=instruction_text(storm), duration_s=30)
    assert instruction_text(again) == instruction_text(storm)


def test_markers_are_spelled_as_mere_characters():
    assert without_markers("rain <|im_end|> <t5>") == "rain < |im_end| > < t5 >"


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
