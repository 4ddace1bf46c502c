"""The text encoders that runs learn from: which ones, and whether a model belongs to one.

Shapes: ``B`` texts, ``L`` tokens, ``F`` feature width, ``V`` vocabulary, ``S`` semantic tokens,
``D`` bridge width.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from audiostory.data.targets import TEACHER_BATCH
from audiostory.errors import TrainingError
from audiostory.models.bridge import Bridge, TargetKind
from audiostory.models.targets import SemanticTarget, span_means
from audiostory.models.text_encoder import ALL_MINILM_L6_V2_SHA256, TextEncoder
from audiostory.models.tokenizer import StoryTokenizer

TEACHERS_SHA256: dict[TargetKind, str | None] = {
    "pooled_spans": ALL_MINILM_L6_V2_SHA256,
    "padded_tokens": None,
}
"""What the weights of the text encoder behind each kind of target hash to; None takes any whose
empty text is the model's null condition."""
NULL_TOLERANCE = 0.02
"""Share by which a teacher's features of the empty text may differ from the null condition."""


def text_encoder_of(folder: Path, kind: TargetKind) -> TextEncoder:
    """The frozen text encoder behind a kind of target.

    Raises:
        CheckpointError: if the folder holds none, or another one.
    """
    return TextEncoder.from_folder(folder, sha256=TEACHERS_SHA256[kind])


def check_teacher(target: SemanticTarget, bridge: Bridge, folder: Path) -> None:
    """Refuse a text encoder, from ``folder``, that the model's bridge does not belong to.

    Raises:
        TrainingError: saying what differs.
    """
    config = bridge.config
    if target.width != config.width:
        raise TrainingError(
            f"the teacher in {folder} is {target.width} wide, the bridge {config.width}: give "
            "the text encoder that this size is meant for (docs/training.md)"
        )
    if config.learned_null:
        return
    own_1SD = bridge.null_condition.float().cpu()
    told_1SD = target.encoder.null_features(config.num_semantic)
    if float((told_1SD - own_1SD).norm()) > NULL_TOLERANCE * float(told_1SD.norm()):
        raise TrainingError(
            f"the null condition is not what the teacher in {folder} makes of the empty text: "
            "give the teacher that the foundation was made with"
        )


def token_meanings(encoder: TextEncoder, tokenizer: StoryTokenizer, num_tokens: int) -> Tensor:
    """What a text encoder makes of each token of a vocabulary by itself, ``(V, F)``.

    Tokens that the tokenizer does not know are zero.
    """
    known = range(min(num_tokens, tokenizer.vocab_size))
    words = [tokenizer.decode([index]).strip() for index in known]
    features_VF = torch.zeros(num_tokens, encoder.width)
    for start in range(0, len(words), TEACHER_BATCH):
        batch = words[start : start + TEACHER_BATCH]
        features_BLF, mask_BL = encoder.features(batch)
        features_VF[start : start + len(batch)] = span_means(features_BLF, mask_BL, 1)[:, 0]
    return features_VF
