"""Ears that need no weights, and pairs that they ranked of the tiny model's sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiostory.audio.waveform import Waveform
from audiostory.curate.preferences import Asked, Candidates, CandidatesConfig, make_preferences
from audiostory.errors import MeasureError
from audiostory.models.model_folder import Pretrained
from tests.tiny import tiny_model, tiny_tokenizer

CAPTIONS = (
    Asked(caption="A dog barks", duration_s=1.0),
    Asked(caption="Rain falls", duration_s=1.5),
    Asked(caption="A door slams shut", duration_s=1.0),
)


class LoudEars:
    """Prefer what has more power, whatever the caption says, unless it is of one letter."""

    described = "embedded: loud ears 1 0123456789ab"
    preferred_by = ("loud ears 1 0123456789ab",)

    def __init__(self) -> None:
        self.num_heard = 0

    def read(self, caption: str) -> str:
        if len(caption) == 1:
            raise MeasureError(f"no word in {caption}")
        return caption

    def fit(self, waveform: Waveform, text: str) -> float:
        self.num_heard += 1
        return float(np.square(waveform.samples).mean())


def pretrained(seed: int = 0) -> Pretrained:
    return Pretrained(tiny_model(seed), tiny_tokenizer())


def ranked(
    folder: Path,
    model: Pretrained | None = None,
    asked: tuple[Asked, ...] = CAPTIONS,
    ears: LoudEars | None = None,
    **config: int,
) -> Path:
    """A folder of pairs."""
    settings = CandidatesConfig(**{"num_candidates": 3, **config})
    candidates = Candidates(model or pretrained(), ears or LoudEars(), settings)
    make_preferences(folder, asked, candidates, "tiny")
    return folder
