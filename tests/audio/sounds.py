"""Synthesised sounds for the audio tests."""

from __future__ import annotations

import numpy as np

from audiostory.audio.waveform import Waveform


def tone(
    frequency_hz: float = 440.0,
    duration_s: float = 1.0,
    sample_rate_hz: int = 24_000,
    level: float = 0.5,
    channels: int = 1,
) -> Waveform:
    seconds = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    row = (level * np.sin(2 * np.pi * frequency_hz * seconds)).astype(np.float32)
    return Waveform(np.repeat(row[None], channels, axis=0), sample_rate_hz)


def noise(
    duration_s: float = 5.0,
    sample_rate_hz: int = 24_000,
    level: float = 0.1,
    channels: int = 1,
    seed: int = 0,
) -> Waveform:
    rng = np.random.default_rng(seed)
    shape = (channels, round(duration_s * sample_rate_hz))
    return Waveform(np.float32(level) * rng.standard_normal(shape, np.float32), sample_rate_hz)


def clicks(decay_s: float, level: float = 0.9, bed_level: float = 0.0) -> Waveform:
    """Ten seconds of a metronome at 120 beats a minute, on a bed of noise."""
    samples = noise(10.0, level=bed_level).samples.copy()
    seconds = np.arange(7_200) / 24_000
    beat = level * np.exp(-seconds / decay_s) * np.cos(2 * np.pi * 1_000 * seconds)
    for first in range(2_400, 230_000, 12_000):
        samples[0, first : first + len(beat)] += beat.astype(np.float32)
    return Waveform(samples, 24_000)


def thunder_over_quiet() -> Waveform:
    """Twelve seconds of quiet rain with one crack and rumble at full scale."""
    rng = np.random.default_rng(5)
    samples = noise(12.0, level=0.002).samples.copy()
    seconds = np.arange(96_000) / 24_000
    rumble = np.convolve(rng.standard_normal(len(seconds)), np.hanning(240), "same")
    storm = rumble / np.abs(rumble).max() * np.exp(-seconds)
    storm += 0.3 * np.exp(-seconds / 0.02) * rng.standard_normal(len(seconds))
    samples[0, 72_000:168_000] += (storm / np.abs(storm).max()).astype(np.float32)
    return Waveform(samples, 24_000)
