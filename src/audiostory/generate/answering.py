"""What the model says about a recording: captions and answers, token by token.

The prompt is that of training (``data/understanding/sequences.py``). The likeliest token is taken
each time, among those that can stand on one line, so that the same model, sound and question give
the same answer; it ends with the message or with the line.

Shapes: ``L`` tokens, ``V`` windows of the recording, ``P`` positions of one, ``E`` width of a
feature, ``D`` the LLM's width, ``1`` one sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from audiostory.audio.waveform import Waveform, resample, to_mono
from audiostory.data.understanding.sequences import opening_ids, question_ids
from audiostory.errors import AudioError, ConfigError
from audiostory.generate.transcript import Vocabulary
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.tokens import SpecialTokens

MAX_TOKENS = 96
"""Longest answer: a caption of several sentences."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model said."""

    text: str
    is_cut: bool
    """Whether the limit ended it, not the model."""


class Answerer:
    """A model that is asked about recordings.

    Args:
        model: with ears.
        tokenizer: its vocabulary.
        max_tokens: longest answer.

    Raises:
        ShapeError: if the model has no ears.
        ConfigError: if no answer could be given.
    """

    def __init__(
        self, model: AudioStoryModel, tokenizer: StoryTokenizer, *, max_tokens: int = MAX_TOKENS
    ) -> None:
        if max_tokens < 1:
            raise ConfigError(f"max_tokens is {max_tokens}: allow at least one")
        self.model, self.ears, self.max_tokens = model, model.ears, max_tokens
        self.vocabulary = Vocabulary(tokenizer, model.config.llm.vocab_size, model.device)

    @torch.inference_mode()
    def answer(self, audio: Waveform, question: str) -> Answer:
        """The answer to a question or a request about a recording.

        Raises:
            AudioError: if the recording is empty.
            ShapeError: if sound, question and answer are longer than the model reads.
        """
        vocabulary = self.vocabulary
        ids: list[int] = []
        for logits_V in self._said(audio, question, ids):
            allowed_V = (
                vocabulary.is_word_V | vocabulary.is_ender_V if ids else vocabulary.is_first_word_V
            )
            chosen = int(logits_V.masked_fill(~allowed_V, -torch.inf).argmax())
            if vocabulary.is_ender_V[chosen]:
                return Answer(text=self._text(ids), is_cut=False)
            ids.append(chosen)
        return Answer(text=self._text(ids), is_cut=True)

    def _text(self, ids: list[int]) -> str:
        return self.vocabulary.tokenizer.decode(ids).strip()

    def _said(self, audio: Waveform, question: str, ids: list[int]) -> Iterator[Tensor]:
        """Scores ``(V,)`` of each next token, as ``ids`` grows."""
        llm, cache = self.model.llm, self.model.llm.new_cache()
        embeds_1LD = self._prompt(self._features(audio), question)
        for _ in range(self.max_tokens):
            hidden_1LD = llm.hidden_states(inputs_embeds=embeds_1LD, cache=cache)
            yield llm.logits(hidden_1LD[0, -1]).float()
            embeds_1LD = llm.embed(torch.tensor([ids[-1:]], device=self.model.device))

    def _features(self, audio: Waveform) -> Tensor:
        """Frozen features ``(V, P, E)`` of a recording."""
        if not audio.num_samples:
            raise AudioError("the recording is empty: there is nothing to ask about")
        samples = resample(to_mono(audio), self.ears.sample_rate_hz).samples
        return self.model.hear(torch.from_numpy(samples.copy()).to(self.model.device))

    def _prompt(self, heard_VPE: Tensor, question: str) -> Tensor:
        """Input embeddings ``(1, L, D)`` of sound and question."""
        tokenizer = self.vocabulary.tokenizer
        num_heard = len(heard_VPE) * self.ears.num_tokens
        ids = opening_ids(tokenizer, num_heard) + question_ids(tokenizer, question)
        ids_1L = torch.tensor([ids], device=self.model.device)
        is_heard_1L = ids_1L == tokenizer.token_id(SpecialTokens.video_padding)
        return self.model.embed_heard(ids_1L, heard_VPE, is_heard_1L)


def answer(
    model: AudioStoryModel, tokenizer: StoryTokenizer, audio: Waveform, question: str
) -> Answer:
    """One answer; ``Answerer`` is for many.

    Raises:
        ShapeError: if the model has no ears.
        AudioError: if the recording is empty.
    """
    return Answerer(model, tokenizer).answer(audio, question)
