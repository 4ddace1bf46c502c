"""What a run sounds like on its way: a few captions of its corpus, rendered to wav now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from audiostory.audio.waveform import Waveform, save
from audiostory.data.blocks import collate, lone_story, packed
from audiostory.errors import TrainingError
from audiostory.generate.renderer import Renderer, SamplingSettings
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import Condition
from audiostory.models.codec import NanoCodec
from audiostory.train.materials import Materials
from audiostory.train.objective import read_blocks

if TYPE_CHECKING:
    from audiostory.train.trainer import Trainer

NUM_CAPTIONS = 4
DURATION_S = 4.0
SEED = 0
"""Seeds the first caption's noise; the others count on from it."""

Render = Callable[[], Mapping[str, Waveform]]
"""Sounds by the names of their files, made with the weights as they are now."""


class SamplesEvery:
    """Keeps what ``render`` makes of the averaged weights after every ``every`` steps."""

    def __init__(self, every: int, render: Render) -> None:
        self.every, self.render = every, render

    def stepped(self, trainer: Trainer) -> None:
        """Render if it is time; weights and mode are afterwards what they were.

        Raises:
            OutputError: if the files cannot be written.
        """
        if trainer.step % self.every:
            return
        folder = trainer.run.folder / "samples" / f"step-{trainer.step:06d}"
        folder.mkdir(parents=True, exist_ok=True)
        with trainer.averaged.in_place_of(trainer.parameters):
            trainer.model.eval()
            made = self.render()
            trainer.model.train()
        for name, waveform in made.items():
            save(waveform, folder / f"{name}.wav", overwrite=True, subtype="FLOAT")

    def logged(self, row: Mapping[str, float]) -> None:
        """Nothing."""

    def finished(self, trainer: Trainer) -> None:
        """Nothing."""


class CaptionSamples:
    """Renders captions spread over a corpus, always from the same noise.

    Raises:
        TrainingError: if the objective makes no sound, or nothing can decode it yet.
    """

    def __init__(self, model: AudioStoryModel, materials: Materials, objective: str) -> None:
        if objective not in CONDITIONS:
            raise TrainingError(
                f"a recipe with the objective '{objective}' renders no samples: leave "
                "--samples-every out"
            )
        self.model, self.materials, self.objective = model, materials, objective
        texts = materials.texts
        self.captions = texts[:: -(-len(texts) // NUM_CAPTIONS)]
        if isinstance(model.codec, NanoCodec):
            model.load_state_dict(load_file(decoder_path(materials)), strict=False)

    def __call__(self) -> dict[str, Waveform]:
        """The captions' sounds, by number."""
        renderer = Renderer(self.model)
        length_s = min(DURATION_S, renderer.max_take_s)
        settings = SamplingSettings.of(self.model.config.flow)
        takes = [
            renderer.takes(index, length_s, SEED + index)[0] for index in range(len(self.captions))
        ]
        with torch.no_grad():
            told = CONDITIONS[self.objective](self, length_s)
        conditions = [told.clip(index) for index in range(len(takes))]
        waveforms = renderer.render(takes, conditions, settings)
        return {f"{index}": waveform for index, waveform in enumerate(waveforms)}


def decoder_path(materials: Materials) -> Path:
    """The trained decoder of nano's codec.

    Raises:
        TrainingError: if there is none yet.
    """
    path = materials.paths.run("codec") / "weights.safetensors"
    if not path.exists():
        raise TrainingError(
            f"samples are decoded by the codec, and there is no {path}: run 'audiostory train "
            "nano/codec' first, or leave --samples-every out"
        )
    return path


def teacher_conditions(samples: CaptionSamples, length_s: float) -> Condition:
    """What the teacher says of the captions."""
    features_XSD = samples.materials.teacher(samples.captions)
    return Condition(features_XSD.to(samples.model.device))


def bridged_conditions(samples: CaptionSamples, length_s: float) -> Condition:
    """What the model's bridge says of each caption, read as the story of that one sound."""
    model, tokenizer = samples.model, samples.materials.tokenizer
    stories = [
        packed(lone_story(caption, length_s), tokenizer, model.config.tokens)
        for caption in samples.captions
    ]
    batch = {name: value.to(model.device) for name, value in collate(stories).items()}
    return model.bridge.fuse(read_blocks(model, batch))


CONDITIONS: dict[str, Callable[[CaptionSamples, float], Condition]] = {
    "flow": teacher_conditions,
    "story": bridged_conditions,
}
"""What the DiT is told in samples, by the objectives that train it."""
