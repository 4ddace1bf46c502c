"""A corpus of three synthesised test recordings, and scripts that name them."""

import json
from pathlib import Path

import numpy as np

from audiostory.audio.waveform import Waveform, save
from audiostory.curate.scripts import Cue, Kind, Moment, Script

RATE_HZ = 24_000
CLIPS = (
    ("rain.wav", 3.0, "r:rain", "rain", "test", "CC0-1.0"),
    ("dog-a.wav", 0.5, "r:dog", "dog", "test", "CC-BY-3.0"),
    ("dog-b.wav", 0.6, "r:dog", "dog", "test", "CC-BY-3.0"),
    ("slam-a.wav", 0.4, "r:slam-a", "doors", "test", "CC0-1.0"),
    ("slam-b.wav", 0.4, "r:slam-b", "doors", "test", "CC0-1.0"),
    ("shared.wav", 0.4, "r:shared", "bell", "test", "CC-BY-SA-3.0"),
    ("heard.wav", 0.4, "r:heard", "bell", "train", "CC0-1.0"),
)
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="rain",
            caption="Rain falling",
            usual="steady",
            words=("rain",),
            recordings=("r:rain",),
        ),
        Kind(
            name="dog",
            caption="A dog barking",
            usual="repeated",
            words=("dog", "hound"),
            recordings=("r:dog",),
        ),
        Kind(
            name="slam",
            caption="A door slamming",
            usual="once",
            words=("slam", "bang"),
            recordings=("r:slam-a", "r:slam-b"),
        ),
    )
}


def script(name="ns-easy-001", duration_s=20.0, bed=None, events=None, space="room") -> Script:
    usual = (Moment(sounds=(Cue(sound="dog"),)), Moment(sounds=(Cue(sound="slam"),)))
    return Script(
        id=name,
        stratum="easy",
        style="request",
        instruction="a hound, then a bang",
        duration_s=duration_s,
        duration_said="field",
        space=space,
        events=usual if events is None else events,
        bed=bed,
    )


def event(*cues: Cue, starts_s: float | None = None) -> Moment:
    return Moment(sounds=cues, starts_s=starts_s)


def write_corpus(folder: Path) -> Path:
    """Rain is high noise, dogs are tones, slams are low tones: nothing hides anything."""
    rng = np.random.default_rng(0)
    rows = []
    for file, seconds, recording, group, split, license_ in CLIPS:
        times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        sounds = {
            "rain": rng.standard_normal(len(times)),
            "dog": np.sin(2 * np.pi * 800 * times),
            "doors": np.sin(2 * np.pi * 100 * times),
            "bell": np.sin(2 * np.pi * 2_500 * times),
        }
        samples = (0.1 * sounds[group])[None].astype(np.float32)
        save(Waveform(samples, RATE_HZ), folder / file)
        rows.append(
            {
                "file": file,
                "seconds": seconds,
                "caption": f"{group} {file}: cryptic",
                "group": group,
                "split": split,
                "recording": recording,
                "license": license_,
                "attribution": f"maker of {file}",
                "source_repo": "someone/sounds",
            }
        )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
