"""Small tracks, items and features for the tests of metrics."""

import numpy as np

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import Item
from audiostory.evaluate.encoders.encoder import Features
from audiostory.story.types import Instruction


def tone(duration_s: float, hertz: float = 440.0, rate_hz: int = 16_000) -> Waveform:
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    samples = 0.5 * np.sin(2 * np.pi * hertz * times_s, dtype=np.float64)
    return Waveform(samples.astype(np.float32)[None], rate_hz)


def noise(duration_s: float, seed: int = 0, rate_hz: int = 16_000) -> Waveform:
    samples = np.random.default_rng(seed).standard_normal(round(duration_s * rate_hz))
    return Waveform((0.1 * samples).astype(np.float32)[None], rate_hz)


def item(name: str = "item", text: str = "rain falls", **fields) -> Item:
    return Item(id=name, instruction=Instruction(text=text), **fields)


def features(rows, probabilities=None, window_s: float = 1.0) -> Features:
    embeddings = np.asarray(rows, dtype=np.float32)
    starts_s = np.arange(len(embeddings), dtype=np.float32) * window_s
    given = None if probabilities is None else np.asarray(probabilities, dtype=np.float32)
    return Features(embeddings, starts_s, window_s, given)
