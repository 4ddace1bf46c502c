from __future__ import annotations

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.baselines.diffusers_tta import (
    AUDIOLDM2,
    AUDIOLDM2_LARGE,
    STABLE_AUDIO_3,
    STABLE_AUDIO_OPEN,
    DiffusersModel,
    DiffusersTextToAudio,
)
from audiostory.baselines.planned import PlannedTextToAudio
from audiostory.errors import (
    CheckpointError,
    ConfigError,
    InstructionError,
    MissingExtraError,
)
from audiostory.story.types import Instruction
from tests.baselines.pipelines import MAX_TOKENS, audioldm2, stable_audio, stable_audio_3
from tests.baselines.systems import Fixed, story

MODELS = {"audioldm2": AUDIOLDM2, "open": STABLE_AUDIO_OPEN, "three": STABLE_AUDIO_3}
PIPELINES = {"audioldm2": audioldm2, "open": stable_audio, "three": stable_audio_3}
CHANNELS = {"audioldm2": 1, "open": 2, "three": 2}
RATES_HZ = {"audioldm2": 16_000, "open": 8_000, "three": 8_000}


def quick(model: DiffusersModel) -> DiffusersModel:
    """The same with two steps."""
    return replace(model, steps=2)


def adapter(kind: str, **options) -> DiffusersTextToAudio:
    return DiffusersTextToAudio(PIPELINES[kind](), quick(MODELS[kind]), **options)


@pytest.fixture(params=list(MODELS))
def kind(request) -> str:
    return request.param


@pytest.mark.parametrize("seconds", [1.0, 0.77777, 1.999])
def test_a_caption_becomes_a_clip_to_the_sample_with_the_models_channels_and_rate(kind, seconds):
    model = adapter(kind)
    clip = model.sound("rain falls", seconds, seed=1)
    assert model.sample_rate_hz == clip.sample_rate_hz == RATES_HZ[kind]
    assert clip.samples.shape == (CHANNELS[kind], round(seconds * RATES_HZ[kind]))
    assert clip.samples.std() > 0


def test_the_seed_and_the_caption_decide_the_clip(kind):
    model = adapter(kind)
    first, again, seeded, other = (
        model.sound(caption, 0.5, seed=seed).samples
        for caption, seed in (("rain", 1), ("rain", 1), ("rain", 2), ("a dog", 1))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, seeded)
    assert not np.array_equal(first, other)


