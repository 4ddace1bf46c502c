"""Scores as plain tones: a renderer that needs no soundfont."""

from __future__ import annotations

import numpy as np

from audiostory.audio.waveform import Waveform
from audiostory.curate.orchestra.score import Score
from audiostory.curate.orchestra.soundfont import Soundfont

RATE_HZ = 24_000
NO_SOUNDFONT = Soundfont(name="tones.sf2", sha256="0" * 64, license="CC0-1.0", attribution="nobody")


def tones(score: Score) -> Waveform:
    """A decaying sine for every note, half a second of silence at the end."""
    samples = np.zeros((1, round((score.seconds + 0.5) * RATE_HZ)), np.float32)
    for part in score.parts:
        for note in part.notes:
            first = round(note.start * score.seconds_per_beat * RATE_HZ)
            num_samples = round(note.length * score.seconds_per_beat * RATE_HZ)
            times_s = np.arange(num_samples) / RATE_HZ
            tone = np.sin(2 * np.pi * 440 * 2 ** ((note.pitch - 69) / 12) * times_s)
            samples[0, first : first + num_samples] += 0.01 * tone * np.exp(-3 * times_s)
    return Waveform(samples, RATE_HZ)
