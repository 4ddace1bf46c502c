"""A checkpoint of ours as a listener: asked in the words it was trained with.

Another prompt than chat models get would be strange to it, and theirs to it: Table 2 prints none.
"""

from __future__ import annotations

import torch

from audiostory.audio.waveform import Waveform
from audiostory.data.understanding.questions import CAPTION_REQUESTS
from audiostory.generate.answering import Answerer
from audiostory.models.catalogue import resolve_model
from audiostory.models.pretrained import fingerprint_of, load_pretrained

CAPTION = CAPTION_REQUESTS[0]


class CheckpointListener:
    """A model with ears that answers on its own machine.

    Args:
        name_or_dir: as ``load_pretrained`` takes it.
        device: where it computes.

    Raises:
        CheckpointError: if there is no such model.
        ShapeError: if it has no ears.
        ConfigError: if there is no such device.
    """

    def __init__(self, name_or_dir: str, *, device: torch.device | str = "cpu") -> None:
        loaded = load_pretrained(name_or_dir, device=device)
        self.answerer = Answerer(loaded.model, loaded.tokenizer)
        self.fingerprint = fingerprint_of(resolve_model(name_or_dir))
        self.num_cut = 0
        """Answers that the limit of tokens ended, not the model."""

    @property
    def name(self) -> str:
        """Size, weights, how a caption is asked for, and how long an answer can be."""
        size = self.answerer.model.config.name
        limit = self.answerer.max_tokens
        return f"{size} {self.fingerprint[:12]}, {CAPTION!r}, at most {limit} tokens"

    def caption(self, waveform: Waveform) -> str:
        """A caption; see ``Listener``.

        Raises:
            AudioError: if the recording is empty.
        """
        return self.answer(waveform, CAPTION)

    def answer(self, waveform: Waveform, question: str) -> str:
        """The answer to a question; raises as ``caption`` does."""
        answer = self.answerer.answer(waveform, question)
        self.num_cut += answer.is_cut
        return answer.text
