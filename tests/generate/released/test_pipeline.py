from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform, silence
from audiostory.errors import FormatError, InstructionError
from audiostory.generate.narration import ClipReady, NarrationReady, PassagePlanned, StorylineReady
from audiostory.generate.released import pipeline as released
from audiostory.generate.released.pipeline import ReleasedPipeline, measured
from audiostory.generate.released.sound import SCHEDULES, ReleasedSettings
from audiostory.models.model_folder import save_pretrained
from audiostory.story.prompt import chat_prompt
from audiostory.story.types import Instruction
from tests.generate.released.stories import STORY, writing
from tests.tiny import tiny_model, tiny_tokenizer

ASKED = Instruction(text="Rain, then a dog", duration_s=3.5)
QUICK = ReleasedSettings(steps=1, target_rate_hz=8_000, crossfade_s=0.5, max_new_tokens=8)


def pipeline_with(**settings) -> ReleasedPipeline:
    return ReleasedPipeline(
        tiny_model(),
        tiny_tokenizer(),
        name="tiny",
        fingerprint="tiny",
        settings=replace(QUICK, **settings),
    )


@pytest.fixture
def _writes_a_story(monkeypatch):
    """The model writes the same story to every instruction."""
    monkeypatch.setattr(released, "decode", writing(STORY))


@pytest.mark.usefixtures("_writes_a_story")
def test_the_steps_come_in_order_and_end_with_the_narration():
    steps = list(pipeline_with().stream(ASKED))
    kinds = [PassagePlanned, StorylineReady, ClipReady, ClipReady, NarrationReady]
    assert [type(step) for step in steps] == kinds
    assert steps[1].plan == steps[-1].narration.plan


@pytest.mark.usefixtures("_writes_a_story")
def test_samples_stay_as_they_come():
    narration = pipeline_with().generate(ASKED)
    loudness = narration.loudness
    assert narration.waveform.num_samples == pytest.approx(3.5 * 8_000, abs=2)
    assert (loudness.gain_db, loudness.limiter, loudness.before) == (0.0, None, loudness.after)


@pytest.mark.usefixtures("_writes_a_story")
def test_both_schedules_make_the_same_narration():
    narrations = [pipeline_with(schedule=schedule).generate(ASKED) for schedule in SCHEDULES]
    assert narrations[0].plan == narrations[1].plan
    first, second = (narration.waveform.samples for narration in narrations)
    np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.usefixtures("_writes_a_story")
def test_only_another_seed_makes_another_track():
    tracks = [pipeline_with().generate(ASKED, seed=seed).waveform.samples for seed in (0, 0, 5)]
    assert np.array_equal(tracks[0], tracks[1])
    assert not np.allclose(tracks[0], tracks[2])


def test_a_plan_is_read_as_if_the_model_had_written_it(monkeypatch):
    monkeypatch.setattr(released, "decode", writing(STORY))
    written = pipeline_with().generate(ASKED)
    monkeypatch.setattr(released, "decode", None)
    *_, ready = pipeline_with().stream(written.plan)
    assert ready.narration.plan.clips == written.plan.clips
    assert ready.narration.plan.storyline == written.plan.storyline


def test_gains_and_layers_of_a_plan_are_told_to_be_unused(monkeypatch):
    monkeypatch.setattr(released, "decode", writing(STORY))
    plan = pipeline_with().generate(ASKED).plan
    quiet = [clip.model_copy(update={"gain": 0.5}) for clip in plan.clips]
    _, ready, *_ = pipeline_with().stream(plan.model_copy(update={"clips": quiet}))
    assert "gains and layers are not used" in ready.plan.provenance.notes[0]


def test_a_model_that_finishes_no_clip_is_told_of():
    with pytest.raises(FormatError, match="finished no clip .*cut after 8 tokens"):
        pipeline_with().generate(ASKED)


def test_the_model_is_told_the_instruction_in_its_own_words_or_after_a_lead_phrase():
    assert pipeline_with().told(ASKED) == (
        "Rain, then a dog The total duration is 3.5 seconds.",
        [],
    )
    text, (note,) = pipeline_with(lead_phrase_seed=0).told(ASKED)
    assert text.startswith("Produce an in-depth, multi-layered audio that portrays Rain, then")
    assert text in note
    assert chat_prompt(text).endswith("<|think|>")


def test_after_a_lead_phrase_a_length_is_always_told():
    text, notes = pipeline_with(lead_phrase_seed=0).told(Instruction(text="Rain"))
    assert text.endswith("Rain The total duration is 30.0 seconds.")
    assert notes[0].startswith("no duration was asked for")


def test_an_instruction_of_markers_alone_is_refused():
    with pytest.raises(InstructionError, match="say in words"):
        pipeline_with().told(Instruction(text="<|gen|>"))


def test_a_model_folder_makes_a_pipeline(tmp_path):
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "tiny")
    loaded = ReleasedPipeline.from_pretrained(str(tmp_path / "tiny"), settings=QUICK)
    assert loaded.name == str(tmp_path / "tiny")
    assert loaded.settings == QUICK


def test_a_track_is_measured_without_a_target_or_a_ceiling():
    report = measured(silence(1.0, 8_000))
    assert report.method == "silent"
    assert report.is_on_target
    noise = np.random.default_rng(0).normal(0, 0.9, (1, 8_000)).astype(np.float32)
    loud = measured(Waveform(noise, 8_000))
    assert (loud.method, loud.gain_db) == ("gated", 0.0)
    assert loud.after.true_peak_dbtp > 0
    assert "limiter" not in loud.summary
