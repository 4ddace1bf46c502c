"""AST: a transformer over spectrogram patches that names AudioSet's 527 classes.

Source: Gong et al., arXiv:2104.01778, through ``transformers``. Run here with small random weights
in this layout; the published weights could not be fetched where this was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.encoders.hub_folder import ModelFolder, read_model, read_part
from audiostory.evaluate.encoders.windows import Heard, NetworkEncoder

FRAME_HOP_S = 0.01


@dataclass(frozen=True, kw_only=True)
class AstConfig:
    """Where an AST comes from, and how tracks are cut for it."""

    name: str = "ast"
    repo: str = "MIT/ast-finetuned-audioset-10-10-0.4593"
    """Repository of the hub it is fetched from where no folder is given."""
    hop_s: float = 10.24
    """Time from window to window; side by side."""
    shortest_s: float = 0.1
    """A track shorter than a window is heard as it is, its spectrogram filled up as AST does."""


class Ast(nn.Module):
    """The pooled output of the transformer, and the sigmoids of the classifier on it."""

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__()
        self.model = model
        self._extractor = extractor

    def forward(self, samples_KN: Tensor) -> Heard:
        """Embeddings (K, D) and probabilities (K, G), each class by itself."""
        bands_KTM = self._extractor(
            [np.asarray(window) for window in samples_KN.cpu()],
            sampling_rate=self._extractor.sampling_rate,
            return_tensors="pt",
        )["input_values"].to(samples_KN)
        pooled_KD = self.model.audio_spectrogram_transformer(bands_KTM).pooler_output
        return pooled_KD, self.model.classifier(pooled_KD).sigmoid()


def load_ast(
    config: AstConfig, folder: ModelFolder, *, device: torch.device | str = "cpu"
) -> NetworkEncoder:
    """An AST of the hub, or any other of its kind in a folder; its classes are the checkpoint's.

    Raises:
        CheckpointError: if the folder is incomplete or holds another kind of model.
    """
    from transformers import ASTFeatureExtractor, ASTForAudioClassification

    model = read_model(ASTForAudioClassification, folder, "audio-spectrogram-transformer")
    extractor = read_part(ASTFeatureExtractor, folder)
    classes = model.config.id2label
    card = EncoderCard(
        name=config.name,
        checkpoint=folder.name,
        digest=folder.weights.digest,
        sample_rate_hz=extractor.sampling_rate,
        window_s=extractor.max_length * FRAME_HOP_S,
        hop_s=config.hop_s,
        dimension=model.config.hidden_size,
        labels=tuple(classes[index] for index in range(len(classes))),
    )
    return NetworkEncoder(
        Ast(model, extractor), card, device=device, at_once=4, shortest_s=config.shortest_s
    )
