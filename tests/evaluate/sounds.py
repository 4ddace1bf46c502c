"""Tiny synthetic sounds and a tiny corpus of them, for the tests of this room."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from audiostory.audio.waveform import Waveform, save

RATE_HZ = 8_000


def bell(seed: int, duration_s: float = 0.5, level: float = 0.5) -> Waveform:
    """A decaying tone."""
    moments = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    pitch_hz = np.random.default_rng(seed).uniform(600, 1200)
    tone = np.sin(2 * np.pi * pitch_hz * moments) * np.exp(-5 * moments)
    return Waveform((level * tone)[None].astype(np.float32), RATE_HZ)


def rain(seed: int, duration_s: float = 0.5, level: float = 0.1) -> Waveform:
    """Noise."""
    noise = np.random.default_rng(seed).standard_normal(round(duration_s * RATE_HZ))
    return Waveform((level * noise)[None].astype(np.float32), RATE_HZ)


MAKERS = {"bell": bell, "rain": rain}


def write_corpus(folder: Path, per_split: int = 3) -> Path:
    """A corpus of bells, rain and (as another group) clicks, in all three splits."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for split in ("train", "val", "test"):
        for group in (*MAKERS, "toy"):
            for index in range(per_split):
                sound = MAKERS.get(group, _click)(len(rows))
                name = f"{split}-{group}-{index}.wav"
                save(sound, folder / name)
                row = {"file": name, "seconds": 0.5, "caption": f"A {group}, take {index}"}
                row |= {"group": group, "split": split, "recording": name, "license": "CC0-1.0"}
                rows.append(row)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metadata.jsonl").write_text(lines, encoding="utf-8")
    return folder


def _click(seed: int) -> Waveform:
    samples = np.zeros((1, RATE_HZ // 2), np.float32)
    samples[0, 100 + seed :: 1500] = 0.9
    return Waveform(samples, RATE_HZ)
