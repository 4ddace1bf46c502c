"""The whole course in a quarter of an hour on two CPU cores: nano's, shorter, for a smaller model.

It is the paper's course to the end: Stage III begins from Stage II (Sec. 4.3), so the model that
comes out hears what it is asked about and makes what it is told. What nano's stages say and this
file does not is nano's (``audiostory recipes nano miniature``).
"""

from __future__ import annotations

from dataclasses import replace

from audiostory.train.recipes.nano import (
    NANO_BRIDGED,
    NANO_CODEC,
    NANO_DIT,
    NANO_LLM,
    NANO_STAGE_2,
    NANO_STORY,
    NANO_STORY_WARM,
    NANO_WARM,
    NANO_WHOLE,
)
from audiostory.train.stages import Recipe, StageConfig


def shorter(stage: StageConfig, *, steps: int, batch_size: int | None = None) -> StageConfig:
    """A stage of nano's in the miniature's course; warm-up and averages are as short as the run.

    Args:
        stage: one of nano's.
        steps: of the whole run.
        batch_size: None is nano's.
    """
    return replace(
        stage if batch_size is None else stage.resized(batch_size),
        name=own(stage.name),
        size=None,
        starts_from=tuple(map(own, stage.starts_from)),
        optim=replace(stage.optim, warmup_steps=10, ema_decay=0.98),
        steps=steps,
    )


def own(name: str) -> str:
    """What a stage of nano's is called here."""
    return name.replace("nano/", "miniature/")


MINIATURE_CODEC = shorter(NANO_CODEC, steps=500, batch_size=6)
MINIATURE_LLM = shorter(NANO_LLM, steps=80, batch_size=6)
MINIATURE_DIT = shorter(NANO_DIT, steps=1_000, batch_size=16)
MINIATURE_WARM = shorter(NANO_WARM, steps=100, batch_size=16)
MINIATURE_STORY_WARM = shorter(NANO_STORY_WARM, steps=60, batch_size=4)
MINIATURE_BRIDGED = shorter(NANO_BRIDGED, steps=400, batch_size=16)
MINIATURE_WHOLE = shorter(NANO_WHOLE, steps=40, batch_size=16)
MINIATURE_STAGE_2 = shorter(NANO_STAGE_2, steps=80, batch_size=8)

MINIATURE_STORY = replace(
    shorter(NANO_STORY, steps=80, batch_size=4),
    starts_from=(MINIATURE_STAGE_2.name,),
    trainable=MINIATURE_STAGE_2.trainable,
    weights={**NANO_STORY.weights, "understanding": MINIATURE_STAGE_2.weights["understanding"]},
    mixed=tuple(replace(one, batch_size=24) for one in MINIATURE_STAGE_2.mixed),
    cited={
        "objective": "Eq. 8",
        "starts_from": "Sec. 4.3: Stage III comes after Stage II",
        "mixed.understanding.ratio": "Sec. 5.1, App. A: as in Stage II",
    },
)
"""Eq. 8 without continuation: stories with their sounds, and questions about clips heard as in
Stage II."""

MINIATURE = Recipe(
    name="miniature",
    about="nano's course in a quarter of an hour, Stage III after Stage II (docs/training.md)",
    size="miniature",
    language_model="4 layers of width 128, from weights that copy",
    stages=(
        MINIATURE_CODEC,
        MINIATURE_LLM,
        MINIATURE_DIT,
        MINIATURE_WARM,
        MINIATURE_STORY_WARM,
        MINIATURE_BRIDGED,
        MINIATURE_WHOLE,
        MINIATURE_STAGE_2,
        MINIATURE_STORY,
    ),
)
