"""Learning the text-audio network: what is heard together with its caption, apart from others.

A contrastive loss whose targets are soft: two clips with the same caption, or captions that mean
nearly the same, are not each other's opposite. How much the same they mean is what the frozen
word vectors say.

Shapes: ``B`` scenes and texts, ``D`` width of the space.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import load_rows
from audiostory.evaluate.embedded.detector_training import follow
from audiostory.evaluate.embedded.mixtures import (
    MixtureConfig,
    MixtureSampler,
    Scene,
    clip_powers,
)
from audiostory.evaluate.embedded.text_audio import TextAudioConfig, TextAudioNetwork
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.models.seeding import seeded

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""
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
    """
    rows = load_rows(corpus, split="train")
    config = TextAudioConfig(word_width=words.width)
    with seeded(torch.Generator().manual_seed(training.seed)):
        network = TextAudioNetwork(config, words)
    mixtures = MixtureConfig(batch=training.batch, window_frames=config.window_frames)
    powers = clip_powers(corpus, rows, config.mel, folder / "cache")
    sampler = MixtureSampler(powers, rows, (), config.mel, mixtures, seed=training.seed)
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        learnt, lr=training.learning_rate, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=training.steps, pct_start=0.1
    )
    average = {name: value.clone() for name, value in network.state_dict().items()}
    checkpoint, first, began = folder / "text_audio.pt", 0, time.monotonic()
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
        average, first = kept["average"], kept["step"]
    running = math.nan
    for step in range(first, training.steps):
        network.train()
        mel_BTM, texts = scenes_at(sampler, step)
        loss = contrastive_loss(
            network.hear(mel_BTM),
            network.read(texts),
            sameness(texts, words),
            network.log_scale.exp().clamp(max=50.0),
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
        schedule.step()
        follow(average, network, min(training.average, (step + 1) / (step + 11)))
        running = loss.item() if math.isnan(running) else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % training.save_every == 0 or step + 1 == training.steps:
            state = {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "average": average,
                "step": step + 1,
            }
            torch.save(state, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
        if progress:
            pace = (time.monotonic() - began) / (step + 1 - first)
            said = f"text-audio: loss {running:.4f}, {pace:.2f} s a step"
            progress(said, (step + 1) / training.steps)
    network.load_state_dict(average)
    return network.eval()


def scenes_at(sampler: MixtureSampler, step: int) -> tuple[Tensor, list[str]]:
    """Levels (B, T, M) and texts of one step's scenes; most have one sound in the foreground."""
    random = np.random.default_rng((sampler.seed, step))
    scenes = []
    for _ in range(sampler.config.batch):
        most = 1 if random.random() < LONE_SHARE else sampler.config.most_sounds
        scenes.append(sampler.scene(random, most_sounds=most))
    texts = [text_of(scene, sampler.rows, random) for scene in scenes]
    return torch.from_numpy(np.stack([scene.levels_TM for scene in scenes])), texts
