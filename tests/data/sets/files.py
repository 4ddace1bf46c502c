"""Small files in the layouts that data sets are published in."""

from pathlib import Path

import numpy as np
import soundfile


def write_sound(path: Path, duration_s: float = 10.0, level: float = 0.1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(round(duration_s * 8_000), level, np.float32), 8_000)
    return path


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    return path
