from __future__ import annotations

import pytest

from audiostory.errors import FormatError, PlanError
from audiostory.generate.released.plan import NO_CAPTION, durations_of, released_plan
from audiostory.generate.released.sound import ReleasedRenderer, ReleasedSettings
from audiostory.story.plan import Plan
from audiostory.story.types import Instruction
from tests.generate.released.stories import CLIPS, REASONING, STORY, clip_text, story_of
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def renderer() -> ReleasedRenderer:
    return ReleasedRenderer(tiny_model(), ReleasedSettings(crossfade_s=1.0))


def plan_of(renderer, text: str, duration_s: float | None = 3.5, **kinds) -> Plan:
    asked = Instruction(text="Rain, then a dog", duration_s=duration_s)
    return released_plan(story_of(text, **kinds), asked, renderer, model="tiny")


def test_a_plan_keeps_what_was_written_and_how_it_is_sounded(renderer):
    plan = plan_of(renderer, STORY)
    assert [clip.caption for clip in plan.clips] == ["Rain falls.", "A dog barks."]
    assert [(clip.start_s, clip.duration_s) for clip in plan.clips] == [(0.0, 2.0), (2.0, 1.5)]
    assert [clip.seed for clip in plan.clips] == [0, 0]
    assert [event.sounds for event in plan.storyline.events] == ["rain", "a dog"]
    assert plan.duration_s == 3.5
    settings = plan.settings
    assert (settings.steps, settings.guidance_scale, settings.overlap_s) == (50, 4.0, 1.0)
    assert (settings.join, settings.evenness, settings.loudness_lufs) == ("linear", 0.0, None)
    assert settings.sample_rate_hz == 32_000
    assert plan.provenance.notes == []


def test_reasoning_in_prose_is_the_summary_and_clips_are_the_events(renderer):
    plan = plan_of(renderer, f"First it rains, then a dog comes.<|/think|>{CLIPS}<|im_end|>")
    assert plan.storyline.summary == "First it rains, then a dog comes."
    assert [event.detail for event in plan.storyline.events] == ["Rain falls.", "A dog barks."]


def test_reasoning_of_other_events_than_clips_is_left_aside_and_that_is_told(renderer):
    plan = plan_of(renderer, f"{REASONING}<|/think|>{clip_text('Rain.', '3.5')}<|im_end|>")
    assert [event.detail for event in plan.storyline.events] == ["Rain."]
    assert len(plan.provenance.notes) == 1


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (f"{REASONING}<|/think|>{CLIPS}<|gen|>And", "clip 3 is incomplete"),
        (f"{REASONING}<|/think|>{CLIPS}{CLIPS.partition('</aud>')[0]}", "the release would have"),
        (f"{REASONING}<|/think|>{clip_text('Rain.', '40.5')}", "clip 1 needs 40.5 s"),
        (f"{REASONING}<|/think|>{clip_text('Rain.', '2.0')}", "the model's clips last 2 s"),
        (
            f"{REASONING}<|/think|>{CLIPS}{clip_text('Bell.', '0.5')}",
            "clips 2 and 3 are joined without a crossfade",
        ),
    ],
)
def test_what_is_not_as_asked_is_among_the_notes(renderer, text, note):
    notes = plan_of(renderer, text, is_cut=True).provenance.notes
    assert any(said.startswith(note) for said in notes), notes


@pytest.mark.parametrize("duration", ["1.55", "1.549", "1.4500001", "1.3333333"])
def test_lengths_between_tenths_of_a_second_are_kept(renderer, duration):
    clips = clip_text("Rain. ", "2.0") + clip_text("A dog.", duration)
    plan = plan_of(renderer, f"{REASONING}<|/think|>{clips}<|im_end|>")
    assert plan.clips[1].duration_s == float(duration)
    assert len(plan.storyline.events) == 2


@pytest.mark.parametrize("duration", ["soon", "", "-2", "nan", "inf", "0"])
def test_a_clip_without_a_length_is_named(duration):
    story = story_of(f"P.<|/think|>{clip_text('A bell rings', duration)}<|im_end|>")
    with pytest.raises(FormatError, match="clip 1, 'A bell rings.*does not say how long"):
        durations_of(story)


def test_a_clip_without_words_is_sounded_all_the_same(renderer):
    plan = plan_of(renderer, f"P.<|/think|>{clip_text('', '2.0')}<|im_end|>")
    assert plan.clips[0].caption == NO_CAPTION


def test_a_track_that_no_plan_can_hold_is_refused(renderer):
    with pytest.raises(PlanError, match="the story that the model wrote"):
        plan_of(renderer, f"P.<|/think|>{clip_text('Rain', '0.2')}<|im_end|>")
