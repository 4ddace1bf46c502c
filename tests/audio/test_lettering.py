"""Words that fit and letters that show."""

from __future__ import annotations

import pytest

from audiostory.audio.lettering import font_for, length, wrapped

SENTENCE = "Running footsteps splash through puddles as rain keeps falling on the old town"


@pytest.mark.parametrize("width", [60.0, 150.0, 400.0])
@pytest.mark.parametrize("max_lines", [1, 2, 5])
def test_lines_fit_their_width_and_number(width, max_lines):
    lines = wrapped(SENTENCE, 15, width, max_lines=max_lines)
    assert 1 <= len(lines) <= max_lines
    assert all(length(line, 15) <= width for line in lines)


def test_what_fits_is_kept_whole_and_broken_between_words():
    lines = wrapped(SENTENCE, 15, 200.0, max_lines=20)
    assert " ".join(lines) == SENTENCE


def test_what_is_cut_says_so():
    assert wrapped(SENTENCE, 15, 200.0, max_lines=2)[-1].endswith("...")


def test_words_longer_than_a_line_are_broken():
    lines = wrapped("雨" * 60, 15, 100.0, max_lines=40)
    assert "".join(lines) == "雨" * 60


def test_no_words_need_no_lines():
    assert wrapped("  ", 15, 100.0, max_lines=2) == []


@pytest.mark.parametrize("words", ["plain", "très près — “oui”", "雨が降る", "🌧️ thunder", ""])
def test_there_is_a_font_for_any_words(words):
    assert font_for(words, 20).getlength(words) >= 0
