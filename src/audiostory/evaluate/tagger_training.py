"""Learning a tagger from the real clips of a corpus.

Clips are drawn evenly by group, then by recording; the ``train`` split teaches, ``val`` chooses
the moment to stop, ``test`` is only reported. Sounds of groups that are none of the tagger's are
learnt as ``OTHER``, except close neighbours of its groups, on which it is not asked to be right.

Every clip is heard differently each time (length, place, pace, pitch, colour, room, noise), so
that what a recording brings along beside its sound is no clue.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiostory.audio.waveform import load
from audiostory.data.manifest import SoundRow, read_sounds
from audiostory.errors import CorpusError
from audiostory.evaluate.tagger import (
    OTHER,
    TAGGERS,
    Tagger,
    TaggerConfig,
    log_mel,
    save_tagger,
)

# fmt: off
NEIGHBOURS = (
    "alarm", "ambience", "animals_farm", "animals_other", "animals_wild", "brass", "bubbles",
    "coaster", "crowd", "door_knock", "doorbell", "fireworks", "human", "leaves", "liquid",
    "metal", "misc", "music", "music_box", "office", "phone", "plucked", "radio", "weapon",
    "whistle", "whoosh",
)
# fmt: on
"""Groups too close to a tagger's own to be called ``OTHER`` without doubt."""
SEEDS = {"tuning": 11, "reporting": 23}
"""Seeds of the two taggers."""


@dataclass(frozen=True, kw_only=True)
class TaggerTraining:
    """How a tagger is learnt; about five minutes on one CPU core."""

    steps: int = 2_000
    """Batches."""
    batch: int = 32
    """Windows a batch."""
    learning_rate: float = 2e-3
    """Peak of a one-cycle schedule."""
    weight_decay: float = 0.05
    """Of AdamW."""
    label_smoothing: float = 0.1
    """Share of certainty spread over all classes."""
    mixup: float = 0.3
    """Parameter of the beta distribution two windows are blended by; 0 blends none."""
    other_weight: float = 5.0
    """How often ``OTHER`` is drawn, each group once: how sure of a group one has to be."""
    average: float = 0.995
    """Decay of the running average of the weights, which is what is kept."""
    validate_every: int = 200
    """Steps between looks at the ``val`` split."""


@dataclass(frozen=True)
class TaggedClip:
    """A clip of the corpus as a tagger hears it."""

    mel: Tensor
    """(T, M): what ``log_mel`` returned."""
    label: str
    """Its group, or ``OTHER``."""
    recording: str
    """Key of the recording it was cut from."""


Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


def read_clips(
    corpus: Path, config: TaggerConfig, split: str, progress: Progress | None = None
) -> list[TaggedClip]:
    """The clips of one split that a tagger learns from, or is measured on.

    Raises:
        CorpusError: if the manifest is missing or malformed, or no clip is left.
    """
    rows = [row for row in read_sounds(corpus / "metadata.jsonl") if row.split == split]
    rows = [row for row in rows if row.group in config.groups or row.group not in NEIGHBOURS]
    clips = []
    for index, row in enumerate(rows):
        clips.append(_clip(corpus, row, config))
        if progress:
            progress(f"hearing {split}", (index + 1) / len(rows))
    if not any(clip.label != OTHER for clip in clips):
        raise CorpusError(f"{corpus}: no {split} clip is of the groups {', '.join(config.groups)}")
    return clips


def _clip(corpus: Path, row: SoundRow, config: TaggerConfig) -> TaggedClip:
    label = row.group if row.group in config.groups else OTHER
    return TaggedClip(log_mel(load(corpus / row.file), config), label, row.recording)


