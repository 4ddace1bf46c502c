"""What the released code implies: its training forward, its defaults, and names of paths in it.

No training script, schedule or data was released. A path called
``tangoflux_detokenizer_30s_700k_1e5/step_165000`` says that the DiT was trained once more, under
text features, before it met the LLM; another says learning rate 1e-4, bz8, one optimiser, step
12000. Which of the paper's stages that was is not known, so the forward's is one stage here.
"""

from __future__ import annotations

from audiostory.train.stages import OptimConfig, Recipe, StageConfig

DETOKENIZER = StageConfig(
    name="release/detokenizer",
    objective="flow",
    data="sound_latents",
    trainable=("dit",),
    weights={"flow": 1.0},
    initial="foundation",
    optim=OptimConfig(learning_rate=1e-5, ema_decay=0.0),
    steps=165_000,
    precision="bfloat16",
    noise_levels="logit_normal",
    null_share=0.0,
    cited={
        "objective": "a path's name: detokenizer, of text features",
        "data": "a path's name: 700k clips of 30 s",
        "trainable": "a path's name: the DiT of TangoFlux",
        "initial": "a path's name: TangoFlux",
        "optim.learning_rate": "a path's name: 1e5, read as 1e-5",
        "optim.betas": "TangoFlux's training",
        "optim.weight_decay": "TangoFlux's training",
        "steps": "a path's name: step_165000",
        "noise_levels": "released code; Sec. 4.2 has uniform ones",
        "null_share": "released code: none, its option is off and broken; TangoFlux has 0.1",
    },
)
"""Eq. 5 under text features of captions: TangoFlux's DiT, trained on."""

JOINT = StageConfig(
    name="release/joint",
    objective="released",
    data="released_clips",
    trainable=(
        "llm_lora",
        "llm_norms",
        "llm_embeddings",
        "semantic_head",
        "residual_head",
        "fuser",
        "dit",
    ),
    weights={"semantic": 1.0, "text": 1.0, "flow": 1.0},
    initial="foundation",
    starts_from=("release/detokenizer",),
    training_divides="once",
    optim=OptimConfig(learning_rate=1e-4, ema_decay=0.0),
    steps=12_000,
    batch_size=8,
    precision="bfloat16",
    noise_levels="logit_normal",
    null_share=0.0,
    cited={
        "objective": "released code: one clip a sequence, three losses",
        "data": "released code: generation alone, its forward fails on understanding",
        "trainable": "released code: LoRA, norms, embeddings; the paper says LoRA",
        "weights.semantic": 'released code: 1 by default; a path\'s name says "loss0105"',
        "weights.text": "released code: 1 by default; one text loss, L_reason is not apart",
        "weights.flow": "released code: 1 by default",
        "initial": "released code: Qwen2.5-3B-Instruct",
        "starts_from": "released code loads the detokenizer's weights",
        "training_divides": "released inference; the released training code: twice, a factor 10",
        "optim.learning_rate": "a path's name: 1e-4, one optimiser",
        "optim.betas": "TangoFlux's training; no optimiser was released",
        "optim.weight_decay": "TangoFlux's training; no optimiser was released",
        "steps": "a path's name: step 12000",
        "batch_size": "a path's name: bz8; a device's or overall is not known",
        "noise_levels": "released code; Sec. 4.2 has uniform ones",
        "null_share": "released code: none, its option is off and broken; TangoFlux has 0.1",
    },
)
"""The forward that was released, with the weights and the trained parts of its defaults.

Its code divides the heads' output by ``feature_scale`` once more than its inference does; a model
so trained (``training_divides="twice"``) is told ten times too much unless its size has
``bridge.generation_divides="twice"``. So this is the one number that is inference's.
"""

RELEASE = Recipe(
    name="release",
    about="what the released code implies (no training script was released)",
    size="3b",
    language_model="Qwen2.5-3B-Instruct (released code)",
    stages=(DETOKENIZER, JOINT),
)
