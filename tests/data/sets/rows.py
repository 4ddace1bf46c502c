"""Rows of AudioStory-10k for tests."""

import json
from pathlib import Path

from tests.data.sets.files import write_sound, write_text

POINT = {"event": "A siren wails.", "inference": "The dog answers.", "sounds": "Siren, dog."}


def entry(name="unav-1", **changes):
    return {
        "version": "1",
        "id": name,
        "source": "natural",
        "video_id": f"video of {name}",
        "audio": f"audio/{name}.flac",
        "duration_s": 20.0,
        "instruction": "Craft an immersive soundscape of a dog that answers a siren",
        "summary": "A dog answers a siren, then stops.",
        "points": [POINT, {**POINT, "event": "It stops."}],
        "clips": [
            {"caption": "A siren wails, a dog howls", "start_s": 0.0, "end_s": 12.5},
            {"caption": "A dog yips", "start_s": 14.0, "end_s": 20.0},
        ],
        "split": "test",
        "license": "CC-BY-4.0",
        **changes,
    }


def write_manifest(folder: Path, *entries) -> Path:
    for one in entries:
        write_sound(folder / one["audio"], one["duration_s"])
    lines = "".join(json.dumps(one) + "\n" for one in entries)
    return write_text(folder / "audiostory-10k.jsonl", lines)