class Sampler:
    """Draws clips evenly by class, then by recording, and lets each be heard differently."""

    def __init__(
        self, clips: Sequence[TaggedClip], tagger: Tagger, training: TaggerTraining, seed: int
    ) -> None:
        self.config = tagger.config
        self.classes = tagger.classes
        self.training = training
        self.random = np.random.default_rng(seed)
        by_class: dict[str, dict[str, list[TaggedClip]]] = defaultdict(lambda: defaultdict(list))
        for clip in clips:
            by_class[clip.label][clip.recording].append(clip)
        self.by_class = {
            label: [by_class[label][key] for key in sorted(by_class[label])]
            for label in self.classes
            if label in by_class
        }
        weights = [training.other_weight if one == OTHER else 1.0 for one in self.by_class]
        self.weights = np.array(weights) / sum(weights)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Windows (B, T, M) and targets (B, G+1) that add up to 1."""
        size = self.training.batch
        labels = self.random.choice(list(self.by_class), size=size, p=self.weights)
        mel_BTM = torch.from_numpy(np.stack([self._window(str(label)) for label in labels]))
        indices = torch.tensor([self.classes.index(str(label)) for label in labels])
        target_BG = nn.functional.one_hot(indices, len(self.classes)).float()
        smoothing = self.training.label_smoothing
        target_BG = target_BG * (1 - smoothing) + smoothing / len(self.classes)
        if self.training.mixup:
            share = float(self.random.beta(self.training.mixup, self.training.mixup))
            mel_BTM = share * mel_BTM + (1 - share) * mel_BTM.roll(1, 0)
            target_BG = share * target_BG + (1 - share) * target_BG.roll(1, 0)
        return mel_BTM, target_BG

    def _window(self, label: str) -> np.ndarray:
        recordings = self.by_class[label]
        takes = recordings[self.random.integers(len(recordings))]
        mel_TM = takes[self.random.integers(len(takes))].mel.numpy()
        window_TM = place(pace(mel_TM, self.random), self.config.window_frames, self.random)
        return colour(window_TM, self.config, self.random)


def pace(mel_TM: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The clip somewhat faster or slower, and up to two bands higher or lower."""
    frames = max(round(len(mel_TM) * random.uniform(0.85, 1.2)), 1)
    moments = np.linspace(0, len(mel_TM) - 1, frames).round().astype(int)
    shift = int(random.integers(-2, 3))
    shifted_TM = np.roll(mel_TM[moments], shift, axis=1)
    if shift > 0:
        shifted_TM[:, :shift] = 0.0
    elif shift < 0:
        shifted_TM[:, shift:] = 0.0
    return shifted_TM


def place(mel_TM: np.ndarray, frames: int, random: np.random.Generator) -> np.ndarray:
    """A stretch of a long clip; a short one somewhere in silence, or several times over."""
    length = len(mel_TM)
    if length >= frames:
        start = int(random.integers(length - frames + 1))
        return mel_TM[start : start + frames].copy()
    window_TM = np.zeros((frames, mel_TM.shape[1]), dtype=np.float32)
    start = int(random.integers(frames - length + 1)) if random.random() < 0.5 else 0
    step = math.inf if random.random() < 0.5 else length * random.uniform(1.0, 2.5)
    while start < frames:
        piece = mel_TM[: frames - int(start)]
        window_TM[int(start) : int(start) + len(piece)] = piece
        start += step
    return window_TM


def colour(window_TM: np.ndarray, config: TaggerConfig, random: np.random.Generator) -> np.ndarray:
    """The window through another microphone, room and noise; some of it hidden."""
    span_db = config.ceiling_db - config.floor_db
    level_TM = window_TM * span_db
    bands = window_TM.shape[1]
    if random.random() < 0.7:
        tilt_M = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), random.normal(0, 3, 5))
        level_TM = level_TM + tilt_M * (window_TM > 0) + random.uniform(-3, 3) * (window_TM > 0)
    power_TM = np.power(10.0, level_TM / 10.0) - 1.0
    if random.random() < 0.3:
        rt60_frames = random.uniform(0.2, 1.5) * config.sample_rate_hz / config.hop
        power_TM = power_TM + random.uniform(0.05, 0.7) * _tail(power_TM, rt60_frames)
    if random.random() < 0.4:
        noise_M = random.uniform(0, span_db / 2) + np.cumsum(random.normal(0, 0.7, bands))
        noise_TM = random.exponential(size=window_TM.shape)
        power_TM = power_TM + np.power(10.0, noise_M / 10.0) * noise_TM
    level_TM = 10.0 * np.log10(np.maximum(power_TM, 0.0) + 1.0)
    heard_TM = np.clip(level_TM / span_db, 0.0, 1.0).astype(np.float32)
    _hide(heard_TM, random)
    return heard_TM


