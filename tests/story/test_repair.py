from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.errors import FormatError
from audiostory.story.format import parse, render
from audiostory.story.repair import Repaired, repair
from tests.story.figures import FIGURES, told
from tests.story.strategies import NANO, relaxed, stories

FIGURE_10 = FIGURES[10]


@relaxed
@given(stories())
def test_a_story_that_fills_its_length_is_left_alone(story):
    total_s = story.storyline.events[-1].end_s
    assert repair(render(story, NANO), total_s) == Repaired(story=story, repairs=())


@relaxed
@given(
    number=st.sampled_from(sorted(FIGURES)),
    cuts=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 400)), max_size=4),
    total=st.integers(10, 3000),
)
def test_whatever_is_torn_out_the_repaired_story_is_well_formed(number, cuts, total):
    text = FIGURES[number]
    for start, length in cuts:
        text = text[:start] + text[start + length :]
    try:
        repaired = repair(text, total / 10)
    except FormatError:
        return
    story = repaired.story
    assert story.duration_s == pytest.approx(total / 10)
    assert parse(render(story, NANO)) == story
    events = story.storyline.events
    assert events[0].start_s == 0.0
    assert events[-1].end_s == total / 10
    assert all(a.end_s == b.start_s for a, b in zip(events, events[1:], strict=False))


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_can_be_fitted_to_another_length(number):
    repaired = repair(FIGURES[number], 60.0)
    assert repaired.story.duration_s == pytest.approx(60.0)
    assert any("fitted to 60.0 s" in note for note in repaired.repairs)


def test_events_keep_their_proportions_when_they_are_fitted():
    story = repair(FIGURE_10, 87.0).story
    assert [clip.duration_s for clip in story.clips] == [28.0, 44.0, 15.0]


def test_a_clip_that_differs_from_its_event_follows_it_and_is_said():
    repaired = repair(FIGURES[4], 41.6)
    assert repaired.story.clips[3].duration_s == 11.4
    assert repaired.repairs == (
        "clip 4 was to last 7.4 s, its event lasts 11.4 s: took the event's length",
    )


def test_gaps_between_events_are_closed_and_said():
    repaired = repair(FIGURE_10.replace("[14.0, 36.0]", "[16.0, 36.0]"), 43.5)
    assert [event.start_s for event in repaired.story.storyline.events] == [0.0, 16.0, 36.0]
    assert "events now follow one another without gaps from 0 s on" in repaired.repairs


def test_times_out_of_order_give_way_to_lengths():
    repaired = repair(FIGURE_10.replace("[36.0, 43.5]", "[3.0, 10.5]"), 43.5)
    assert [event.start_s for event in repaired.story.storyline.events] == [0.0, 14.0, 36.0]
    assert any("made no timeline" in note for note in repaired.repairs)


def test_missing_words_are_taken_from_their_neighbours():
    text = FIGURE_10.replace("**Story Details**: Two men start performing a melancholic song.", "")
    repaired = repair(text, 43.5)
    assert repaired.story.storyline.events[0].detail == "Gentle, melancholic piano melody."
    assert any(note.startswith("event 1 had no story details") for note in repaired.repairs)


def test_an_event_without_a_clip_is_heard_through_its_sounds():
    text = FIGURE_10.rpartition("<|gen|>")[0]
    repaired = repair(text, 43.5)
    assert len(repaired.story.clips) == 3
    assert repaired.story.clips[2].caption.startswith("Brief pause in singing")
    assert any(note.startswith("event 3 had no caption") for note in repaired.repairs)


def test_a_clip_without_an_event_becomes_one():
    text = FIGURE_10.replace("<|im_end|>", "<|gen|>Applause.<timestamp>4.0</timestamp><|/gen|>")
    repaired = repair(text, 47.5)
    assert [event.sounds for event in repaired.story.storyline.events][-1] == "Applause."
    assert [clip.duration_s for clip in repaired.story.clips] == [14.0, 22.0, 7.5, 4.0]


def test_figure_15_as_printed_has_no_times_and_shares_the_length():
    text = FIGURES[15]
    for stamp in ("6.0", "3.5", "2.2"):
        text = text.replace(f" <timestamp>{stamp}</timestamp>", "")
    repaired = repair(text, 30.0)
    assert [clip.duration_s for clip in repaired.story.clips] == [10.0, 10.0, 10.0]
    assert any("clip 1 had no readable duration" in note for note in repaired.repairs)


def test_counts_numbers_and_stray_text_are_put_right_and_said():
    text = FIGURE_10.replace("into 3", "into 5").replace("3. [36", "7. [36") + "bye"
    notes = repair(text, 43.5).repairs
    assert any("announced 5 events and told 3" in note for note in notes)
    assert "the events were numbered anew" in notes
    assert any("left out 'bye'" in note for note in notes)


def test_a_length_between_two_tenths_is_filled_to_the_nearest():
    assert repair(FIGURE_10, 43.46).story == parse(FIGURE_10)


@pytest.mark.parametrize("text", ["", "hello there", "<|/think|><|im_end|>"])
def test_text_that_tells_nothing_cannot_be_repaired(text):
    with pytest.raises(FormatError, match="nothing to repair"):
        repair(text, 30.0)


def test_more_events_than_tenths_do_not_fit():
    captions = [f"Sound {index}.<timestamp>1.0</timestamp>" for index in range(12)]
    with pytest.raises(FormatError, match="12 events do not fit into 1.0 s"):
        repair(told("Many.", *captions), 1.0)
