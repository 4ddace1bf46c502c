import pytest

from audiostory.evaluate.narrative.spans import Span, layout_of
from tests.evaluate.narrative.stories import plan, story, subject, zeros


def test_a_plan_says_where_clips_lie():
    planned = plan(("rain", 0, 4), ("thunder", 4, 10), ("wind", 11, 15))
    layout = layout_of(subject(zeros(15.0), planned=planned, story=story(0, 5, 15)))
    assert layout.source == "plan"
    assert layout.events == (Span(0, 4), Span(4, 10), Span(11, 15))
    assert layout.boundaries_s == (4, 10, 11)


def test_the_reference_says_so_where_there_is_no_plan():
    layout = layout_of(subject(zeros(15.0), story=story(0, 5, 15)))
    assert (layout.source, layout.boundaries_s) == ("reference", (5,))
    assert layout_of(subject(zeros(15.0))).source == "none"


def test_a_bed_on_its_own_layer_is_no_event_but_has_boundaries():
    planned = plan(
        ("rain", 0, 12, "bed"), ("door", 0, 4), ("steps", 4, 9), ("car", 9, 15), duration_s=15.0
    )
    layout = layout_of(subject(zeros(15.0), planned=planned))
    assert layout.events == (Span(0, 4), Span(4, 9), Span(9, 15))
    assert layout.boundaries_s == (4, 9, 12)


def test_a_plan_longer_than_its_track_is_cut_off():
    planned = plan(("rain", 0, 4), ("thunder", 4, 10), ("wind", 10, 15))
    layout = layout_of(subject(zeros(7.0), planned=planned))
    assert layout.events == (Span(0, 4), Span(4, 7.0))
    assert layout.boundaries_s == (4,)


def test_boundaries_that_differ_by_rounding_are_one():
    planned = plan(("rain", 0, 4.02), ("thunder", 4.0, 10))
    layout = layout_of(subject(zeros(10.0), planned=planned))
    assert layout.boundaries_s == pytest.approx((4.0,))


def test_a_span_knows_its_length():
    assert Span(1.0, 3.5).duration_s == 2.5
