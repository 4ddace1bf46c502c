"""A corpus of a few synthesised sounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 8000
GROUPS = {"bell": "A bell ringing", "rain": "Rain falling", "dog": "A dog barking"}


def write_corpus(folder: Path, *, per_group: int = 3) -> Path:
    """Tones, hiss and bursts at 8 kHz with a manifest; one clip is share-alike, one a test clip."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for group, caption in GROUPS.items():
        for number in range(per_group):
            seconds = 0.5 + number
            times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
            sounds = {
                "bell": np.sin(2 * np.pi * (300 + 40 * number) * times) * np.exp(-2 * times),
                "rain": rng.standard_normal(len(times)),
                "dog": np.sign(np.sin(8 * times)) * rng.standard_normal(len(times)),
            }
            name = f"{group}-{number}.wav"
            soundfile.write(folder / name, 0.2 * sounds[group], RATE_HZ)
            rows.append(
                {
                    "file": name,
                    "seconds": seconds,
                    "caption": caption,
                    "labels": [group],
                    "group": group,
                    "split": "train",
                    "recording": f"{group}:{number}",
                    "license": "CC0-1.0",
                    "attribution": "synthesised",
                }
            )
    rows[0]["license"] = "CC-BY-SA-3.0"
    rows[-1]["split"] = "test"
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def reverse(path: Path) -> None:
    """Put another sound of the same length under the same name."""
    samples, rate_hz = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples[::-1], rate_hz)
