"""A corpus of orchestral phrases: clips and their manifest, made once each, whatever stops it.

Clip ``k`` depends on the seed, ``k`` and the soundfont alone. Clips that are there are not made
again; the manifest is written at the end, from the scores and from the files as they were written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from random import Random

import numpy as np

from audiostory.audio.waveform import Waveform, atomic_output, load, save
from audiostory.curate.orchestra.captions import caption_of
from audiostory.curate.orchestra.phrases import phrase
from audiostory.curate.orchestra.render import Renderer, finished
from audiostory.curate.orchestra.score import Score, taken
from audiostory.curate.orchestra.soundfont import Soundfont
from audiostory.data.manifest import SoundRow, read_objects
from audiostory.errors import AudioError, OutputError

VERSION = 1
"""Of the scores: another number, other notes for the same seed."""
TAKES = 2
"""How often each score is played; takes share a recording, and so a split."""
CLIPS = "music"
"""Folder of the clips, inside of the corpus."""
MANIFEST, RECORD = "metadata.jsonl", "orchestra.json"
TRAIN_SHARE, VAL_SHARE = 0.8, 0.1
BANDWIDTH_DB = -60.0
"""Below the strongest frequency, nothing counts as content."""
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


def compose_music(
    folder: Path,
    count: int,
    seed: int,
    *,
    soundfont: Soundfont,
    renderer: Renderer,
    progress: Progress | None = None,
) -> list[SoundRow]:
    """Make a folder of ``count`` clips and their manifest, or go on with it.

    Args:
        folder: where ``music/*.ogg``, ``metadata.jsonl`` and ``orchestra.json`` go.
        count: how many clips; ``TAKES`` of them for every score.
        seed: of all of them; more clips can be added later with the same seed.
        soundfont: whose sounds are heard.
        renderer: plays the scores.
        progress: told after every clip.

    Raises:
        OutputError: if the folder was begun with another seed or soundfont, holds more clips
            than asked for, or cannot be written.
        AudioError: if a clip came out silent, or one that is there cannot be read.
    """
    _begin(folder, count, seed, soundfont)
    rows: list[SoundRow] = []
    for index in range(count):
        score, caption = clip_score(seed, index)
        path = folder / clip_file(seed, index)
        if not path.exists():
            save(finished(renderer(score), score), path)
        rows.append(_row(load(path), score, caption, seed, index, soundfont))
        if progress:
            progress(path.name, (index + 1) / count)
    with atomic_output(folder / MANIFEST, overwrite=True) as partial:
        lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
        partial.write_text("".join(lines), encoding="utf-8")
    return rows


def clip_score(seed: int, index: int) -> tuple[Score, str]:
    """What clip ``index`` plays, and its caption."""
    number, take = divmod(index, TAKES)
    score = phrase(Random(f"{seed}/{number}"))
    rng = Random(f"{seed}/{number}/{take}")
    score = taken(score, rng)
    return score, caption_of(rng, score)


def clip_file(seed: int, index: int) -> str:
    """Path of a clip relative to the folder."""
    number, take = divmod(index, TAKES)
    return f"{CLIPS}/{seed}-{number:05d}-{take + 1}.ogg"


def split_of(recording: str) -> str:
    """``train``, ``val`` or ``test``: about 80, 10 and 10 %, by the digest of the recording."""
    share = int.from_bytes(hashlib.sha256(recording.encode()).digest()[:8]) / 2**64
    if share < TRAIN_SHARE:
        return "train"
    return "val" if share < TRAIN_SHARE + VAL_SHARE else "test"


def _begin(folder: Path, count: int, seed: int, soundfont: Soundfont) -> None:
    """Note what the folder is made with, or refuse what it was not made with."""
    wanted = {"version": VERSION, "seed": seed, "soundfont_sha256": soundfont.sha256}
    record = folder / RECORD
    if record.exists():
        there = next((entry for _, entry in read_objects(record)), {})
        for name, value in wanted.items():
            if there.get(name) != value:
                raise OutputError(
                    f"{folder} was begun with another {name.removesuffix('_sha256')}: "
                    f"{there.get(name)}, not {value}; choose another folder, or the same {name}"
                )
        named = {clip_file(seed, index) for index in range(count)}
        for path in sorted((folder / CLIPS).glob("*.ogg")):
            if f"{CLIPS}/{path.name}" not in named:
                raise OutputError(
                    f"{folder} holds {path.name}, which is not among {count} clips: ask for as "
                    "many as it was begun with or more, or choose another folder"
                )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{folder} holds other files: choose a new or an empty folder")
    try:
        (folder / CLIPS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {folder / CLIPS}: {error.strerror}") from error
    with atomic_output(record, overwrite=False) as partial:
        partial.write_text(json.dumps(wanted) + "\n", encoding="utf-8")


def _row(
    clip: Waveform, score: Score, caption: str, seed: int, index: int, soundfont: Soundfont
) -> SoundRow:
    number = index // TAKES
    recording = f"orchestra:{seed}-{number:05d}"
    players = dict.fromkeys(part.instrument.adjective for part in score.parts)
    return SoundRow(
        file=clip_file(seed, index),
        seconds=round(clip.duration_s, 3),
        caption=caption,
        group=score.group or score.lead.instrument.group,
        split=split_of(recording),
        recording=recording,
        license=soundfont.license,
        attribution=soundfont.attribution,
        labels=(score.gesture.replace("_", " "), *players),
        source_repo=f"audiostory compose-music with {soundfont.name}",
        source_path=f"seed {seed}, score {number}",
        bandwidth_hz=_bandwidth_hz(clip),
        rms_db=_rms_db(clip),
    )


def _rms_db(clip: Waveform) -> float:
    power = float(np.mean(clip.samples.astype(np.float64) ** 2))
    if power <= 0:
        raise AudioError("a clip that was written is silent: delete it and run the command again")
    return round(10 * np.log10(power), 1)


def _bandwidth_hz(clip: Waveform) -> float:
    """Highest frequency, in steps of 100 Hz, within ``BANDWIDTH_DB`` of the strongest."""
    power = np.abs(np.fft.rfft(clip.samples[0].astype(np.float64))) ** 2
    steps = np.floor(np.fft.rfftfreq(clip.num_samples, 1 / clip.sample_rate_hz) / 100).astype(int)
    powers = np.bincount(steps, power)
    content = np.flatnonzero(powers > powers.max() * 10 ** (BANDWIDTH_DB / 10))
    return float(min(100 * (int(content[-1]) + 1), clip.sample_rate_hz // 2))
