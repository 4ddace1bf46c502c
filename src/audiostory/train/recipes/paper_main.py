"""The three stages as the main text has them (Sec. 4.3, 5.1, Eq. 2-8).

What Sec. 5.1 leaves to the appendix ("More details are shown in the Appendix") is Table 10's, and
says so. Where the two contradict each other, ``paper_appendix.py`` holds the appendix' value.
"""

from __future__ import annotations

from dataclasses import replace

from audiostory.train.stages import MixedSource, OptimConfig, Recipe, StageConfig

LAMBDA_TEXT, LAMBDA_FLOW, LAMBDA_REASON = 1.0, 0.2, 0.4
"""The weights lambda_1 to lambda_3 of Eq. 6-8 (Sec. 5.1)."""

WARM_GROUPS = ("llm_lora", "semantic_head")
WHOLE_GROUPS = (*WARM_GROUPS, "residual_head", "fuser", "dit")
HEARING_GROUPS = (*WHOLE_GROUPS, "audio_projector")

CAPTIONED = ("AudioSetCaps", "VGGSound", "MusicCaps", "Auto-ACD")
QUESTIONS = (*CAPTIONED, "AudioSetCaps-QA", "VGGSound-QA")

UNDERSTANDING = MixedSource(
    name="understanding",
    objective="understanding",
    ratio=2.0,
    batch_size=256,
    num_questions=3,
    datasets=QUESTIONS,
)
"""Understanding : generation 2 : 1; App. A has it the other way round."""

CONTINUATION = MixedSource(
    name="continuation",
    objective="story",
    ratio=0.25,
    batch_size=128,
    datasets=("AudioStory-10k",),
)
"""One story told on from its beginning for four told whole. Ours: no source gives a share."""

STAGE_1_WARM = StageConfig(
    name="paper-main/stage1-warm",
    objective="story",
    data="caption_clips",
    datasets=CAPTIONED,
    trainable=WARM_GROUPS,
    weights={"semantic": 1.0},
    initial="foundation",
    optim=OptimConfig(learning_rate=2e-4, ema_decay=0.0),
    epochs=25,
    batch_size=512,
    num_gpus=16,
    precision="bfloat16",
    noise_levels="uniform",
    null_share=0.0,
    cited={
        "objective": "Eq. 6",
        "data": "Sec. 5.1: Stage I learns from single sounds with captions",
        "datasets": "Sec. 5.1, 700k pairs; Table 10 names AudioCaps and WavCaps",
        "trainable": "Sec. 4.3: LoRA and the projector of T_semantic",
        "weights.semantic": "Eq. 6",
        "initial": "Sec. 5.1: Qwen2.5-3B-Instruct, TangoFlux's DiT, Whisper-large-v3",
        "optim.learning_rate": "Sec. 5.1: 2e-4 in Stage I; Table 10 has 1e-3",
        "optim.betas": "TangoFlux's training; the paper names no optimiser",
        "optim.weight_decay": "TangoFlux's training; the paper names no optimiser",
        "epochs": "Sec. 5.1: 50 in Stage I; in halves, as Table 10's 25 + 25",
        "batch_size": "Sec. 5.1: 32 a device, on the 16 GPUs of Table 10",
        "num_gpus": "Table 10; Sec. 5.1 names none",
        "noise_levels": "Sec. 4.2: t is uniform in [0, 1]; the released code's is logit-normal",
        "null_share": "released code: none; the paper names none",
    },
)
"""Eq. 6, left: the semantic tokens alone, from the MSE of Eq. 3."""

STAGE_1_WHOLE = replace(
    STAGE_1_WARM,
    name="paper-main/stage1-whole",
    trainable=WHOLE_GROUPS,
    weights={"semantic": 1.0, "token": LAMBDA_TEXT, "flow": LAMBDA_FLOW},
    starts_from=("paper-main/stage1-warm",),
    cited={
        **STAGE_1_WARM.cited,
        "trainable": "Sec. 4.3: LoRA, all projectors, the attention layer, DiT",
        "weights.token": "Eq. 6 with lambda_1 = 1 (Sec. 5.1): start and end of T_semantic alone",
        "weights.flow": "Eq. 6 with lambda_2 = 0.2 (Sec. 5.1)",
        "starts_from": "Sec. 4.3",
        "batch_size": "Sec. 5.1: 32 a device, on the 16 GPUs of Table 10, which has 256 in all",
    },
)
"""Eq. 6, right: both kinds of bridge tokens, fused (Eq. 4), and the DiT."""

