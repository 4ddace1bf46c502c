"""Preference tuning of a model of the paper's size, as TangoFlux's DiT was tuned once.

AudioStory has no such stage: its DiT begins with TangoFlux's (Sec. 5.1), which CRPO had tuned. Here
it is a fourth stage that a finished model can go through. What is cited is the method, and values
of TangoFlux's training that we know; the others, the rate, beta and the length among them, are our
choice.
"""

from __future__ import annotations

from audiostory.train.stages import OptimConfig, Recipe, StageConfig

CRPO = StageConfig(
    name="tangoflux/crpo",
    objective="preference",
    data="preference_pairs",
    initial="foundation",
    trainable=("dit",),
    weights={"preference": 1.0, "flow": 1.0},
    optim=OptimConfig(learning_rate=1e-5, warmup_steps=100, ema_decay=0.0),
    preference_beta=2_000.0,
    null_share=0.0,
    epochs=8,
    batch_size=48,
    precision="bfloat16",
    noise_levels="logit_normal",
    cited={
        "objective": "TangoFlux, arXiv:2412.21037: CRPO, L_DPO-FM + L_FM of the winner",
        "weights.preference": "TangoFlux, arXiv:2412.21037: a plain sum",
        "weights.flow": "TangoFlux, arXiv:2412.21037: a plain sum",
        "optim.betas": "TangoFlux's training",
        "optim.weight_decay": "TangoFlux's training",
        "noise_levels": "released code, as TangoFlux's",
    },
)
"""One iteration; the next one begins with what this one exports, and with pairs of that."""

TANGOFLUX = Recipe(
    name="tangoflux",
    about="preference tuning of a finished model (CRPO of TangoFlux); no stage of AudioStory's",
    size="3b",
    language_model="that of the model it begins with; it does not learn",
    stages=(CRPO,),
)
