"""The model in the package: what everybody hears first."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.generate.pipeline import AudioStoryPipeline
from audiostory.models.audiostory import NANO
from audiostory.models.catalogue import KNOWN_MODELS
from audiostory.story.plan import Plan
from audiostory.story.types import Instruction

CHASE = Instruction(
    text="A suspenseful chase through a rainstorm: footsteps splash, thunder roars, "
    "a car skids, and a door slams shut",
    duration_s=12.0,
)
MAX_PACKAGED_MB = 60


@cache
def pipeline() -> AudioStoryPipeline:
    return AudioStoryPipeline.from_pretrained("nano")


@cache
def plan() -> Plan:
    return pipeline().plan(CHASE, seed=7)


@cache
def track(seed: int) -> Waveform:
    return pipeline().render(plan().model_copy(update={"clips": reseeded(seed)})).waveform


def reseeded(seed: int) -> list[object]:
    return [
        clip.model_copy(update={"seed": seed + index}) for index, clip in enumerate(plan().clips)
    ]


def test_it_is_the_configuration_of_its_name_and_small() -> None:
    assert replace(pipeline().model.config, flow=NANO.flow) == NANO
    sizes = [path.stat().st_size for path in KNOWN_MODELS["nano"].iterdir()]
    assert sum(sizes) < MAX_PACKAGED_MB * 1e6


@pytest.mark.parametrize("sound", ["footstep", "thunder", "car", "door"])
def test_every_sound_that_is_named_is_captioned(sound: str) -> None:
    captions = [clip.caption.casefold() for clip in plan().clips]
    assert any(sound in caption for caption in captions), captions


def test_the_track_is_as_long_as_asked_and_loud_as_promised() -> None:
    narration = pipeline().render(plan())
    assert narration.waveform.num_samples == 12 * 24_000
    assert narration.loudness.is_on_target
    assert np.abs(narration.waveform.samples).max() <= 1.0


def test_the_same_seed_gives_the_same_samples_and_another_gives_others() -> None:
    again = pipeline().render(plan().model_copy(update={"clips": reseeded(1)})).waveform
    assert np.array_equal(track(1).samples, again.samples)
    assert not np.array_equal(track(1).samples, track(2).samples)


def test_sounds_differ_by_their_captions() -> None:
    """Rain is steady and noisy; a church bell is neither: told by level changes and by spectrum."""
    rain, bell = (
        pipeline().render(one_clip(caption)).waveform.samples[0]
        for caption in ("Heavy rain pouring down", "A church bell rings")
    )
    assert flatness(rain) > 2 * flatness(bell)


def one_clip(caption: str) -> Plan:
    first = (
        plan()
        .clips[0]
        .model_copy(update={"caption": caption, "duration_s": 4.0, "start_s": 0.0, "seed": 3})
    )
    event = (
        plan()
        .storyline.events[0]
        .model_copy(
            update={"start_s": 0.0, "end_s": 4.0, "detail": f"{caption}.", "sounds": f"{caption}."}
        )
    )
    storyline = plan().storyline.model_copy(update={"events": [event], "summary": f"{caption}."})
    instruction = plan().instruction.model_copy(update={"text": caption, "duration_s": 4.0})
    changes = {"instruction": instruction, "storyline": storyline, "clips": [first]}
    return plan().model_copy(update=changes | {"duration_s": 4.0})


def flatness(samples: np.ndarray) -> float:
    """Geometric over arithmetic mean of the power spectrum: near 1 for white noise, 0 for tones."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2 + 1e-12
    return float(np.exp(np.log(power).mean()) / power.mean())