STAGE_2 = replace(
    STAGE_1_WHOLE,
    name="paper-main/stage2",
    trainable=HEARING_GROUPS,
    weights={
        "semantic": 1.0,
        "token": LAMBDA_TEXT,
        "understanding": LAMBDA_TEXT,
        "flow": LAMBDA_FLOW,
    },
    starts_from=("paper-main/stage1-whole",),
    optim=replace(STAGE_1_WHOLE.optim, learning_rate=1e-4),
    epochs=10,
    batch_size=128,
    mixed=(UNDERSTANDING,),
    cited={
        **STAGE_1_WHOLE.cited,
        "objective": "Eq. 7",
        "data": "Sec. 4.3: Stage II adds understanding to Stage I",
        "trainable": "Sec. 4.3: as Stage I-Whole; of all projectors, that of sounds heard is new",
        "weights.semantic": "Eq. 7",
        "weights.token": "Eq. 7 with lambda_1 = 1 (Sec. 5.1): L_text on generation",
        "weights.understanding": "Eq. 7 with lambda_1 = 1 (Sec. 5.1): L_text on answers",
        "weights.flow": "Eq. 7 with lambda_2 = 0.2 (Sec. 5.1)",
        "optim.learning_rate": "Sec. 5.1: 1e-4 in Stage II",
        "epochs": "Sec. 5.1: 10 in Stage II",
        "batch_size": "Table 10's 8, read as a device's: 8 overall do not fill its 16 GPUs",
        "mixed.understanding.ratio": "Sec. 5.1: understanding and generation 2 : 1; App. A: 1 : 2",
        "mixed.understanding.batch_size": "Table 10's 16, read as a device's",
        "mixed.understanding.datasets": "Sec. 5.1, 1M questions and answers",
    },
)
"""Eq. 7: what Stage I-Whole learns, and to answer questions about sounds heard."""

STAGE_3 = replace(
    STAGE_2,
    name="paper-main/stage3",
    data="story_clips",
    datasets=("AudioStory-10k",),
    weights={
        **STAGE_2.weights,
        "reason.event_count": LAMBDA_REASON,
        "reason.content": LAMBDA_REASON,
        "reason.caption": LAMBDA_REASON,
    },
    starts_from=("paper-main/stage2",),
    optim=replace(STAGE_2.optim, learning_rate=2e-5, group_rates={"dit": 5e-5}),
    mixed=(UNDERSTANDING, CONTINUATION),
    cited={
        **{name: said.replace("Eq. 7", "Eq. 8") for name, said in STAGE_2.cited.items()},
        "data": "Sec. 4.3: stories, some told on from their beginning (mixed.continuation)",
        "mixed.continuation.objective": "Sec. 4.3: audio continuation, under Eq. 8",
        "mixed.continuation.batch_size": "as of whole stories: Table 10's 8, read as a device's",
        "mixed.continuation.datasets": "Sec. 3: AudioStory-10k instructs to continue, too",
        "datasets": "Sec. 5.1: multi-audio generation, and understanding",
        "trainable": "Sec. 4.3: as Stage II",
        "weights.reason.event_count": "Eq. 2, Eq. 8 with lambda_3 = 0.4 (Sec. 5.1)",
        "weights.reason.content": "Eq. 2, Eq. 8 with lambda_3 = 0.4 (Sec. 5.1)",
        "weights.reason.caption": "Eq. 2, Eq. 8 with lambda_3 = 0.4 (Sec. 5.1)",
        "optim.learning_rate": "Sec. 5.1: another than the DiT's; its value is Table 10's",
        "optim.group_rates.dit": "Sec. 5.1: another than the LLM's; its value is Table 10's",
        "epochs": "Table 10; Sec. 5.1 is silent",
    },
)
"""Eq. 8: whole stories, told before they are sounded."""

PAPER_MAIN = Recipe(
    name="paper-main",
    about="the three stages by the paper's main text (Sec. 4.3, 5.1)",
    size="3b",
    language_model="Qwen2.5-3B-Instruct (Sec. 5.1)",
    stages=(STAGE_1_WARM, STAGE_1_WHOLE, STAGE_2, STAGE_3),
)
