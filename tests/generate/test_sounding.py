from __future__ import annotations

from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch

from audiostory.errors import AudioError
from audiostory.generate.clip_store import MemoryStore
from audiostory.generate.renderer import Renderer
from audiostory.generate.sounding import Sounding, settings_of
from audiostory.story.plan import PlanSettings
from audiostory.story.types import Instruction
from tests.tiny import tiny_config


def sounding_of(pipeline, plan, store=None):
    return Sounding(
        pipeline.model,
        pipeline.tokenizer,
        plan,
        store=store or MemoryStore(),
        fingerprint="tiny",
        reading=pipeline.reasoner.reading,
    )


@pytest.fixture(scope="module")
def plan(pipeline):
    return pipeline.plan(Instruction(text="rain, a dog", duration_s=9.0), seed=3)


def test_clips_are_longer_than_planned_by_the_overlap_of_their_join(pipeline, plan):
    clips = list(sounding_of(pipeline, plan).clips())
    longer_s = [
        ready.waveform.duration_s - clip.duration_s
        for ready, clip in zip(clips, plan.clips, strict=True)
    ]
    assert longer_s[-1] == pytest.approx(0, abs=1e-3)
    assert all(extra_s == pytest.approx(0.5, abs=1e-3) for extra_s in longer_s[:-1])


def test_a_long_clip_is_tiled_and_still_fits(pipeline, plan):
    clip = plan.clips[0].model_copy(update={"start_s": 0.0, "duration_s": 95.0})
    settings = PlanSettings(loudness_lufs=None)
    long = plan.model_copy(update={"clips": [clip], "duration_s": 95.0, "settings": settings})
    sounding = sounding_of(pipeline, long)
    (ready,) = sounding.clips()
    assert len(sounding.takes[0]) > 1
    assert ready.waveform.duration_s == pytest.approx(95.0)
    track, _ = sounding.track()
    assert track.num_samples == 95 * 8000


def test_a_track_needs_its_clips_finished(pipeline, plan):
    with pytest.raises(AudioError, match="no longer where it was kept"):
        sounding_of(pipeline, plan).track()


def test_layers_sound_together(pipeline, plan):
    extra = plan.clips[0].model_copy(
        update={"layer": "birds", "start_s": 8.0, "duration_s": 1.0, "caption": "birds"}
    )
    settings = PlanSettings(loudness_lufs=None)
    plain = plan.model_copy(update={"settings": settings})
    both = plain.model_copy(update={"clips": [*plan.clips, extra]})
    before = pipeline.render(plain).waveform.samples
    after = pipeline.render(both).waveform.samples
    np.testing.assert_allclose(after[:, : 8 * 8000], before[:, : 8 * 8000], atol=1e-5)
    assert not np.allclose(after[:, 8 * 8000 :], before[:, 8 * 8000 :], atol=1e-5)


def test_the_plans_settings_win_over_the_models(pipeline, plan):
    flow = tiny_config().flow
    model = settings_of(plan, pipeline.model)
    assert (model.steps, model.guidance_scale) == (flow.steps, flow.guidance_scale)
    asked = plan.model_copy(update={"settings": PlanSettings(steps=5, guidance_scale=0.0)})
    assert settings_of(asked, pipeline.model) == replace(model, steps=5, guidance_scale=0.0)


def test_the_way_of_sampling_is_the_plans_or_the_models(pipeline, plan):
    flow = tiny_config().flow
    model = settings_of(plan, pipeline.model)
    shared = {field.name for field in fields(model)}
    assert asdict(model) == {name: value for name, value in asdict(flow).items() if name in shared}
    chosen = PlanSettings(solver="adams_bashforth", sigma_shift=2.0)
    asked = plan.model_copy(update={"settings": chosen})
    expected = replace(model, solver="adams_bashforth", sigma_shift=2.0)
    assert settings_of(asked, pipeline.model) == expected


def test_a_finished_clip_is_not_taken_for_one_of_another_way_of_sampling(pipeline, plan):
    store = MemoryStore()
    assert not any(ready.is_reused for ready in sounding_of(pipeline, plan, store).clips())
    assert all(ready.is_reused for ready in sounding_of(pipeline, plan, store).clips())
    for settings in (PlanSettings(solver="heun"), PlanSettings(sigma_shift=2.0)):
        other = plan.model_copy(update={"settings": settings})
        assert not any(ready.is_reused for ready in sounding_of(pipeline, other, store).clips())


def test_where_memory_did_not_suffice_the_plan_says_so(pipeline, plan, monkeypatch):
    latents = Renderer.latents

    def small(self, takes, conditions, settings):
        if len(takes) > 1:
            raise torch.OutOfMemoryError
        return latents(self, takes, conditions, settings)

    monkeypatch.setattr(pipeline.renderer, "has_shrunk", False)
    usual = pipeline.render(plan)
    monkeypatch.setattr(pipeline.renderer, "max_batch_frames", 384)
    monkeypatch.setattr(Renderer, "latents", small)
    halved = pipeline.render(plan)
    assert usual.plan.provenance == plan.provenance
    assert "memory did not suffice" in halved.plan.provenance.notes[-1]
    monkeypatch.setattr(pipeline.renderer, "max_batch_frames", 384)
    assert pipeline.render(halved.plan).plan.provenance == halved.plan.provenance
    np.testing.assert_allclose(halved.waveform.samples, usual.waveform.samples, atol=1e-4)
