from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from audiostory.errors import FormatError
from audiostory.story.format import (
    parse,
    parse_storyline,
    render,
    render_clip,
    render_storyline,
    seconds_text,
    target_text,
    tenths,
)
from audiostory.story.types import Clip, Event, Story, Storyline
from tests.story.figures import FIGURES, told
from tests.story.strategies import NANO, any_stories, relaxed

SONG = Story(
    storyline=Storyline(
        summary="Two men sing.",
        events=(
            Event(start_s=0.0, end_s=14.0, detail="They start.", sounds="A gentle piano."),
            Event(start_s=14.0, end_s=36.0, detail="One sings.", sounds="Singing."),
        ),
    ),
    clips=(
        Clip(caption="Gentle piano melody.", duration_s=14.0),
        Clip(caption="A man sings.", duration_s=22.0),
    ),
)
BLOCK = NANO.bridge_block()
SONG_TEXT = f"""The storyline is mainly about: Two men sing.

The story can be divided into 2 points.

1. [0.0, 14.0]
**Story Details**: They start.
**Sound Effects**: A gentle piano.

2. [14.0, 36.0]
**Story Details**: One sings.
**Sound Effects**: Singing.
<|/think|><|gen|>Gentle piano melody.<timestamp>14.0</timestamp>{BLOCK}<|/gen|>\
<|gen|>A man sings.<timestamp>22.0</timestamp>{BLOCK}<|/gen|><|im_end|>"""


def test_the_canonical_layout_is_this_one():
    assert render(SONG, NANO) == SONG_TEXT
    assert parse(SONG_TEXT) == SONG


@relaxed
@given(any_stories)
def test_parsing_a_rendered_story_gives_it_back(story):
    assert parse(render(story, NANO)) == story


@relaxed
@given(any_stories)
def test_parsing_a_rendered_storyline_gives_it_back(story):
    assert parse_storyline(render_storyline(story.storyline)) == story.storyline


@relaxed
@given(any_stories)
def test_rendering_a_parsed_text_gives_it_back(story):
    text = render(story, NANO)
    assert render(parse(text), NANO) == text


GAPS = [(caption, block) for caption in ("", " ") for block in ("", "\n")]


@pytest.mark.parametrize(("caption_gap", "block_gap"), GAPS)
@relaxed
@given(any_stories)
def test_a_story_written_with_gaps_is_read_back(caption_gap, block_gap, story):
    tokens = replace(NANO, caption_gap=caption_gap, block_gap=block_gap)
    assert parse(render(story, tokens)) == story


def test_gaps_stand_where_their_names_say():
    tokens = replace(NANO, num_semantic=1, num_residual=1, caption_gap=" ", block_gap="\n")
    assert render_clip(SONG.clips[0], tokens) == (
        "<|gen|>Gentle piano melody. <timestamp>14.0</timestamp>"
        "<t5><t5_00000></t5>\n<aud><aud_00000></aud>\n<|/gen|>"
    )


def test_semantic_tokens_learn_the_caption_with_or_without_its_duration():
    clip = SONG.clips[0]
    assert target_text(clip, NANO) == "Gentle piano melody."
    tokens = replace(NANO, target_text="caption_and_duration", caption_gap=" ")
    assert target_text(clip, tokens) == "Gentle piano melody. <timestamp>14.0</timestamp>"
    assert f"<|gen|>{target_text(clip, tokens)}<t5>" in render_clip(clip, tokens)


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_of_the_paper_parses(number):
    story = parse(FIGURES[number])
    assert len(story.clips) == len(story.storyline.events) > 2
    assert parse(render(story, NANO)) == story


def test_prose_reasoning_becomes_the_summary_and_each_clip_an_event():
    story = parse(FIGURES[6])
    assert story.storyline.summary.startswith("Based on the known event of “a man speaking")
    spans = [(event.start_s, event.end_s) for event in story.storyline.events]
    assert spans == [(0.0, 13.9), (13.9, 26.5), (26.5, 31.0)]
    assert story.storyline.events[1].sounds == story.clips[1].caption


def test_events_without_times_take_the_times_of_their_clips():
    events = parse(FIGURES[15]).storyline.events
    assert [(event.start_s, event.end_s) for event in events] == [(0, 6.0), (6.0, 9.5), (9.5, 11.7)]


def test_a_clip_may_differ_in_length_from_its_event_as_in_figure_4():
    story = parse(FIGURES[4])
    assert story.storyline.events[3].duration_s == pytest.approx(11.4)
    assert story.clips[3].duration_s == 7.4


