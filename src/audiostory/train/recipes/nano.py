"""The course of the shipped model, from nothing (docs/nano.md).

In this order: codec, llm and dit (independent of each other: they take the places of the
release's VAE, Qwen2.5 and TangoFlux), then the paper's stages, with a step between in which the
DiT alone gets used to the bridge. The shipped model is deaf; Stage II, which hears, and the Stage
III after it are a branch of their own, and so is preference tuning. All values are our choice, but
where a source is cited.
"""

from __future__ import annotations

from dataclasses import replace

from audiostory.train.stages import MixedSource, OptimConfig, Recipe, StageConfig

SHORT_RUN = OptimConfig(betas=(0.9, 0.98), warmup_steps=50, final_rate=0.1, ema_decay=0.995)
"""What runs of the LLM share that last some hundreds of steps; each has a rate of its own."""

NANO_CODEC = StageConfig(
    name="nano/codec",
    objective="codec",
    data="sound_segments",
    trainable=("codec",),
    weights={"spectral": 1.0},
    optim=OptimConfig(learning_rate=1e-3, betas=(0.8, 0.99)),
    steps=6_800,
    batch_size=16,
)
"""The codec's decoder; its encoder is fitted in closed form before the first step."""

NANO_LLM = StageConfig(
    name="nano/llm",
    objective="text",
    data="story_texts",
    initial="copying",
    trainable=("llm",),
    weights={"text": 1.0},
    optim=replace(SHORT_RUN, learning_rate=1e-3),
    steps=1_100,
    batch_size=12,
)
"""Eq. 2 on the text of composed stories, from weights that copy and know which words are alike."""

NANO_DIT = StageConfig(
    name="nano/dit",
    objective="flow",
    data="sound_latents",
    trainable=("dit", "null_condition"),
    weights={"flow": 1.0},
    optim=OptimConfig(learning_rate=1e-3, betas=(0.9, 0.99)),
    steps=12_300,
    batch_size=40,
)
"""Eq. 5 on single sounds under the text features of their captions."""

NANO_WARM = StageConfig(
    name="nano/stage1-warm",
    objective="story",
    data="caption_clips",
    starts_from=("nano/llm",),
    trainable=("llm", "semantic_head"),
    weights={"semantic": 1.0, "text": 1.0},
    optim=replace(SHORT_RUN, learning_rate=5e-4, group_rates={"semantic_head": 1e-3}),
    steps=400,
    batch_size=48,
)
"""Eq. 3: the semantic head learns the teacher's features of single captions (Stage I-Warm).

The text loss stays on, for nano trains its whole LLM: there is no frozen one under a LoRA that
could not forget.
"""

NANO_STORY_WARM = replace(
    NANO_WARM,
    name="nano/stage1-stories",
    data="story_clips",
    starts_from=("nano/stage1-warm",),
    steps=1_400,
    batch_size=8,
)
"""The same on the clips of stories in words, of which there is no end: there bridge tokens have a
storyline before them, and captions that no corpus holds."""

NANO_BRIDGED = replace(
    NANO_DIT,
    name="nano/stage1-bridged",
    data="bridged_latents",
    starts_from=("nano/stage1-stories", "nano/dit"),
    optim=replace(NANO_DIT.optim, learning_rate=6e-4),
    steps=5_000,
)
"""Eq. 5 under what the bridge, now still, says of each caption: the DiT gets used to its voice, at
a tenth of what a step of the whole model costs."""

NANO_WHOLE = replace(
    NANO_WARM,
    name="nano/stage1-whole",
    starts_from=("nano/stage1-stories", "nano/stage1-bridged"),
    trainable=("llm", "semantic_head", "residual_head", "fuser", "dit", "null_condition"),
    weights={"semantic": 1.0, "text": 1.0, "flow": 1.0},
    optim=replace(NANO_WARM.optim, learning_rate=3e-4, group_rates={"semantic_head": 1e-3}),
    steps=400,
    batch_size=32,
)
"""Eq. 6: all of the bridge and the DiT on single sounds (Stage I-Whole)."""

