"""Learning the text-audio network: what is heard together with its caption, apart from others.

A contrastive loss whose targets are soft: two clips with the same caption, or captions that mean
nearly the same, are not each other's opposite. How much the same they mean is what the frozen
word vectors say.

Shapes: ``B`` stretches and texts, ``D`` width of the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from audiostory.data.cache import key_of, key_of_tensors
from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import step_generator
from audiostory.evaluate.embedded.examples import Mixture
from audiostory.evaluate.embedded.learning import Progress, learn
from audiostory.evaluate.embedded.text_audio import TextAudioConfig, TextAudioNetwork
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.models.seeding import seeded

SAMENESS = 0.08
"""How far below 1 the cosine of two captions may lie for them to count as nearly the same."""
MOST_SCALE = 50.0
"""Cosines are multiplied by this at most."""


@dataclass(frozen=True, kw_only=True)
class TextAudioTraining:
    """How the network is learnt."""

    steps: int = 3_000
    batch: int = 128
    learning_rate: float = 1e-3
    """Peak of a one-cycle schedule."""
    weight_decay: float = 0.05
    """Of AdamW."""
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    clip_share: float = 0.7
    """Share of clips as they are among the examples."""
    save_every: int = 500
    """Steps between checkpoints."""
    seed: int = 37


def text_of(rows: Sequence[SoundRow], random: np.random.Generator) -> str:
    """What is heard where clips sound, in words: captions, now and then only the kind of sound."""
    said = []
    for row in rows:
        chance = random.random()
        text = row.group.replace("_", " ") if chance < 0.15 else row.caption.rstrip(" .")
        said.append(text.lower() if chance > 0.6 else text)
    joint = str(random.choice([" and ", ", ", " while ", " with ", " followed by "]))
    return joint.join(said)


def contrastive_loss(sound_BD: Tensor, text_BD: Tensor, same_BB: Tensor, scale: Tensor) -> Tensor:
    """Symmetric cross-entropy of each sound's texts and each text's sounds.

    Args:
        sound_BD: unit vectors.
        text_BD: unit vectors.
        same_BB: how much texts mean the same, not yet adding up to 1.
        scale: of cosines.
    """
    logits_BB = scale * sound_BD @ text_BD.T
    wanted_BB = same_BB / same_BB.sum(dim=1, keepdim=True)
    forth = nn.functional.cross_entropy(logits_BB, wanted_BB)
    back = nn.functional.cross_entropy(logits_BB.T, wanted_BB)
    return (forth + back) / 2


def sameness(texts: Sequence[str], words: WordVectors) -> Tensor:
    """How much the same texts (B, B) mean: 1 for equal ones, nearly 0 for most."""
    vectors = nn.functional.normalize(words(texts), dim=1)
    return torch.exp((vectors @ vectors.T - 1.0) / SAMENESS)


def train_text_audio(
    rows: Sequence[SoundRow],
    mixture: Mixture,
    words: WordVectors,
    folder: Path,
    training: TextAudioTraining,
    progress: Progress | None = None,
) -> TextAudioNetwork:
    """The learnt network; goes on from ``folder/text_audio.pt`` if it is there.

    Args:
        rows: the clips that the examples name.
        mixture: what it learns from.
        words: the text encoder, learnt already.
        folder: of the run.
        training: the schedule; it must be that of the checkpoint.
        progress: called with what is being done and its share done.

    Raises:
        TrainingError: if the checkpoint is of another schedule, or learnt from something else.
    """
    config = TextAudioConfig(
        feature_width=mixture.scenes.features_XKD.shape[2], word_width=words.width
    )
    with seeded(torch.Generator().manual_seed(training.seed)):
        network = TextAudioNetwork(config, words)
    network.scale.fit(mixture.scenes.features_XKD[:2_000].flatten(0, 1))

    def loss_at(step: int) -> Tensor:
        generator = step_generator(training.seed, step)
        examples = mixture.at(training.batch, generator)
        random = np.random.default_rng((training.seed, step))
        texts = [
            text_of([rows[row] for row in examples.rows(index)], random)
            for index in range(len(examples))
        ]
        with seeded(generator):
            return contrastive_loss(
                network.hear(examples.features_XKD, examples.is_sounding_XK),
                network.read(texts),
                sameness(texts, words),
                network.log_scale.exp().clamp(max=MOST_SCALE),
            )

    material = key_of(mixture.digest, key_of_tensors({"words": words.vectors}))
    learn(network, loss_at, training, folder / "text_audio.pt", progress, material=material)
    return network
