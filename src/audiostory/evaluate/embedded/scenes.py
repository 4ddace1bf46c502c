"""Scenes mixed from single clips, and what is heard in them when: what the evaluator learns from.

Each scene is heard through another room, microphone and noise, so that what a recording brings
along beside its sound is no clue. Scenes are functions of a seed and a number.

Shapes: ``N`` samples at 16 kHz, ``F`` frames of 10 ms, ``K`` moments, ``G`` groups.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.fft import irfft, rfft, rfftfreq
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from audiostory.config import to_dict
from audiostory.data.cache import key_of
from audiostory.data.manifest import SoundRow
from audiostory.evaluate.embedded.moments import STEP
from audiostory.evaluate.encoders.encoder import Floats
from audiostory.evaluate.encoders.vggish import SAMPLE_RATE_HZ

FRAME = 160
"""Samples of a frame in which a sound is heard or not."""
SOUNDING_DB = 30.0
"""A clip sounds where its power is at most this far under its loudest frame..."""
CLOSED_S = 0.3
"""...and pauses up to this long belong to the sound."""
MASKED_DB = 15.0
"""A sound this far under all the others together is not expected to be heard."""
LEAST_S = 0.05
"""A sound is heard in a moment in which it sounds at least this long."""
TAIL_S = 2.0
"""Longest reverberation."""


@dataclass(frozen=True)
class Scene:
    """A few clips heard together."""

    samples_N: Floats
    heard_KG: Floats
    """1 where a kind of sound is heard."""
    clips: tuple[int, ...]
    """The clips in the foreground, as they were drawn."""


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """How scenes are made."""

    moments: int = 12
    """Length: 5.76 s."""
    foregrounds: tuple[float, ...] = (0.5, 0.3, 0.2)
    """How often one, two, three... sounds are in the foreground."""
    foreground_db: tuple[float, float] = (-12.0, 0.0)
    bed_share: float = 0.4
    """How often there is a sound in the background as well."""
    bed_db: tuple[float, float] = (-30.0, -8.0)
    stretched_share: float = 0.5
    """How often a clip is played somewhat faster or slower."""
    tilted_share: float = 0.4
    """How often some frequencies are louder than others."""
    dull_share: float = 0.3
    """How often high frequencies are missing."""
    room_share: float = 0.3
    """How often a scene is heard in a room."""
    noise_share: float = 0.4
    """How often through noise."""
    noise_db: tuple[float, float] = (-60.0, -25.0)
    """Level of the noise, under the scene's peak."""
    peak_db: tuple[float, float] = (-25.0, -1.0)
    """Peak of a scene, under full scale."""

    @property
    def num_samples(self) -> int:
        """N."""
        return self.moments * STEP


