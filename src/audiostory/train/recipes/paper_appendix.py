"""The three stages as Appendix A and Table 10 have them, where they differ from the main text.

Table 10 gives batch sizes "overall" on 16 GPUs, which its 8 and 16 of Stages II and III do not
fill; they are held as printed. Its row "lr" has three cells for four columns: 1e-3 is taken for all
of Stage I, since Sec. 5.1 gives the next, 1e-4, to Stage II.
"""

from __future__ import annotations

from dataclasses import replace

from audiostory.train.recipes.paper_main import (
    CONTINUATION,
    STAGE_1_WARM,
    STAGE_1_WHOLE,
    STAGE_2,
    STAGE_3,
    UNDERSTANDING,
)
from audiostory.train.stages import Recipe

MSE_WEIGHT, TEXT_WEIGHT, FLOW_WEIGHT = 5.0, 2.0, 1.0
"""Of L_mse, L_text and L_flow (App. A); L_reason is not named there."""

CAPTIONED = ("AudioCaps", "WavCaps")
QUESTIONS = ("AudioSetCaps (Q&A)", "VGGSound (Q&A)", "MusicCaps", "Auto-ACD")

WEIGHTS_CITED = {
    "weights.semantic": "App. A: L_mse 5",
    "weights.token": "App. A: L_text 2",
    "weights.flow": "App. A: L_flow 1",
}
TEXT_CITED = "App. A: next-token prediction 2; it names no weight of L_reason"

APPENDIX_WARM = replace(
    STAGE_1_WARM,
    name="paper-appendix/stage1-warm",
    datasets=CAPTIONED,
    weights={"semantic": MSE_WEIGHT},
    optim=replace(STAGE_1_WARM.optim, learning_rate=1e-3),
    cited={
        **STAGE_1_WARM.cited,
        "datasets": 'Table 10, "Dataset"; Sec. 5.1 names four others',
        "trainable": 'Table 10, "Trainable": LLM, proj. (T_semantic); App. A: of the LLM, LoRA',
        "weights.semantic": WEIGHTS_CITED["weights.semantic"],
        "initial": "App. A: Qwen2.5-VL-3B-Instruct, TangoFlux's DiT; Table 10: Whisper",
        "optim.learning_rate": 'Table 10, "lr": 1e-3; Sec. 5.1 has 2e-4',
        "epochs": 'Table 10, "epoch": 25',
        "batch_size": 'Table 10, "batch size": 512',
        "num_gpus": "Table 10",
    },
)
"""Eq. 6, left."""

APPENDIX_WHOLE = replace(
    STAGE_1_WHOLE,
    name="paper-appendix/stage1-whole",
    datasets=CAPTIONED,
    weights={"semantic": MSE_WEIGHT, "token": TEXT_WEIGHT, "flow": FLOW_WEIGHT},
    starts_from=("paper-appendix/stage1-warm",),
    optim=APPENDIX_WARM.optim,
    batch_size=256,
    cited={
        **APPENDIX_WARM.cited,
        **WEIGHTS_CITED,
        "trainable": 'Table 10, "Trainable": LLM, all proj., DiT; the fuser is Sec. 4.3\'s',
        "starts_from": "Sec. 4.3",
        "batch_size": 'Table 10, "batch size": 256; Sec. 5.1 has 32 a device',
    },
)
"""Eq. 6, right."""

APPENDIX_STAGE_2 = replace(
    STAGE_2,
    name="paper-appendix/stage2",
    datasets=CAPTIONED,
    weights={
        "semantic": MSE_WEIGHT,
        "token": TEXT_WEIGHT,
        "understanding": TEXT_WEIGHT,
        "flow": FLOW_WEIGHT,
    },
    starts_from=("paper-appendix/stage1-whole",),
    batch_size=8,
    mixed=(replace(UNDERSTANDING, ratio=0.5, batch_size=16, datasets=QUESTIONS),),
    cited={
        **STAGE_2.cited,
        **APPENDIX_WHOLE.cited,
        "objective": "Eq. 7",
        "data": STAGE_2.cited["data"],
        "weights.understanding": "App. A: L_text 2",
        "datasets": 'Table 10, "Dataset": those of Stage I and those of understanding',
        "trainable": 'Table 10, "Trainable": LLM, all projectors, DiT; the fuser is Sec. 4.3\'s',
        "optim.learning_rate": 'Table 10, "lr": 1e-4',
        "epochs": 'Table 10, "epoch": 10',
        "batch_size": 'Table 10, "batch size": Gen.: 8, overall',
        "mixed.understanding.ratio": "App. A: generation and understanding 2 : 1; Sec. 5.1: 1 : 2",
        "mixed.understanding.batch_size": 'Table 10, "batch size": Und.: 16, overall',
        "mixed.understanding.datasets": 'Table 10, "Dataset"',
    },
)
"""Eq. 7. In a batch of Table 10's sizes there would be twice as much understanding, not half."""

APPENDIX_STAGE_3 = replace(
    STAGE_3,
    name="paper-appendix/stage3",
    weights={
        **APPENDIX_STAGE_2.weights,
        "reason.event_count": TEXT_WEIGHT,
        "reason.content": TEXT_WEIGHT,
        "reason.caption": TEXT_WEIGHT,
    },
    starts_from=("paper-appendix/stage2",),
    batch_size=APPENDIX_STAGE_2.batch_size,
    mixed=(*APPENDIX_STAGE_2.mixed, replace(CONTINUATION, batch_size=8)),
    cited={
        **APPENDIX_STAGE_2.cited,
        "objective": "Eq. 8",
        "data": STAGE_3.cited["data"],
        "mixed.continuation.objective": STAGE_3.cited["mixed.continuation.objective"],
        "mixed.continuation.batch_size": 'as of whole stories: Table 10, "batch size": Gen.: 8',
        "mixed.continuation.datasets": STAGE_3.cited["mixed.continuation.datasets"],
        "datasets": 'Table 10, "Dataset"',
        "weights.reason.event_count": TEXT_CITED,
        "weights.reason.content": TEXT_CITED,
        "weights.reason.caption": TEXT_CITED,
        "optim.learning_rate": 'Table 10, "lr": LLM 2e-5; taken for the projectors too',
        "optim.group_rates.dit": 'Table 10, "lr": DiT 5e-5',
    },
)
"""Eq. 8."""

PAPER_APPENDIX = Recipe(
    name="paper-appendix",
    about="the three stages by Appendix A and Table 10",
    size="3b",
    language_model="Qwen2.5-VL-3B-Instruct (App. A)",
    stages=(APPENDIX_WARM, APPENDIX_WHOLE, APPENDIX_STAGE_2, APPENDIX_STAGE_3),
)
