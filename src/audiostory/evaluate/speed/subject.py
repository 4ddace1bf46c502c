"""What is timed: a model of some size, and a story that every schedule tells.

Weights are the real ones where there are some, else seeded random ones: what is computed takes as
long. Random weights write no story, so the story is given: each of its tokens is scored and chosen
as if the model wrote it, then the given one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn
from transformers import T5Config, T5EncoderModel

from audiostory.errors import ConfigError
from audiostory.generate.transcript import Vocabulary
from audiostory.models.audiostory import NANO, THREE_B, AudioStoryConfig, AudioStoryModel
from audiostory.models.bridge import BridgeConfig
from audiostory.models.catalogue import KNOWN_MODELS
from audiostory.models.dit import DitConfig
from audiostory.models.llm import LlmConfig
from audiostory.models.model_folder import TOKENIZER
from audiostory.models.pretrained import check_device, dtype_for, load_pretrained
from audiostory.models.seeding import seeded
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.models.vae import OobleckConfig
from audiostory.models.weights import check_memory, shapes_of, size_of, type_of, without_weights
from audiostory.story.plan import Plan, PlanModel, PlanSettings, plan_of
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline

MINI = AudioStoryConfig(
    name="mini",
    llm=LlmConfig(
        hidden_size=512,
        num_layers=8,
        num_heads=8,
        num_kv_heads=2,
        intermediate_size=1536,
        vocab_size=8192,
    ),
    bridge=BridgeConfig(llm_width=512, width=256, learned_null=False),
    dit=DitConfig(
        num_joint_blocks=2,
        num_single_blocks=4,
        num_heads=4,
        head_dim=64,
        axes_dims_rope=(16, 24, 24),
        condition_width=256,
    ),
    codec=OobleckConfig(encoder_width=128, decoder_width=16),
    tokens=THREE_B.tokens,
    repetition_penalty=THREE_B.repetition_penalty,
)
"""The released model's make at sizes for a laptop's processor; it exists for timing only."""

SUBJECTS = {
    "nano": NANO,
    "mini": MINI,
    "3b": replace(THREE_B, llm=replace(THREE_B.llm, lora=None), audio_encoder=None),
}
"""Sizes that can be timed; ears are left out, no schedule listens."""

TEXT_ENCODERS = {
    "mini": T5Config(
        d_model=256, d_kv=32, d_ff=512, num_layers=6, num_heads=8, feed_forward_proj="gated-gelu"
    ),
    "3b": T5Config(
        d_model=1024,
        d_kv=64,
        d_ff=2816,
        num_layers=24,
        num_heads=16,
        feed_forward_proj="gated-gelu",
    ),
}
"""T5 encoders that the release keeps beside the model, by size; ``nano`` has no use for one."""

TELLING = (
    ("Rain drums on a tin roof and runs down the gutters", "steady heavy rain, water trickling"),
    ("Somebody runs through puddles, breathing fast", "quick wet footsteps, heavy breathing"),
    ("Thunder rolls over the town and a dog answers it", "deep rolling thunder, a dog barking"),
    ("A car comes round the corner and brakes hard", "an engine roaring, tyres skidding"),
    ("A heavy door falls shut and the rain is far away", "a door slammed shut, muffled rain"),
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What every schedule is given."""

    model: AudioStoryModel
    tokenizer: StoryTokenizer
    story: Story
    plan: Plan
    text_encoder: nn.Module | None
    """What the release encodes the empty text with, for every clip anew."""
    weights: str
    """Where the weights are from, in words."""

    def shortened(self) -> Subject:
        """The same model with a story of one short clip, to warm up with."""
        return replace(self, **story_and_plan(self.model.config.name, 6.0, 1))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Which tokens may stand where; worked out once, when a model is loaded."""
        return Vocabulary(self.tokenizer, self.model.llm.config.vocab_size, self.model.device)


def subject_of(
    size: str,
    *,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    name_or_dir: str | None = None,
    duration_s: float = 60.0,
    num_clips: int = 5,
) -> Subject:
    """A model and its story.

    Args:
        size: a key of ``SUBJECTS``; random weights, unless the size has real ones.
        device: where it goes.
        dtype: of its weights; None takes what suits the device.
        name_or_dir: a model to time instead of one of that size.
        duration_s: length of the story.
        num_clips: clips of equal length in it.

    Raises:
        ConfigError: if there is no such size.
        CheckpointError: if the model does not fit the device's memory, or cannot be loaded.
    """
    if name_or_dir is None and size not in SUBJECTS:
        raise ConfigError(f"no size {size!r}; there are {', '.join(SUBJECTS)}")
    check_device(device)
    dtype = dtype or dtype_for(device)
    named = name_or_dir or (size if size in KNOWN_MODELS else None)
    if named is not None:
        loaded = load_pretrained(named, device=device, dtype=dtype)
        model, tokenizer = loaded.model, loaded.tokenizer
    else:
        model = random_model(SUBJECTS[size], device=device, dtype=dtype)
        tokenizer = stand_in_tokenizer(model.config)
    return Subject(
        model=model,
        tokenizer=tokenizer,
        **story_and_plan(model.config.name, duration_s, num_clips),
        text_encoder=text_encoder_of(model.config.name, dtype),
        weights=f"those of {named}" if named else f"random, of size {size}",
    )


def story_and_plan(model: str, duration_s: float, num_clips: int) -> dict[str, Any]:
    """The fields ``story`` and ``plan`` of a subject."""
    story = story_of_length(duration_s, num_clips)
    plan = plan_of(
        story,
        Instruction(text="A chase through a rainstorm", duration_s=duration_s),
        duration_s=duration_s,
        seed=0,
        model=PlanModel(name=model),
        settings=PlanSettings(),
    )
    return {"story": story, "plan": plan}


def random_model(config: AudioStoryConfig, *, device: str, dtype: torch.dtype) -> AudioStoryModel:
    """A model with seeded random weights, made where it is to be.

    Raises:
        CheckpointError: if it does not fit the device's memory.
    """
    model = without_weights(config)
    check_memory(size_of(shapes_of(model), dtype), device)
    for name, parameter in model.named_parameters():
        parameter.data = parameter.data.to(type_of(name, dtype))  # no memory is taken yet
    model = model.to_empty(device=device).eval()
    fresh = _buffers_of(config)
    rng = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.02 if parameter.ndim > 1 else 0.0
            parameter.normal_(0.0, 1.0, generator=rng).mul_(scale)
            if "norm" in name and parameter.ndim == 1 or name.endswith("weight_g"):
                parameter.fill_(1.0)
        for name, buffer in model.named_buffers():
            buffer.copy_(fresh[name])
    model.llm.network.tie_weights()
    return model


def _buffers_of(config: AudioStoryConfig) -> dict[str, torch.Tensor]:
    """What a model of this size holds besides its parameters."""
    return dict(without_weights(config).named_buffers())


def stand_in_tokenizer(config: AudioStoryConfig) -> StoryTokenizer:
    """Nano's vocabulary with all markers of the model: Qwen's is not part of this package."""
    base = StoryTokenizer.from_file(KNOWN_MODELS["nano"] / TOKENIZER)
    known = {marker for marker in config.markers if len(base.encode(marker)) == 1}
    return base.with_added_tokens([one for one in config.markers if one not in known])


def text_encoder_of(size: str, dtype: torch.dtype) -> T5EncoderModel | None:
    """The text encoder that the release keeps beside a model of that size; random, on the CPU."""
    if size not in TEXT_ENCODERS:
        return None
    with seeded(torch.Generator().manual_seed(1)):
        encoder = T5EncoderModel(TEXT_ENCODERS[size])
    encoder.to(dtype=dtype)  # pyright: ignore[reportCallIssue]
    return encoder.eval()


def story_of_length(duration_s: float, num_clips: int) -> Story:
    """A story of clips of equal length."""
    told = [TELLING[index % len(TELLING)] for index in range(num_clips)]
    borders = [round(duration_s * index / num_clips, 1) for index in range(num_clips + 1)]
    events = tuple(
        Event(start_s=start_s, end_s=end_s, detail=detail, sounds=sounds)
        for (detail, sounds), start_s, end_s in zip(told, borders[:-1], borders[1:], strict=True)
    )
    summary = "a chase through a rainstorm at night, from the street into a house"
    clips = tuple(
        Clip(caption=f"{detail}: {sounds}", duration_s=round(event.duration_s, 1))
        for (detail, sounds), event in zip(told, events, strict=True)
    )
    return Story(storyline=Storyline(summary=summary, events=events), clips=clips)
