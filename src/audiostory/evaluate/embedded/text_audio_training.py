"""Learning the text-audio network: what is heard together with its caption, apart from others.

A contrastive loss whose targets are soft: two clips with the same caption, or captions that mean
nearly the same, are not each other's opposite. How much the same they mean is what the frozen
word vectors say.

Shapes: ``B`` scenes and texts, ``D`` width of the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import load_rows
from audiostory.evaluate.embedded.learning import Progress, learn
from audiostory.evaluate.embedded.mixtures import (
    MixtureConfig,
    MixtureSampler,
    Scene,
    clip_powers,
)
from audiostory.evaluate.embedded.text_audio import TextAudioConfig, TextAudioNetwork
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.models.seeding import seeded

SAMENESS = 0.08
"""How far below 1 the cosine of two captions may lie for them to count as nearly the same."""
LONE_SHARE = 0.7
"""How often a scene has one sound in the foreground."""


@dataclass(frozen=True, kw_only=True)
class TextAudioTraining:
    """How the network is learnt."""

    steps: int = 5_000
    batch: int = 48
    learning_rate: float = 2e-3
    """Peak of a one-cycle schedule."""
    weight_decay: float = 0.05
    """Of AdamW."""
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    save_every: int = 250
    """Steps between checkpoints."""
    seed: int = 37


def text_of(scene: Scene, rows: Sequence[SoundRow], random: np.random.Generator) -> str:
    """What is heard in a scene, in words: captions, now and then only the kind of sound."""
    said = []
    for index in scene.clips:
        row = rows[index]
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
    corpus: Path,
    words: WordVectors,
    folder: Path,
    training: TextAudioTraining,
    progress: Progress | None = None,
) -> TextAudioNetwork:
    """The learnt network; goes on from ``folder/text_audio.pt`` if it is there.

    Args:
        corpus: folder with ``metadata.jsonl`` and the clips.
        words: the text encoder, learnt already.
        folder: of the run: cached spectra and the checkpoint.
        training: the schedule; it must be that of the checkpoint.
        progress: called with what is being done and its share done.

    Raises:
        CorpusError: if the corpus cannot be read.
        TrainingError: if the checkpoint is of another schedule.
    """
    rows = load_rows(corpus, split="train")
    config = TextAudioConfig(word_width=words.width)
    with seeded(torch.Generator().manual_seed(training.seed)):
        network = TextAudioNetwork(config, words)
    mixtures = MixtureConfig(batch=training.batch, window_frames=config.window_frames)
    powers = clip_powers(corpus, rows, config.mel, folder / "cache")
    sampler = MixtureSampler(powers, rows, (), config.mel, mixtures, seed=training.seed)

    def loss_at(step: int) -> Tensor:
        mel_BTM, texts = scenes_at(sampler, step)
        return contrastive_loss(
            network.hear(mel_BTM),
            network.read(texts),
            sameness(texts, words),
            network.log_scale.exp().clamp(max=50.0),
        )

    learn(network, loss_at, training, folder / "text_audio.pt", progress)
    return network


def scenes_at(sampler: MixtureSampler, step: int) -> tuple[Tensor, list[str]]:
    """Levels (B, T, M) and texts of one step's scenes; most have one sound in the foreground."""
    random = np.random.default_rng((sampler.seed, step))
    scenes = []
    for _ in range(sampler.config.batch):
        most = 1 if random.random() < LONE_SHARE else sampler.config.most_sounds
        scenes.append(sampler.scene(random, most_sounds=most))
    texts = [text_of(scene, sampler.rows, random) for scene in scenes]
    return torch.from_numpy(np.stack([scene.levels_TM for scene in scenes])), texts
