"""A tiny synthesised corpus: noises and tones under the names of sounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from audiostory.audio.waveform import Waveform, save

RATE_HZ = 8_000
CLIPS = (
    ("A dog barking", "dog", 0.4, "CC0-1.0", "train"),
    ("Rain falling", "rain", 4.0, "CC-BY-3.0", "train"),
    ("A door slamming", "doors", 0.5, "CC0-1.0", "train"),
    ("A footstep on gravel", "footsteps", 0.2, "CC0-1.0", "train"),
    ("A violin playing a note", "strings", 2.5, "CC0-1.0", "train"),
    ("Wind blowing", "wind", 3.0, "CC0-1.0", "train"),
    ("Thunder rumbling", "thunder", 3.5, "CC-BY-3.0", "train"),
    ("A bell ringing", "bell", 1.5, "CC0-1.0", "train"),
    ("A cat meowing", "cat", 0.6, "CC0-1.0", "train"),
    ("A train passing", "train", 5.0, "CC0-1.0", "train"),
    ("A shared cow mooing", "animals_farm", 1.0, "CC-BY-SA-3.0", "train"),
    ("A held-back owl hooting", "birds", 1.0, "CC0-1.0", "test"),
)


def make_corpus(folder: Path) -> Path:
    """``folder`` with clips and their manifest."""
    rng = np.random.default_rng(0)
    rows: list[str] = []
    for at, (caption, group, seconds, license_, split) in enumerate(CLIPS):
        noise = 0.1 * rng.standard_normal((1, round(seconds * RATE_HZ)))
        save(Waveform(noise.astype(np.float32), RATE_HZ), folder / f"{at}.wav")
        rows.append(
            json.dumps(
                {
                    "file": f"{at}.wav", "seconds": seconds, "caption": caption, "group": group,
                    "split": split, "recording": f"r{at}", "license": license_,
                }
            )
        )  # fmt: skip
    (folder / "metadata.jsonl").write_text("\n".join(rows) + "\n")
    return folder