NANO_STAGE_2 = replace(
    NANO_WHOLE,
    name="nano/stage2",
    size="nano-hearing",
    starts_from=("nano/stage1-whole",),
    trainable=(*NANO_WHOLE.trainable, "audio_projector"),
    weights={**NANO_WHOLE.weights, "understanding": 1.0},
    optim=replace(NANO_WHOLE.optim, group_rates={"semantic_head": 1e-3, "audio_projector": 1e-3}),
    steps=1_200,
    batch_size=16,
    mixed=(
        MixedSource(
            name="understanding",
            objective="understanding",
            ratio=2.0,
            batch_size=32,
            num_questions=3,
        ),
    ),
    cited={
        "objective": "Eq. 7",
        "mixed.understanding.ratio": "Sec. 5.1: understanding and generation 2 : 1; App. A: 1 : 2",
    },
)
"""Eq. 7: Stage I-Whole goes on, and half of the steps ask about clips heard; no shipped weights
come from it."""

NANO_STORY = StageConfig(
    name="nano/stage3",
    objective="story",
    data="story_clips",
    starts_from=("nano/stage1-whole",),
    trainable=("llm", "semantic_head", "residual_head", "fuser", "dit", "null_condition"),
    weights={"semantic": 1.0, "text": 0.5, "flow": 1.0},
    optim=replace(SHORT_RUN, learning_rate=2e-4, group_rates={"dit": 3e-4, "null_condition": 3e-4}),
    steps=400,
    batch_size=8,
)
"""Eq. 8: stories with their sounds; flow loss through fuser and residual tokens into the LLM."""

NANO_STORY_HEARING = replace(
    NANO_STORY,
    name="nano/stage3-hearing",
    size="nano-hearing",
    starts_from=("nano/stage2",),
    trainable=(*NANO_STORY.trainable, "audio_projector"),
    weights={**NANO_STORY.weights, "understanding": 1.0},
    optim=replace(
        NANO_STORY.optim,
        group_rates={**NANO_STORY.optim.group_rates, "audio_projector": 3e-4},
    ),
    steps=1_500,
    mixed=(
        replace(NANO_STAGE_2.mixed[0], batch_size=16),
        MixedSource(name="continuation", objective="story", ratio=0.5, batch_size=8),
    ),
    cited={
        "objective": "Eq. 8",
        "mixed.understanding.ratio": "Sec. 5.1: understanding and generation 2 : 1; App. A: 1 : 2",
        "mixed.continuation.objective": "Sec. 4.3: audio continuation, under Eq. 8",
    },
)
"""Eq. 8 for a model with ears: stories whole, stories told on from a beginning that is heard, and
questions; no shipped weights come from it."""

NANO_CRPO = StageConfig(
    name="nano/crpo",
    objective="preference",
    data="preference_pairs",
    starts_from=("nano/stage3",),
    trainable=("dit",),
    weights={"preference": 1.0, "flow": 1.0},
    optim=OptimConfig(learning_rate=5e-6, betas=(0.9, 0.98), warmup_steps=20, ema_decay=0.0),
    preference_beta=2_000.0,
    null_share=0.0,
    steps=200,
    batch_size=16,
    cited={
        "objective": "TangoFlux, arXiv:2412.21037: CRPO, L_DPO-FM + L_FM of the winner",
        "weights.preference": "TangoFlux, arXiv:2412.21037: a plain sum",
        "weights.flow": "TangoFlux, arXiv:2412.21037: a plain sum",
    },
)
"""An optional fourth stage, no part of the course: one iteration of preference tuning of the DiT on
ranked sounds of its own. The next iteration begins with what this one exports."""

NANO = Recipe(
    name="nano",
    about="the shipped model, from nothing, on two CPU cores (docs/nano.md)",
    size="nano",
    language_model="6 layers of width 256, from weights that copy",
    stages=(
        NANO_CODEC,
        NANO_LLM,
        NANO_DIT,
        NANO_WARM,
        NANO_STORY_WARM,
        NANO_BRIDGED,
        NANO_WHOLE,
        NANO_STAGE_2,
        NANO_STORY,
        NANO_STORY_HEARING,
        NANO_CRPO,
    ),
)