def _tail(power_TM: np.ndarray, rt60_frames: float) -> np.ndarray:
    moments = np.arange(len(power_TM))
    ages = moments[:, None] - moments
    decay_TT = np.where(ages >= 0, 10.0 ** (-6.0 * np.maximum(ages, 0) / rt60_frames), 0.0)
    return (1.0 - 10.0 ** (-6.0 / rt60_frames)) * (decay_TT @ power_TM)


def _hide(window_TM: np.ndarray, random: np.random.Generator) -> None:
    frames, bands = window_TM.shape
    start, band = random.integers(frames), random.integers(bands)
    window_TM[start : start + int(random.integers(frames // 6 + 1))] = 0.0
    window_TM[:, band : band + int(random.integers(bands // 8 + 1))] = 0.0


def initialise(tagger: Tagger, generator: torch.Generator) -> None:
    """Draw the weights from ``generator``; biases start at zero."""
    for module in tagger.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.normal_(tagger.classify.weight, std=0.01, generator=generator)


def learn(
    tagger: Tagger,
    clips: Sequence[TaggedClip],
    held: Sequence[TaggedClip],
    training: TaggerTraining,
    *,
    seed: int,
    progress: Progress | None = None,
) -> list[dict[str, float]]:
    """Teach ``tagger`` the ``clips``, leave it as it was best on ``held``; returns the course."""
    initialise(tagger, torch.Generator().manual_seed(seed))
    sampler = Sampler(clips, tagger, training, seed)
    optimizer = torch.optim.AdamW(
        tagger.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=training.steps, pct_start=0.15
    )
    average = {name: value.clone() for name, value in tagger.state_dict().items()}
    best, course = dict(average), [{"step": 0.0, "val_loss": math.inf}]
    for step in range(1, training.steps + 1):
        tagger.train()
        mel_BTM, target_BG = sampler.batch()
        logits_BG, _ = tagger(mel_BTM)
        loss = nn.functional.cross_entropy(logits_BG, target_BG)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        _follow(average, tagger, min(training.average, step / (step + 10)))
        if step % training.validate_every == 0 or step == training.steps:
            held_loss = _loss_with(tagger, average, held)
            if held_loss < min(one["val_loss"] for one in course):
                best = {name: value.clone() for name, value in average.items()}
            course.append({"step": step, "loss": loss.item(), "val_loss": held_loss})
        if progress:
            progress(f"learning {tagger.config.name}", step / training.steps)
    tagger.load_state_dict(best)
    tagger.eval()
    return course[1:]


def _follow(average: dict[str, Tensor], tagger: Tagger, decay: float) -> None:
    for name, value in tagger.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def _loss_with(tagger: Tagger, weights: Mapping[str, Tensor], held: Sequence[TaggedClip]) -> float:
    own = {name: value.clone() for name, value in tagger.state_dict().items()}
    tagger.load_state_dict(weights)
    by_class: dict[str, list[float]] = defaultdict(list)
    for clip in held:
        chance = tagger.tags_of_mel(clip.mel).probabilities[tagger.classes.index(clip.label)]
        by_class[clip.label].append(-math.log(max(float(chance), 1e-9)))
    tagger.load_state_dict(own)
    return sum(sum(one) / len(one) for one in by_class.values()) / len(by_class)


def train_tagger(
    corpus: Path,
    folder: Path,
    *,
    name: str = "reporting",
    training: TaggerTraining | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Learn the tagger ``name`` from a corpus, write it to ``folder``; returns how it went.

    Args:
        corpus: folder with ``metadata.jsonl`` and the clips it names.
        folder: where ``tagger.json`` and ``tagger.safetensors`` go.
        name: ``tuning`` or ``reporting``.
        training: schedule; None is the default.
        seed: of the weights and the draws; None is the tagger's own.
        progress: called with what is being done and its share done.

    Raises:
        CorpusError: if the corpus cannot be read.
    """
    started_s = time.monotonic()
    training = training or TaggerTraining()
    tagger = Tagger(TAGGERS[name])
    clips = read_clips(corpus, tagger.config, "train", progress)
    held = read_clips(corpus, tagger.config, "val", progress)
    course = learn(
        tagger, clips, held, training, seed=SEEDS[name] if seed is None else seed, progress=progress
    )
    report = {"course": course, "num_clips": len(clips), "seconds": time.monotonic() - started_s}
    save_tagger(tagger, folder, report=report)
    return report