def test_the_global_generator_of_torch_is_neither_used_nor_moved(kind):
    before = torch.get_rng_state()
    adapter(kind).sound("rain", 0.5, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_guidance_and_negative_prompt_reach_the_pipeline():
    plain = adapter("audioldm2").sound("rain", 0.5, seed=1).samples
    for changed in ({"guidance_scale": 1.0}, {"negative_prompt": "hum"}, {"steps": 3}):
        model = replace(quick(AUDIOLDM2), **changed)
        other = DiffusersTextToAudio(audioldm2(), model).sound("rain", 0.5, seed=1).samples
        assert not np.array_equal(plain, other), changed


def test_without_steps_the_scheduler_of_the_checkpoint_decides():
    counted = []
    pipeline = stable_audio_3()
    inner = pipeline.transformer.forward

    def counting(*arguments, **named):
        counted.append(1)
        return inner(*arguments, **named)

    pipeline.transformer.forward = counting
    try:
        DiffusersTextToAudio(pipeline, STABLE_AUDIO_3).sound("rain", 0.5, seed=0)
    finally:
        pipeline.transformer.forward = inner
    assert len(counted) == 8


def test_the_window_of_the_network_bounds_the_clip():
    model = adapter("open")
    assert model.max_duration_s == 2.0
    assert model.sound("rain", 2.0, seed=0).num_samples == 16_000
    with pytest.raises(InstructionError, match="makes at most 2.0 s"):
        model.sound("rain", 2.1, seed=0)


def test_the_models_own_maximum_bounds_the_clip():
    assert adapter("audioldm2").max_duration_s == 10.0
    with pytest.raises(InstructionError, match="AudioLDM2 makes at most 10.0 s"):
        adapter("audioldm2").sound("rain", 10.01, seed=0)


def test_what_a_pipeline_refuses_is_told():
    with pytest.raises(InstructionError, match=r"AudioLDM2 does not make 0\.01 s"):
        adapter("audioldm2").sound("rain", 0.01, seed=0)


def test_a_caption_that_would_be_cut_is_refused_or_remarked_upon(kind):
    long = "rain " * 20
    with pytest.raises(InstructionError, match=f"reads {MAX_TOKENS}"):
        adapter(kind).sound(long, 0.5, seed=0)
    cutting = adapter(kind, long_captions="cut")
    assert cutting.sound(long, 0.5, seed=0).num_samples
    remarks = cutting.remarks(long, 0.5, seed=0)
    assert remarks
    assert f"{MAX_TOKENS} are read" in remarks[0]
    assert cutting.remarks("rain", 0.5, seed=0) == ()


def test_a_pipeline_sounds_a_plan(kind):
    planner = Fixed(story(("rain", 0.6), ("a dog", 0.7)))
    narration = PlannedTextToAudio(planner, adapter(kind)).generate(Instruction(text="x"))
    rate_hz = RATES_HZ[kind]
    assert narration.waveform.num_samples == round(0.6 * rate_hz) + round(0.7 * rate_hz)
    assert narration.plan.model.name == f"fixed + {MODELS[kind].name}"


def test_a_saved_pipeline_comes_back_and_sounds_the_same(kind, tmp_path):
    PIPELINES[kind]().save_pretrained(tmp_path / "p", safe_serialization=True)
    read = DiffusersTextToAudio.from_pretrained(str(tmp_path / "p"), quick(MODELS[kind]))
    first, second = (one.sound("rain falls", 0.5, seed=1).samples for one in (adapter(kind), read))
    assert np.allclose(first, second, atol=1e-6)


def test_a_pipeline_may_be_read_in_another_type(tmp_path):
    stable_audio().save_pretrained(tmp_path / "p", safe_serialization=True)
    model = DiffusersTextToAudio.from_pretrained(
        str(tmp_path / "p"), quick(STABLE_AUDIO_OPEN), dtype=torch.bfloat16
    )
    assert model.pipeline.transformer.dtype == torch.bfloat16
    assert model.sound("rain", 0.5, seed=0).samples.dtype == np.float32


def test_a_pipeline_of_another_class_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="a AudioLDM2Pipeline, this is a StableAudio"):
        DiffusersTextToAudio(stable_audio(), AUDIOLDM2)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(CheckpointError, match="holds a FluxPipeline"):
        DiffusersTextToAudio.from_pretrained(str(tmp_path), AUDIOLDM2)


def test_a_place_without_a_pipeline_is_told_with_the_way_to_get_one(tmp_path):
    with pytest.raises(CheckpointError, match="hf download cvssp/audioldm2-large"):
        DiffusersTextToAudio.from_pretrained(str(tmp_path), AUDIOLDM2_LARGE)
    with pytest.raises(CheckpointError, match="convert the checkpoint"):
        DiffusersTextToAudio.from_pretrained(str(tmp_path / "none"), STABLE_AUDIO_3)


def test_a_pipeline_that_is_not_whole_is_told(tmp_path):
    stable_audio().save_pretrained(tmp_path / "p", safe_serialization=True)
    (tmp_path / "p" / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="cannot be read as Stable Audio Open"):
        DiffusersTextToAudio.from_pretrained(str(tmp_path / "p"), STABLE_AUDIO_OPEN)


def test_the_released_schedulers_need_of_torchsde_is_told_before_anything_is_read(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(__import__("sys").modules, "torchsde", None)
    index = {
        "_class_name": "StableAudioPipeline",
        "scheduler": ["diffusers", "CosineDPMSolverMultistepScheduler"],
    }
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(MissingExtraError, match="torchsde"):
        DiffusersTextToAudio.from_pretrained(str(tmp_path), STABLE_AUDIO_OPEN)


@pytest.mark.skipif(not importlib.util.find_spec("torchsde"), reason="torchsde is not installed")
def test_with_the_released_scheduler_each_clip_has_noise_of_its_own_seed():
    pipeline = stable_audio("CosineDPMSolverMultistepScheduler")
    model = DiffusersTextToAudio(pipeline, replace(STABLE_AUDIO_OPEN, steps=4))
    first, second, again = (model.sound("rain", 0.5, seed=seed).samples for seed in (1, 2, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_unknown_policies_are_refused():
    with pytest.raises(ConfigError, match="there are refuse and cut"):
        adapter("open", long_captions="skip")
