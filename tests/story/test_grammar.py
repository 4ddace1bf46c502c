from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from audiostory.errors import ConfigError, FormatError
from audiostory.story.format import parse, render
from audiostory.story.grammar import (
    Fixed,
    GrammarLimits,
    Number,
    Words,
    caption_slots,
    drive,
    slots_of,
    story_slots,
    storyline_slots,
)
from audiostory.story.tokens import SpecialTokens
from audiostory.story.types import Clip
from tests.story.strategies import NANO, any_stories, fields, relaxed, stories

LIMITS = GrammarLimits()


def first_choice(slot):
    return slot.choices[0] if isinstance(slot, Number) else f"some {slot.name}"


@relaxed
@given(any_stories)
def test_slots_of_a_story_join_to_its_text(story):
    steps = slots_of(story, NANO)
    assert "".join(text for _, text in steps) == render(story, NANO)
    assert all(text == slot.text for slot, text in steps if isinstance(slot, Fixed))
    assert all(text in slot.choices for slot, text in steps if isinstance(slot, Number))


@relaxed
@given(stories())
def test_training_and_decoding_see_the_same_slots(story):
    walked = []
    written = iter([text for slot, text in slots_of(story, NANO) if not isinstance(slot, Fixed)])

    def author(slot):
        walked.append(slot)
        return next(written)

    limits = GrammarLimits(min_events=1, max_events=999, min_event_s=0.1)
    slots = story_slots(story.storyline.events[-1].end_s, tokens=NANO, limits=limits)
    assert drive(slots, author) == story
    assert walked == [
        s for s, _ in slots_of(story, NANO, limits=limits) if not isinstance(s, Fixed)
    ]


def test_slots_of_a_story_beyond_the_limits_are_refused():
    story = drive(
        story_slots(30.0, tokens=NANO, limits=GrammarLimits(min_events=9, max_events=9)),
        first_choice,
    )
    with pytest.raises(FormatError, match="'9' is not a choice for num_events"):
        slots_of(story, NANO, limits=LIMITS)


def test_slots_of_a_story_that_cannot_be_written_are_refused():
    story = drive(story_slots(30.0, tokens=NANO, limits=LIMITS), first_choice)
    with pytest.raises(FormatError, match="one clip for each"):
        slots_of(replace(story, clips=story.clips[:-1]), NANO)
    with pytest.raises(FormatError, match="the summary holds a marker"):
        slots_of(replace(story, storyline=replace(story.storyline, summary="two\nlines")), NANO)


@relaxed
@given(
    total=st.integers(1, 900),
    min_events=st.integers(1, 4),
    more=st.integers(0, 6),
    shortest=st.integers(1, 40),
    step=st.integers(1, 7),
    data=st.data(),
)
def test_whatever_is_chosen_the_story_is_well_formed(total, min_events, more, shortest, step, data):
    limits = GrammarLimits(
        min_events=min_events,
        max_events=min_events + more,
        min_event_s=shortest / 10,
        step_s=step / 10,
    )

    def author(slot):
        return data.draw(st.sampled_from(slot.choices) if isinstance(slot, Number) else fields)

    story = drive(story_slots(total / 10, tokens=NANO, limits=limits), author)
    events = story.storyline.events
    assert parse(render(story, NANO)) == story
    assert events[0].start_s == 0.0
    assert events[-1].end_s == pytest.approx(total / 10)
    assert story.duration_s == pytest.approx(total / 10)
    assert all(a.end_s == b.start_s for a, b in zip(events, events[1:], strict=False))
    assume(len(events) > 1)
    assert min(event.duration_s for event in events) >= shortest / 10 - 1e-9
    assert len(events) <= limits.max_events


def test_fixed_text_after_words_starts_with_a_line_break_or_a_marker():
    author_slots = []

    def author(slot):
        author_slots.append(slot)
        return first_choice(slot)

    story = drive(story_slots(30.0, tokens=NANO, limits=LIMITS), author)
    steps = [slot for slot, _ in slots_of(story, NANO)]
    for slot, after in zip(steps, steps[1:], strict=False):
        if isinstance(slot, Words):
            assert isinstance(after, Fixed)
            assert after.text.startswith(("\n", *SpecialTokens().added_tokens()))
        if isinstance(slot, Number):
            assert isinstance(after, Fixed)
            assert not after.text[0].isdigit()
    assert [slot.name for slot in author_slots[:5]] == [
        "summary",
        "num_events",
        "end_s",
        "detail",
        "sounds",
    ]


@pytest.mark.parametrize(
    ("total_s", "choices"),
    [(30.0, ("2", "3", "4", "5", "6", "7", "8")), (3.0, ("2", "3")), (1.0, ("1",)), (0.4, ("1",))],
)
def test_only_as_many_events_are_offered_as_fit(total_s, choices):
    slots = storyline_slots(total_s, limits=LIMITS, summary="rain")
    next(slots)
    assert slots.send(None) == Number("num_events", choices)


def test_a_given_summary_is_fixed_text():
    storyline = drive(storyline_slots(12.0, limits=LIMITS, summary="A storm."), first_choice)
    assert storyline.summary == "A storm."
    assert next(storyline_slots(12.0, limits=LIMITS, summary="A storm.")) == Fixed(
        "The storyline is mainly about: A storm.\n\nThe story can be divided into "
    )


def test_a_length_between_two_tenths_is_rounded_in_the_text():
    storyline = drive(storyline_slots(12.34, limits=LIMITS), first_choice)
    assert storyline.events[-1].end_s == 12.3


def test_a_clip_keeps_its_exact_duration_while_the_text_rounds_it():
    steps = []
    clip = drive(
        caption_slots(2.34, tokens=NANO, limits=LIMITS, event=0),
        lambda slot: steps.append(slot) or "Rain falls.",
    )
    assert clip == Clip(caption="Rain falls.", duration_s=2.34)
    assert steps == [Words("caption", LIMITS.max_words_tokens, 0, is_heard=True)]


def test_sent_words_are_cleaned_and_empty_ones_refused():
    slots = caption_slots(2.0, tokens=NANO, limits=LIMITS, event=0)
    assert drive(slots, lambda _: " rain\n falls ").caption == "rain falls"
    with pytest.raises(FormatError, match="caption holds no word"):
        drive(caption_slots(2.0, tokens=NANO, limits=LIMITS, event=0), lambda _: " <|gen|> ")


def test_a_number_outside_the_choices_is_refused():
    with pytest.raises(FormatError, match="'99' is not a choice for num_events"):
        drive(
            storyline_slots(30.0, limits=LIMITS),
            lambda slot: "99" if isinstance(slot, Number) else "words",
        )


@pytest.mark.parametrize(
    "fields_",
    [
        {"min_events": 0},
        {"min_events": 5, "max_events": 4},
        {"step_s": 0.05},
        {"step_s": 0.25},
        {"min_event_s": 0.0},
        {"max_words_tokens": 0},
    ],
)
def test_limits_that_no_storyline_can_keep_are_refused(fields_):
    with pytest.raises(ConfigError):
        GrammarLimits(**fields_)


def test_no_time_at_all_and_an_unclean_summary_are_refused():
    with pytest.raises(FormatError, match="shortest time"):
        next(storyline_slots(0.01, limits=LIMITS))
    with pytest.raises(FormatError, match="not clean"):
        next(storyline_slots(9.0, limits=LIMITS, summary="two\nlines"))
