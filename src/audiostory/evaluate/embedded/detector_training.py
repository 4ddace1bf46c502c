"""Learning the detector from scenes and from clips as they are.

Shapes: ``B`` examples, ``K`` moments, ``G`` groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import step_generator
from audiostory.evaluate.embedded.detector import DetectorConfig, SoundDetector, pooled
from audiostory.evaluate.embedded.examples import Examples, Mixture
from audiostory.evaluate.embedded.learning import Progress, learn
from audiostory.models.seeding import seeded

TOO_VAGUE = frozenset(("misc", "object", "household", "office", "music"))
"""Groups that are heard but not named: nobody could tell them by ear."""
MIN_RECORDINGS = 4
"""Fewer recordings of a kind teach nothing about the kind."""


@dataclass(frozen=True, kw_only=True)
class DetectorTraining:
    """How the detector is learnt."""

    steps: int = 4_000
    batch: int = 64
    learning_rate: float = 2e-3
    """Peak of a one-cycle schedule."""
    weight_decay: float = 0.05
    """Of AdamW."""
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    clip_share: float = 0.5
    """Share of clips as they are among the examples."""
    stretch_weight: float = 0.5
    """Weight of the loss on whole stretches beside that on moments."""
    lone_weight: float = 0.02
    """Weight of the loss on which kind it is, where one alone is heard."""
    save_every: int = 500
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


def detection_loss(logits_BKG: Tensor, examples: Examples, training: DetectorTraining) -> Tensor:
    """Binary cross-entropy of moments and of stretches pooled by linear softmax, and one of kinds.

    The last is a cross-entropy over the kinds, for moments in which exactly one is heard: to name
    a sound is to prefer its kind to all others.
    """
    heard_BKG, exists_BK = examples.heard_XKG.float(), examples.exists_XK
    moments_BKG = nn.functional.binary_cross_entropy_with_logits(
        logits_BKG, heard_BKG, reduction="none"
    )
    share_BKG = logits_BKG.sigmoid() * exists_BK[..., None]
    stretches = nn.functional.binary_cross_entropy(
        pooled(share_BKG).clamp(1e-6, 1 - 1e-6), heard_BKG.amax(dim=1)
    )
    loss = moments_BKG[exists_BK].mean() + training.stretch_weight * stretches
    is_lone_BK = heard_BKG.sum(dim=2) == 1
    if is_lone_BK.any():
        kinds = nn.functional.cross_entropy(
            logits_BKG[is_lone_BK], heard_BKG[is_lone_BK].argmax(dim=1), label_smoothing=0.1
        )
        loss = loss + training.lone_weight * kinds
    return loss


def train_detector(
    groups: tuple[str, ...],
    mixture: Mixture,
    folder: Path,
    training: DetectorTraining,
    progress: Progress | None = None,
) -> SoundDetector:
    """The learnt detector; goes on from ``folder/detector.pt`` if it is there.

    Args:
        groups: kinds of sound, in the order of the examples' last axis.
        mixture: what it learns from.
        folder: of the run.
        training: the schedule; it must be that of the checkpoint.
        progress: called with what is being done and its share done.

    Raises:
        TrainingError: if the checkpoint is of another schedule, or learnt from something else.
    """
    config = DetectorConfig(groups=groups, feature_width=mixture.scenes.features_XKD.shape[2])
    with seeded(torch.Generator().manual_seed(training.seed)):
        detector = SoundDetector(config)
    detector.scale.fit(mixture.scenes.features_XKD[:2_000].flatten(0, 1))

    def loss_at(step: int) -> Tensor:
        generator = step_generator(training.seed, step)
        examples = mixture.at(training.batch, generator)
        with seeded(generator):
            return detection_loss(detector(examples.features_XKD)[0], examples, training)

    learn(detector, loss_at, training, folder / "detector.pt", progress, material=mixture.digest)
    return detector
