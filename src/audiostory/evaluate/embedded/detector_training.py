"""Learning the detector from mixed scenes.

The ``train`` split alone teaches; how well it does is the work of ``quality_check``.

Shapes: ``B`` scenes, ``F`` frames of answers, ``G`` groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import load_rows
from audiostory.evaluate.embedded.detector import DetectorConfig, SoundDetector
from audiostory.evaluate.embedded.learning import Progress, learn
from audiostory.evaluate.embedded.mixtures import MixtureConfig, MixtureSampler, clip_powers
from audiostory.models.seeding import seeded

TOO_VAGUE = frozenset(("misc", "object", "household", "office", "music"))
"""Groups that are heard but not named: nobody could tell them by ear."""
MIN_RECORDINGS = 4
"""Fewer recordings of a kind teach nothing about the kind."""


@dataclass(frozen=True, kw_only=True)
class DetectorTraining:
    """How the detector is learnt."""

    steps: int = 6_000
    learning_rate: float = 2e-3
    """Peak of a one-cycle schedule."""
    weight_decay: float = 0.02
    """Of AdamW."""
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    clip_weight: float = 0.5
    """Weight of the loss on whole scenes beside that on frames."""
    save_every: int = 250
    """Steps between checkpoints."""
    seed: int = 31


def groups_in(rows: Sequence[SoundRow]) -> tuple[str, ...]:
    """The groups a detector can learn from clips."""
    recordings = {(row.group, row.recording) for row in rows}
    counts = Counter(group for group, _ in recordings)
    return tuple(
        sorted(
            group
            for group, count in counts.items()
            if count >= MIN_RECORDINGS and group not in TOO_VAGUE
        )
    )


def detection_loss(logits_BFG: Tensor, heard_BFG: Tensor, clip_weight: float) -> Tensor:
    """Binary cross-entropy of frames, and of scenes pooled by linear softmax."""
    frames = nn.functional.binary_cross_entropy_with_logits(logits_BFG, heard_BFG)
    share_BFG = logits_BFG.sigmoid()
    pooled_BG = share_BFG.square().sum(1) / share_BFG.sum(1).clamp(min=1e-6)
    scenes = nn.functional.binary_cross_entropy(
        pooled_BG.clamp(1e-6, 1 - 1e-6), heard_BFG.amax(dim=1)
    )
    return frames + clip_weight * scenes


def train_detector(
    corpus: Path, folder: Path, training: DetectorTraining, progress: Progress | None = None
) -> SoundDetector:
    """The learnt detector; goes on from ``folder/detector.pt`` if it is there.

    Args:
        corpus: folder with ``metadata.jsonl`` and the clips.
        folder: of the run: cached spectra and the checkpoint.
        training: the schedule; it must be that of the checkpoint.
        progress: called with what is being done and its share done.

    Raises:
        CorpusError: if the corpus cannot be read.
        TrainingError: if the checkpoint is of another schedule.
    """
    rows = load_rows(corpus, split="train")
    config = DetectorConfig(groups=groups_in(rows))
    with seeded(torch.Generator().manual_seed(training.seed)):
        detector = SoundDetector(config)
    bias = detector.classify.bias
    assert bias is not None
    nn.init.constant_(bias, -4.0)
    sampler = sampler_of(corpus, rows, config, folder, seed=training.seed)

    def loss_at(step: int) -> Tensor:
        mel_BTM, heard_BFG = sampler.batch_at(step)
        logits_BFG, _ = detector(mel_BTM)
        return detection_loss(logits_BFG, heard_BFG, training.clip_weight)

    learn(detector, loss_at, training, folder / "detector.pt", progress)
    return detector


def sampler_of(
    corpus: Path, rows: Sequence[SoundRow], config: DetectorConfig, folder: Path, *, seed: int
) -> MixtureSampler:
    """Scenes of the clips ``rows``."""
    return MixtureSampler(
        clip_powers(corpus, rows, config.mel, folder / "cache"),
        rows,
        config.groups,
        config.mel,
        MixtureConfig(window_frames=config.window_frames),
        seed=seed,
    )