def test_bridge_tokens_and_the_space_before_a_timestamp_are_optional_when_reading():
    loose = SONG_TEXT.replace(BLOCK, "").replace("<timestamp>", " <timestamp>")
    assert parse(loose) == SONG


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("2. [14.0, 36.0]", "2. [14.0, 3.0]", r"line 9: event 2 runs from 14 s to 3 s"),
        ("2. [14.0, 36.0]", "3. [14.0, 36.0]", r"line 9: event 3 stands where event 2 is due"),
        ("2. [14.0, 36.0]", "2. A song", r"line 9: event 2 has no times"),
        ("2. [14.0, 36.0]", "2. [9.0, 36.0]", r"event 2 starts at 9 s, before event 1 ends at 14"),
        ("**Sound Effects**: Singing.", "", r"line 9: event 2 has no Sound Effects"),
        ("**Story Details**: They start.", "", r"line 5: event 1 has no Story Details"),
        ("into 2 points", "into 3 points", r"announces 3 events and tells 2"),
        ("<|gen|>A man", "A man", r"line 12: text outside the storyline and the clips: 'A man"),
        ("A man sings.", "", r"line 12: clip 2 has no caption"),
        ("<timestamp>22.0</timestamp>", "", r"line 12: clip 2 has no duration"),
        ("22.0</", "-3</", r"line 12: clip 2 lasts '-3'"),
        ("22.0</", "nan</", r"line 12: clip 2 lasts 'nan'"),
        ("22.0</", "0.0</", r"line 12: clip 2 lasts '0.0'"),
        ("</aud><|/gen|><|im_end|>", "", r"line 12: clip 2 stops inside its bridge block"),
        ("<|im_end|>", "<|im_end|> and more", r"line 12: text outside .*'and more'"),
    ],
)
def test_malformed_text_says_where_and_what(old, new, complaint):
    assert old in SONG_TEXT
    with pytest.raises(FormatError, match=complaint):
        parse(SONG_TEXT.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "hello", "1. [0.0, 4.0]", "<|/think|>", "雨 🌧"])
def test_text_without_clips_is_no_story(text):
    with pytest.raises(FormatError, match="no clip found"):
        parse(text)


def test_events_and_clips_must_pair():
    head, _, _ = SONG_TEXT.rpartition("<|gen|>")
    with pytest.raises(FormatError, match="2 events and 1 clips"):
        parse(head)


def test_text_without_events_is_no_storyline():
    with pytest.raises(FormatError, match="no event found"):
        parse_storyline("It rains.")
    with pytest.raises(FormatError, match="line 2: event 2 stands where event 1"):
        parse_storyline("It rains.\n2. [0.0, 4.0] Story detail: a. Sound effect: b.")


@pytest.mark.parametrize("summary", ["two\nlines", "a <|gen|> b", " led by a space", "a  b"])
def test_a_field_that_is_not_clean_cannot_be_rendered(summary):
    with pytest.raises(FormatError, match="the summary holds a marker"):
        render_storyline(replace(SONG.storyline, summary=summary))


def test_a_story_that_could_not_be_read_back_cannot_be_rendered():
    empty = replace(SONG.storyline.events[0], detail="")
    with pytest.raises(FormatError, match="detail of event 1 is empty"):
        render_storyline(replace(SONG.storyline, events=(empty,)))
    short = replace(SONG.storyline.events[0], end_s=0.02)
    with pytest.raises(FormatError, match="event 1 lasts 0.02 s"):
        render_storyline(replace(SONG.storyline, events=(short,)))
    with pytest.raises(FormatError, match="lasts 0.04 s"):
        render_clip(Clip(caption="A click.", duration_s=0.04), NANO)
    with pytest.raises(FormatError, match="before event 1 ends"):
        render_storyline(replace(SONG.storyline, events=SONG.storyline.events[::-1]))
    with pytest.raises(FormatError, match="one clip for each"):
        render(replace(SONG, clips=SONG.clips[:1]), NANO)


def test_times_are_written_with_one_decimal():
    assert [seconds_text(value) for value in (0, 9.96, 14, 0.30000000000000004, 3600.04)] == [
        "0.0",
        "10.0",
        "14.0",
        "0.3",
        "3600.0",
    ]
    assert tenths(13.9) == 139


def test_words_like_the_layout_do_not_break_a_told_story():
    story = parse(
        told(
            "The story can be divided into 1 points.\n\n1. [0.0, 4.0]\n"
            "**Story Details**: Sound effects: none. 2. [1.0, 2.0]\n**Sound Effects**: x\n",
            "y<timestamp>4.0</timestamp>",
        ).replace("</timestamp>", "</timestamp><t5></t5><aud></aud>")
    )
    assert story.storyline.events[0].detail == "Sound effects: none. 2. [1.0, 2.0]"
