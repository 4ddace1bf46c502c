from __future__ import annotations

import numpy as np
import pytest

from audiostory.errors import AudioError
from audiostory.generate.ahead import SoundingAhead
from audiostory.generate.narration import CaptionReady, ClipReady, NarrationReady, StorylineReady
from audiostory.story.types import Instruction

CHASE = Instruction(text="Rain falls, a dog barks and a door slams shut", duration_s=12.0)


def narrated(steps):
    steps = list(steps)
    assert isinstance(steps[-1], NarrationReady)
    return steps, steps[-1].narration


def test_clips_made_ahead_are_those_made_after(pipeline):
    after_steps, after = narrated(pipeline.stream(CHASE, seed=5, ahead=False))
    steps, ahead = narrated(pipeline.stream(CHASE, seed=5, ahead=True))
    assert ahead.plan.clips == after.plan.clips
    np.testing.assert_allclose(ahead.waveform.samples, after.waveform.samples, atol=2e-3)
    indices = [step.index for step in steps if isinstance(step, ClipReady)]
    assert indices == [step.index for step in after_steps if isinstance(step, ClipReady)]
    assert len(indices) > 1


def test_every_take_is_made_once(pipeline, monkeypatch):
    made, render = [], pipeline.renderer.render

    def counted(takes, *rest):
        made.extend(takes)
        return render(takes, *rest)

    monkeypatch.setattr(pipeline.renderer, "render", counted)
    narrated(pipeline.stream(CHASE, seed=5, ahead=True))
    assert len(made) == len(set(made))


def test_the_plan_grows_by_captions_and_changes_in_nothing_else(pipeline):
    steps = list(pipeline.plan_steps(CHASE, seed=5, gives_parts=True))
    parts = [step for step in steps if isinstance(step, CaptionReady)]
    (finished,) = [step.plan for step in steps if isinstance(step, StorylineReady)]
    assert [part.index for part in parts] == list(range(len(finished.clips) - 1))
    for part in parts:
        told = part.index + 1
        assert part.plan.clips[:told] == finished.clips[:told]
        assert part.plan.storyline == finished.storyline
        starts = [clip.start_s for clip in part.plan.clips]
        assert starts == [clip.start_s for clip in finished.clips]


def test_a_mistake_in_the_thread_is_raised_where_the_clip_is_wanted(pipeline):
    def broken(plan):
        raise AudioError("no sound")

    plan = pipeline.plan(CHASE, seed=5)
    with SoundingAhead(broken, pipeline.model.device) as ahead:
        ahead.begin(CaptionReady(index=0, plan=plan))
        with pytest.raises(AudioError, match="no sound"):
            list(ahead.rest())
