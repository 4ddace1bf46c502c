from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostory.story.captions import split_caption
from tests.story.strategies import relaxed


@pytest.mark.parametrize(
    ("text", "caption", "duration_s"),
    [
        ("Rain. <timestamp>9.8</timestamp>", "Rain.", 9.8),
        ("A <timestamp> 3 </timestamp> b", "A  b", 3.0),
        ("A<timestamp>1</timestamp>b<timestamp>2</timestamp>", "Ab<timestamp>2</timestamp>", 1.0),
        ("Long <timestamp>1e1</timestamp>", "Long", 10.0),
        ("Odd <timestamp>3 s</timestamp>", "Odd", None),
        ("None <timestamp></timestamp>", "None", None),
    ],
)
def test_the_first_timestamp_is_taken_out_and_read(text, caption, duration_s):
    assert split_caption(text) == (caption, duration_s)


@pytest.mark.parametrize(
    "text",
    ["plain", "</timestamp>3<timestamp>", "<timestamp>3", "3</timestamp>", "", "<timestamp>"],
)
def test_without_a_pair_of_markers_the_text_stays_whole(text):
    assert split_caption(f" {text}\n") == (text, None)


def test_numbers_are_whatever_python_reads():
    assert split_caption("<timestamp>-inf</timestamp>")[1] == -math.inf
    assert math.isnan(split_caption("<timestamp>nan</timestamp>")[1])


@relaxed
@given(st.text(), st.text(alphabet="0123456789.-einf <>/timestamp"))
def test_splitting_never_fails(before, after):
    split_caption(f"{before}<timestamp>{after}</timestamp>")