class SceneSampler:
    """Draws scenes of clips: by group, then by recording.

    Args:
        waves: samples of each clip at 16 kHz.
        rows: the clips.
        groups: kinds of sound that are answered; sounds of others are heard unnamed.
        config: how scenes are made.
        seed: of all draws.
    """

    def __init__(
        self,
        waves: Sequence[Floats],
        rows: Sequence[SoundRow],
        groups: Sequence[str],
        config: SceneConfig,
        *,
        seed: int,
    ) -> None:
        self.waves, self.rows, self.groups = waves, rows, tuple(groups)
        self.config, self.seed = config, seed
        found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, row in enumerate(rows):
            found[row.group][row.recording].append(index)
        self.found = {group: list(takes.values()) for group, takes in sorted(found.items())}
        self.names = list(self.found)
        weights = np.array([min(len(takes), 12) ** 0.5 for takes in self.found.values()])
        self.weights = weights / weights.sum()
        self.long = [i for i, wave in enumerate(waves) if len(wave) >= config.num_samples]

    @property
    def digest(self) -> str:
        """Changes with all that scenes depend on: sounds, kinds, recordings, config, seed."""
        clips = [(row.group, row.recording) for row in self.rows]
        waves = hashlib.sha256()
        for wave in self.waves:
            waves.update(np.ascontiguousarray(wave).tobytes())
        return key_of(clips, self.groups, to_dict(self.config), self.seed, waves.hexdigest())

    def scene(self, number: int) -> Scene:
        """The scene of a number, always the same."""
        config, random = self.config, np.random.default_rng((self.seed, number))
        parts: list[tuple[str, Floats]] = []
        clips: list[int] = []
        for _ in range(1 + int(random.choice(len(config.foregrounds), p=config.foregrounds))):
            group = str(random.choice(self.names, p=self.weights))
            takes = self.found[group][random.integers(len(self.found[group]))]
            clips.append(takes[random.integers(len(takes))])
            placed_N = self._placed(self._clip(clips[-1], random), random)
            parts.append((group, placed_N * _gain(random, config.foreground_db)))
        if self.long and random.random() < config.bed_share:
            index = self.long[random.integers(len(self.long))]
            bed_N = np.resize(self._clip(index, random), config.num_samples)
            parts.append((self.rows[index].group, bed_N * _gain(random, config.bed_db)))
        mixed_N = np.sum([part_N for _, part_N in parts], axis=0)
        heard_KG = self._heard(parts)
        return Scene(self._through_the_air(mixed_N, random), heard_KG, tuple(clips))

    def _heard(self, parts: Sequence[tuple[str, Floats]]) -> Floats:
        """1 in the moments (K, G) in which a kind sounds and is not drowned."""
        powers_PF = np.stack([frame_powers(part_N) for _, part_N in parts])
        total_F = powers_PF.sum(axis=0)
        heard_KG = np.zeros((self.config.moments, len(self.groups)), np.float32)
        for (group, _), own_F in zip(parts, powers_PF, strict=True):
            if group in self.groups and own_F.any():
                is_heard_F = sounding(own_F)
                is_heard_F &= own_F > (total_F - own_F) * 10.0 ** (-MASKED_DB / 10.0)
                sounding_K = is_heard_F.reshape(self.config.moments, -1).sum(axis=1)
                is_heard_K = sounding_K * FRAME >= LEAST_S * SAMPLE_RATE_HZ
                heard_KG[is_heard_K, self.groups.index(group)] = 1.0
        return heard_KG

    def _clip(self, index: int, random: np.random.Generator) -> Floats:
        """A clip whose loudest frame has the power 1, perhaps somewhat faster or slower."""
        clip_N = self.waves[index].astype(np.float32)
        if random.random() < self.config.stretched_share:
            count = max(round(len(clip_N) * random.uniform(0.87, 1.15)), 2)
            moments_N = np.linspace(0, len(clip_N) - 1, count)
            clip_N = np.interp(moments_N, np.arange(len(clip_N)), clip_N).astype(np.float32)
        loudest = float(frame_powers(np.pad(clip_N, (0, 3 * FRAME))).max())
        return clip_N / np.float32(max(loudest**0.5, 1e-6))

    def _placed(self, clip_N: Floats, random: np.random.Generator) -> Floats:
        """A stretch of a long clip; a short one somewhere in silence, or several times over."""
        wanted, length = self.config.num_samples, len(clip_N)
        if length >= wanted and random.random() < 0.6:
            start = int(random.integers(length - wanted + 1))
            return clip_N[start : start + wanted]
        scene_N = np.zeros(wanted, np.float32)
        start = int(random.integers(-min(length, wanted) // 2, wanted - SAMPLE_RATE_HZ // 10))
        pause = length * random.uniform(1.02, 2.5) if random.random() < 0.4 else wanted + length
        while start < wanted:
            first, last = max(start, 0), min(start + length, wanted)
            scene_N[first:last] += clip_N[first - start : last - start]
            start += max(FRAME, round(pause))
        return scene_N

    def _through_the_air(self, samples_N: Floats, random: np.random.Generator) -> Floats:
        config = self.config
        longest = len(samples_N) + round(TAIL_S * SAMPLE_RATE_HZ)
        size = cast(int, next_fast_len(longest, real=True))
        frequencies_hz = rfftfreq(size, 1 / SAMPLE_RATE_HZ)
        highest_hz = SAMPLE_RATE_HZ / 2
        response = np.ones(len(frequencies_hz), np.complex128)
        if random.random() < config.tilted_share:
            points = np.linspace(np.log(60.0), np.log(highest_hz), 5)
            octaves = np.log(np.maximum(frequencies_hz, 60.0))
            response *= 10.0 ** (np.interp(octaves, points, random.normal(0.0, 3.0, 5)) / 20.0)
        if random.random() < config.dull_share:
            cut_hz = np.exp(random.uniform(np.log(1_500.0), np.log(7_500.0)))
            steep = 2 * int(random.integers(1, 7))
            response /= np.sqrt(1.0 + (frequencies_hz / cut_hz) ** steep)
        if random.random() < config.room_share:
            response *= 1.0 + rfft(reverberation(random), size)
        heard_N = irfft(rfft(samples_N, size) * response, size)[: len(samples_N)]
        if random.random() < config.noise_share:
            colour_db = np.cumsum(random.normal(0.0, 2.0, 9))
            shape_db = np.interp(frequencies_hz, np.linspace(0, highest_hz, 9), colour_db)
            real, imaginary = random.standard_normal((2, len(frequencies_hz)))
            noise_N = irfft((real + 1j * imaginary) * 10.0 ** (shape_db / 20.0), size)
            noise_N = noise_N[: len(samples_N)] / max(float(noise_N.std()), 1e-9)
            heard_N = heard_N + noise_N * _gain(random, config.noise_db) * np.abs(heard_N).max()
        peak = max(float(np.abs(heard_N).max()), 1e-6)
        return (heard_N / peak * _gain(random, config.peak_db)).astype(np.float32)


def frame_powers(samples_N: Floats) -> Floats:
    """Mean square of frames (F,), each averaged with its neighbours."""
    count = len(samples_N) // FRAME
    power_F = np.square(samples_N[: count * FRAME]).reshape(count, FRAME).mean(axis=1)
    return np.convolve(power_F, np.full(3, 1 / 3), mode="same")


def sounding(power_F: Floats) -> NDArray[np.bool_]:
    """In which frames (F,) something sounds; short pauses belong to the sound."""
    active_F = power_F > power_F.max(initial=0.0) * 10.0 ** (-SOUNDING_DB / 10.0)
    (moments,) = np.nonzero(active_F)
    longest = round(CLOSED_S * SAMPLE_RATE_HZ / FRAME)
    for before, after in zip(moments[:-1], moments[1:], strict=True):
        if 1 < after - before <= longest:
            active_F[before:after] = True
    return active_F


def reverberation(random: np.random.Generator) -> Floats:
    """What follows an impulse of power 1: noise that decays by 60 dB in 0.2 to 1.6 s."""
    rt60_s = random.uniform(0.2, 1.6)
    times_s = np.arange(round(min(rt60_s, TAIL_S) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail_N = random.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / rt60_s)
    return tail_N * random.uniform(0.1, 0.7) / np.sqrt(np.square(tail_N).sum())


def _gain(random: np.random.Generator, range_db: tuple[float, float]) -> float:
    return float(10.0 ** (random.uniform(*range_db) / 20.0))
