"""Scenes mixed from single clips, and what is heard in them when: what the detector learns from.

Clips are kept as powers of mel bands, and powers of unrelated sounds add up, so a scene costs a
few additions. Each scene is heard through another room, microphone and noise, so that what a
recording brings along beside its sound is no clue. Scenes are functions of a seed and a step.

Shapes: ``B`` scenes, ``T`` mel frames, ``F`` frames of answers, ``M`` bands, ``G`` groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiostory.audio.waveform import load
from audiostory.data.cache import Ragged, cached, key_of, pack
from audiostory.data.manifest import SoundRow
from audiostory.evaluate.embedded.detector import STRIDE
from audiostory.evaluate.embedded.spectrum import MelConfig, mel_power, scaled

Floats = NDArray[np.floating]

SOUNDING_DB = 30.0
"""A clip sounds where its power is at most this far under its loudest frame..."""
CLOSED_S = 0.3
"""...and pauses up to this long belong to the sound."""
MASKED_DB = 15.0
"""A sound this far under all the others together is not expected to be heard."""


def clip_powers(
    corpus: Path, rows: Sequence[SoundRow], config: MelConfig, cache_folder: Path
) -> Ragged:
    """Mel powers of clips in half precision, in decibels, made once.

    Raises:
        CorpusError: if a clip cannot be read.
    """

    def make() -> Ragged:
        return pack(
            (10.0 * torch.log10(mel_power(load(corpus / row.file), config).clamp(min=1e-12))).half()
            for row in rows
        )

    key = key_of([row.file for row in rows], [str(config)])
    return cached(cache_folder, "mel", key, make)


def sounding(power_TM: Floats, frames_per_s: float) -> NDArray[np.bool_]:
    """Frames (T,) in which a clip sounds, short pauses included."""
    level_T = power_TM.sum(axis=1)
    active_T = level_T > level_T.max(initial=0.0) * 10.0 ** (-SOUNDING_DB / 10.0)
    (moments,) = np.nonzero(active_T)
    longest = round(CLOSED_S * frames_per_s)
    for before, after in zip(moments[:-1], moments[1:], strict=True):
        if 1 < after - before <= longest:
            active_T[before:after] = True
    return active_T


@dataclass(frozen=True)
class Scene:
    """A few clips heard together."""

    levels_TM: Floats
    """What is heard, in [0, 1]."""
    heard_FG: Floats
    """1 where a kind of sound is heard."""
    clips: tuple[int, ...]
    """The clips in the foreground, as they come."""


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """How scenes are made."""

    batch: int = 32
    window_frames: int = 256
    most_sounds: int = 3
    """Sounds in the foreground: one to this many."""
    bed_share: float = 0.5
    """How often there is a sound in the background as well."""
    room_share: float = 0.4
    """How often it is heard in a room."""
    noise_share: float = 0.5
    """How often through noise."""
    other_reference_share: float = 0.5
    """How often the scene is a quiet part of something louder."""


class MixtureSampler:
    """Draws scenes of the clips of one split.

    Args:
        powers: decibels (T, M) of each clip, as ``clip_powers`` makes them.
        rows: the clips.
        groups: kinds of sound that are answered; sounds of others are heard unnamed.
        mel: bands and frames.
        config: how scenes are made.
        seed: of all draws.
    """

    def __init__(
        self,
        powers: Ragged,
        rows: Sequence[SoundRow],
        groups: Sequence[str],
        mel: MelConfig,
        config: MixtureConfig,
        *,
        seed: int,
    ) -> None:
        self.powers, self.rows, self.mel = powers, rows, mel
        self.config, self.seed = config, seed
        self.groups = tuple(groups)
        found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, row in enumerate(rows):
            found[row.group][row.recording].append(index)
        self.found = {group: list(takes.values()) for group, takes in sorted(found.items())}
        self.names = list(self.found)
        weights = np.array([min(len(takes), 12) ** 0.5 for takes in self.found.values()])
        self.weights = weights / weights.sum()
        lengths = [self.powers.length(index) for index in range(len(rows))]
        self.long = [i for i, length in enumerate(lengths) if length >= config.window_frames]

    def batch_at(self, step: int) -> tuple[Tensor, Tensor]:
        """Levels (B, T, M) and what is heard (B, F, G) in the scenes of one step."""
        random = np.random.default_rng((self.seed, step))
        scenes = [self.scene(random) for _ in range(self.config.batch)]
        return (
            torch.from_numpy(np.stack([scene.levels_TM for scene in scenes])),
            torch.from_numpy(np.stack([scene.heard_FG for scene in scenes])),
        )

    def scene(self, random: np.random.Generator, *, most_sounds: int | None = None) -> Scene:
        """One scene of one to ``most_sounds`` (of the config), by group and then by recording."""
        frames = self.config.window_frames
        most_sounds = most_sounds or self.config.most_sounds
        parts: list[tuple[str, Floats]] = []
        clips: list[int] = []
        for _ in range(int(random.integers(1, most_sounds + 1))):
            group = str(random.choice(self.names, p=self.weights))
            takes = self.found[group][random.integers(len(self.found[group]))]
            clips.append(takes[random.integers(len(takes))])
            clip = self._clip(clips[-1], random)
            parts.append((group, self._placed(clip, random) * _gain(random, -12.0, 0.0)))
        if self.long and random.random() < self.config.bed_share:
            index = self.long[random.integers(len(self.long))]
            bed = self._clip(index, random)[:frames] * _gain(random, -30.0, -8.0)
            bed = np.pad(bed, ((0, frames - len(bed)), (0, 0)))
            parts.append((self.rows[index].group, bed))
        total_TM = np.stack([part for _, part in parts]).sum(axis=0)
        heard_FG = np.zeros((frames // STRIDE, len(self.groups)), np.float32)
        for group, part_TM in parts:
            if group in self.groups and part_TM.any():
                column = heard_FG[:, self.groups.index(group)]
                np.maximum(column, self._heard(part_TM, total_TM), out=column)
        return Scene(self._through_the_air(total_TM, random), heard_FG, tuple(clips))

    def _heard(self, part_TM: Floats, total_TM: Floats) -> Floats:
        """1 in the frames (F,) in which a part sounds and is not drowned."""
        own_T = part_TM.sum(axis=1)
        others_T = total_TM.sum(axis=1) - own_T
        is_heard_T = sounding(part_TM, self.mel.frames_per_s)
        is_heard_T &= own_T > others_T * 10.0 ** (-MASKED_DB / 10.0)
        return is_heard_T.reshape(-1, STRIDE).any(axis=1).astype(np.float32)

    def _clip(self, index: int, random: np.random.Generator) -> Floats:
        """Power of a clip, somewhat faster or slower, up to two bands higher or lower."""
        power_TM = 10.0 ** (self.powers[index].float().numpy() / 10.0)
        frames = max(round(len(power_TM) * random.uniform(0.85, 1.2)), 1)
        moments = np.linspace(0, len(power_TM) - 1, frames).round().astype(int)
        shift = int(random.integers(-2, 3))
        moved_TM = np.roll(power_TM[moments], shift, axis=1)
        if shift > 0:
            moved_TM[:, :shift] = 0.0
        elif shift < 0:
            moved_TM[:, shift:] = 0.0
        return moved_TM / max(float(moved_TM.max(initial=0.0)), 1e-12)

    def _placed(self, clip_TM: Floats, random: np.random.Generator) -> Floats:
        """A stretch of a long clip; a short one somewhere in silence, or several times over."""
        frames, length = self.config.window_frames, len(clip_TM)
        scene_TM = np.zeros((frames, clip_TM.shape[1]), np.float32)
        if length >= frames and random.random() < 0.6:
            start = int(random.integers(length - frames + 1))
            return clip_TM[start : start + frames].astype(np.float32)
        start = int(random.integers(-min(length, frames) // 2, frames - 5))
        pause = length * random.uniform(1.02, 2.5) if random.random() < 0.4 else frames + length
        while start < frames:
            first, last = max(start, 0), min(start + length, frames)
            scene_TM[first:last] += clip_TM[first - start : last - start]
            start += max(1, round(pause))
        return scene_TM

    def _through_the_air(self, power_TM: Floats, random: np.random.Generator) -> Floats:
        frames, bands = power_TM.shape
        if random.random() < 0.7:
            points = random.normal(0.0, 3.0, 5)
            tilt_M = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), points)
            power_TM = power_TM * 10.0 ** (tilt_M / 10.0)
        if random.random() < self.config.room_share:
            rt60_frames = random.uniform(0.2, 2.0) * self.mel.frames_per_s
            power_TM = power_TM + random.uniform(0.03, 0.6) * tail(power_TM, rt60_frames)
        if random.random() < 0.3:
            cut = int(random.integers(bands // 3, bands))
            slope_M = np.maximum(np.arange(bands) - cut, 0) * random.uniform(0.5, 3.0)
            power_TM = power_TM * 10.0 ** (-slope_M / 10.0)
        peak = max(float(power_TM.max()), 1e-12)
        if random.random() < self.config.noise_share:
            colour_M = np.cumsum(random.normal(0.0, 0.7, bands)) + random.uniform(-60.0, -25.0)
            noise_TM = random.exponential(size=(frames, bands))
            power_TM = power_TM + peak * 10.0 ** (colour_M / 10.0) * noise_TM
        reference = max(float(power_TM.max()), 1e-12)
        if random.random() < self.config.other_reference_share:
            reference *= _gain(random, 0.0, 25.0)
        levels = scaled(
            torch.from_numpy(power_TM.astype(np.float32))[None],
            torch.tensor([reference]),
            self.mel.floor_db,
        )
        return levels[0].numpy()


def _gain(random: np.random.Generator, low_db: float, high_db: float) -> float:
    return float(10.0 ** (random.uniform(low_db, high_db) / 10.0))


def tail(power_TM: Floats, rt60_frames: float) -> Floats:
    """Power (T, M) of the reverberation that follows: an exponential decay of everything before."""
    decay = 10.0 ** (-6.0 / max(rt60_frames, 1.0))
    heard = np.zeros(power_TM.shape[1])
    later_TM = np.empty(power_TM.shape, np.float32)
    for moment, now_M in enumerate(power_TM):
        heard = decay * heard + (1.0 - decay) * now_M
        later_TM[moment] = heard
    return later_TM
