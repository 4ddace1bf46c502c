from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.story.draft import read_draft
from tests.story.figures import FIGURES
from tests.story.strategies import relaxed

TIMES = {
    1: [0.0, 1.1, 10.8, 22.1, 31.6],
    3: [0.0, 9.8, 12.8, 25.5, 38.5],
    4: [0.0, 5.1, 19.5, 26.8, 38.2, 41.6],
    5: [0.0, 1.5, 6.5, 9.5, 13.5],
    8: [0.0, 2.5, 21.5, 27.5, 41.8],
    9: [0.0, 11.8, 24.8, 37.5, 43.6],
    10: [0.0, 14.0, 36.0, 43.5],
}


@pytest.mark.parametrize("number", TIMES)
def test_times_of_every_figure_are_read(number):
    events = read_draft(FIGURES[number]).events
    assert [event.start_s for event in events] == TIMES[number][:-1]
    assert [event.end_s for event in events] == TIMES[number][1:]


@pytest.mark.parametrize("number", FIGURES)
def test_counts_and_captions_of_every_figure_are_read(number):
    draft = read_draft(FIGURES[number])
    assert draft.stated_count in (None, len(draft.clips))
    assert len(draft.events) in (0, len(draft.clips))
    assert all(clip.caption and clip.duration_s and clip.is_whole for clip in draft.clips)
    assert draft.strays == ()


@pytest.mark.parametrize(
    ("number", "titles"),
    [
        (1, ["Tom corners Jerry, instilling fear in him"]),
        (3, ["", ""]),
        (4, ["Initial Wake-Up", "Woodstock's Burial Attempt"]),
        (5, ["Jerry‘s Arrival", "Tom’s Ambush"]),
        (15, ["An emergency siren wails loudly outside"]),
    ],
)
def test_titles_are_read_without_their_punctuation(number, titles):
    events = read_draft(FIGURES[number]).events
    assert [event.title for event in events][: len(titles)] == titles


def test_fields_broken_over_lines_or_following_each_other_on_one_are_read():
    assert read_draft(FIGURES[5]).events[0].detail == "Jerry tiptoes across a dinner table."
    assert read_draft(FIGURES[10]).events[0].sounds == "Gentle, melancholic piano melody."
    assert read_draft(FIGURES[1]).events[1].sounds == "Fast-tempo, high-energy orchestral piece."
    assert read_draft(FIGURES[15]).events[2].sounds == "Faint human chuckle."
    assert 'voice saying "Yoh!", camera' in read_draft(FIGURES[8]).events[0].sounds
    assert read_draft(FIGURES[5]).summary.endswith("amidst dramatic orchestral music.")


def test_line_breaks_printed_as_letters_change_nothing_but_the_lines():
    draft = read_draft(FIGURES[9])
    printed = read_draft(FIGURES[9].replace("\n", "\\n"))
    assert [event.sounds for event in printed.events] == [event.sounds for event in draft.events]
    assert [event.start_s for event in printed.events] == [e.start_s for e in draft.events]


def test_clips_without_their_opening_marker_end_with_their_timestamps():
    text = "Rain.<|/think|>A. <timestamp>3.0</timestamp> B.<timestamp>4</timestamp><|im_end|>"
    clips = read_draft(text).clips
    assert [(clip.caption, clip.duration_s) for clip in clips] == [("A.", 3.0), ("B.", 4.0)]


def test_a_bridge_block_that_is_cut_off_is_noticed():
    whole = "<|gen|>A<timestamp>1.0</timestamp><t5><t5_00000></t5><aud><aud_00000></aud><|/gen|>"
    assert read_draft(whole).clips[0].is_whole
    cut = "<|gen|>A<timestamp>1.0</timestamp><t5><t5_00000></t5><aud><aud_00000>"
    assert not read_draft(cut).clips[0].is_whole
    assert read_draft(cut).clips[0].caption == "A"


def test_text_outside_storyline_and_clips_is_kept_apart():
    draft = read_draft("Rain.<|/think|>\nhm\n<|gen|>A<timestamp>1.0</timestamp><|/gen|> bye")
    assert draft.strays == ((2, "hm"), (3, "bye"))


@relaxed
@given(st.text() | st.lists(st.sampled_from([*FIGURES.values(), "<|gen|>", "1. [", "\n", "t5>"])))
def test_reading_never_fails(text):
    read_draft(text if isinstance(text, str) else "".join(text))
