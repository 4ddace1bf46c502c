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
