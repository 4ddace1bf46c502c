"""A model looked over: its files, its sizes, and which feature scale its weights carry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audiostory.evaluate.scale_check import check_scale
from audiostory.generate.pipeline import AudioStoryPipeline
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.catalogue import resolve_model
from audiostory.models.foreign.companions import found_companion, way_to
from audiostory.models.text_encoder import TextEncoder
from audiostory.story.types import Instruction


def examine(
    name_or_dir: str,
    instruction: Instruction,
    *,
    text_encoder: Path | None = None,
    device: str = "cpu",
) -> Iterator[str]:
    """What is found, line by line; loading alone checks every file, name and shape.

    Args:
        name_or_dir: a model's name, folder or repository.
        instruction: the story that the model tells, to look at its bridge tokens.
        text_encoder: folder of the encoder it was trained with; else it is looked for.
        device: where to compute.

    Raises:
        CheckpointError: if the model cannot be loaded, saying all that is wrong with it.
    """
    folder = resolve_model(name_or_dir)
    pipeline = AudioStoryPipeline.from_pretrained(name_or_dir, device=device)
    yield f"{folder}: every file, name and shape is as it should be"
    yield from sizes_of(pipeline.model)
    bridge = pipeline.model.config.bridge
    if bridge.learned_null:
        yield (
            "scale: not checked: this model's text features are standardised, which is a matter of "
            "its training (docs/nano.md)"
        )
        return
    encoder = text_encoder or found_companion("text_encoder", folder)
    if encoder is None:
        yield f"scale: not checked: {way_to('text_encoder', folder)}"
        return
    plan = pipeline.plan(instruction)
    yield from check_scale(pipeline, TextEncoder.from_folder(encoder), plan)


def sizes_of(model: AudioStoryModel) -> Iterator[str]:
    """A line on the whole model, then one for each part, of its parameters."""
    weight = next(model.parameters())
    dtype, total = str(weight.dtype).removeprefix("torch."), sum(_counts(model).values())
    yield f"{model.config.name}: {total:,} parameters, {dtype} on {weight.device}"
    for name, count in _counts(model).items():
        yield f"  {name}: {count:,}"


def _counts(model: AudioStoryModel) -> dict[str, int]:
    return {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in model.named_children()
    }
