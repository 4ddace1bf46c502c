"""Making a listening study: a blind page for participants, and the key for the experimenter."""

from __future__ import annotations

import hashlib
import math
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from audiostory.audio.waveform import load
from audiostory.config import to_json
from audiostory.errors import MeasureError, OutputError
from audiostory.evaluate.listening.assignment import Demand, Trial, assign
from audiostory.evaluate.listening.key import KEY_FILE, Key, KeySound, KeyTrial, write_key
from audiostory.evaluate.listening.page import AUDIO_FOLDER, CHECK, page_html
from audiostory.evaluate.listening.sounds import check_sound, levelled, mp3_of

MAX_EMBEDDED_BYTES = 300_000_000
"""Of sound in one page: more than browsers on phones can hold."""
PARTICIPANTS = "participants"
"""Folder of a study that participants get."""

Tracks = Mapping[str, Mapping[str, Path]]
"""Sound files by system and item id."""


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """How a study is presented."""

    title: str = "Listening study"
    """On the page; must not name a system."""
    contact: str = ""
    """Whom participants send their file to: a name, an address."""
    audio: Literal["beside", "embedded"] = "beside"
    """Sounds in a folder beside the page, to be served or zipped, or in the page itself, one file
    to pass on; embedded sound is a third larger."""
    loudness_lufs: float | None = -23.0
    """Loudness of every track; None leaves levels alone. -23 is EBU R 128: low enough that peaks
    seldom need a limiter, which would be heard."""
    min_listened: float = 0.8
    """Share of a track that must be heard before it can be scored, 0 to 1."""
    repeats: int = 0
    """Tracks each participant scores twice without being told; Sec. 5.6 has none."""

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 <= self.min_listened <= 1:
            raise MeasureError(f"min_listened is {self.min_listened}: give a share from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class Study:
    """What was made."""

    page: Path
    """``participants/index.html``; its folder is all that participants get."""
    key_file: Path
    """``key.json``: not for participants."""
    key: Key
    num_bytes: int
    """Size of what participants get."""
    minutes: Mapping[str, float]
    """Sound that each participant hears, in minutes."""
    notes: tuple[str, ...]
    """What the experimenter should know: tracks that levelling could not bring to the loudness, or
    whose peaks it had to lower."""


def make_study(
    tracks: Tracks,
    instructions: Mapping[str, str],
    folder: Path,
    *,
    seed: int,
    participants: int,
    per_participant: int,
    config: StudyConfig | None = None,
) -> Study:
    """A study in ``folder``: the page in ``participants``, and ``key.json``.

    Participants are P01, P02...; each opens the page, or a link to it that ends in ``#P01``. Equal
    arguments give equal bytes.

    Source: AudioStory Sec. 5.6: every system's track of one instruction is scored, each for
    itself; there 30 participants, 50 instructions, three systems.

    Args:
        tracks: by system and item id; each system has exactly the items of ``instructions``. An
            anchor is a system like any other.
        instructions: what the participants read, by item id.
        folder: new or empty.
        seed: decides names, assignment and order.
        participants: how many people are asked.
        per_participant: instructions that each of them hears, with all systems.
        config: presentation; None for the defaults.

    Raises:
        MeasureError: if tracks are missing or too many, the numbers cannot be met, or the title
            names a system.
        AudioError: if a track cannot be read, or has more than two channels.
        OutputError: if the folder holds anything, or cannot be written.
    """
    config = config or StudyConfig()
    _check(tracks, instructions, config)
    demand = Demand(
        num_items=len(instructions),
        num_systems=len(tracks),
        participants=participants,
        per_participant=per_participant,
        repeats=config.repeats,
    )
    key = _key(tracks, instructions, assign(demand, np.random.default_rng(seed)), config, seed)
    try:
        with _staged(folder) as staging:
            key, notes = _written(key, tracks, staging, config)
    except OSError as error:
        raise OutputError(
            f"cannot write the study to {folder}: {error.strerror}; choose an existing, writable "
            "folder with room"
        ) from error
    page = folder / PARTICIPANTS / "index.html"
    sizes = [path.stat().st_size for path in page.parent.rglob("*") if path.is_file()]
    return Study(
        page=page,
        key_file=folder / KEY_FILE,
        key=key,
        num_bytes=sum(sizes),
        minutes={each: _minutes(key, each) for each in key.participants},
        notes=notes,
    )


def _check(tracks: Tracks, instructions: Mapping[str, str], config: StudyConfig) -> None:
    """Refuse what would make the study unfair or not blind."""
    for system, own in tracks.items():
        if missing := sorted(set(instructions) - set(own)):
            raise MeasureError(
                f"{system} has no track of {', '.join(missing[:5])} ({len(missing)} in all): all "
                "systems are heard on the same instructions; add tracks or leave those out"
            )
        if spare := sorted(set(own) - set(instructions)):
            raise MeasureError(
                f"{system} has tracks of {', '.join(spare[:5])} ({len(spare)} in all), which have "
                "no instruction: leave them out or add their texts"
            )
    if empty := [item for item, text in instructions.items() if not text.strip()]:
        raise MeasureError(f"the instruction {empty[0]} is empty: participants must read a text")
    for system in tracks:
        shown = f"{config.title} {config.contact}"
        if re.search(rf"(?<!\w){re.escape(system)}(?!\w)", shown, re.IGNORECASE):
            raise MeasureError(
                f"title or contact name the system {system!r}, and participants read them: "
                "choose other words"
            )


def _key(
    tracks: Tracks,
    instructions: Mapping[str, str],
    sheets: Sequence[Sequence[Trial]],
    config: StudyConfig,
    seed: int,
) -> Key:
    """The key before its sounds are measured, under names that say nothing."""
    names = _names(np.random.default_rng((seed, 1)))
    systems, items = tuple(tracks), tuple(instructions)
    tokens = {(system, item): next(names) for system in systems for item in items}
    width = max(2, len(str(len(sheets))))
    trials = {
        next(names): KeyTrial(
            participant=f"P{number:0{width}d}",
            sound=tokens[systems[trial.system], items[trial.item]],
            position=position,
            block=trial.block,
            is_repeat=trial.is_repeat,
        )
        for number, sheet in enumerate(sheets, 1)
        for position, trial in enumerate(sheet)
    }
    return Key(
        study="",
        title=config.title,
        seed=seed,
        min_listened=config.min_listened,
        systems=systems,
        instructions=dict(instructions),
        texts={item: next(names) for item in items},
        sounds={token: KeySound(system=s, item=i) for (s, i), token in tokens.items()},
        trials=trials,
    )


def _names(random: np.random.Generator) -> Iterator[str]:
    """Tokens of 12 hex digits, each once."""
    given: set[str] = set()
    while True:
        token = random.bytes(6).hex()
        if token not in given:
            given.add(token)
            yield token


def _written(
    key: Key, tracks: Tracks, staging: Path, config: StudyConfig
) -> tuple[Key, tuple[str, ...]]:
    """The key with its sounds measured, and notes; all files are in ``staging``."""
    page = staging / PARTICIPANTS / "index.html"
    audio = page.parent / AUDIO_FOLDER
    audio.mkdir(parents=True)
    noise = check_sound(-23.0 if config.loudness_lufs is None else config.loudness_lufs)
    (audio / f"{CHECK}.mp3").write_bytes(mp3_of(noise))
    sounds: dict[str, KeySound] = {}
    notes: list[str] = []
    for token, sound in sorted(key.sounds.items()):  # times of files follow names, not systems
        waveform = load(tracks[sound.system][sound.item])
        waveform, report = levelled(waveform, config.loudness_lufs)
        file = mp3_of(waveform)
        (audio / f"{token}.mp3").write_bytes(file)
        sounds[token] = replace(
            sound,
            duration_s=waveform.duration_s,
            lufs=report.after.lufs if math.isfinite(report.after.lufs) else None,
            digest=hashlib.sha256(file).hexdigest()[:12],
        )
        if report.method != "gated" or report.limiter or not report.is_on_target:
            notes.append(f"{sound.system}, {sound.item}: {report.summary}")
    key = replace(key, sounds=sounds)
    key = replace(key, study=hashlib.sha256(to_json(key).encode()).hexdigest()[:12])
    embedded = _taken(audio) if config.audio == "embedded" else None
    page.write_text(page_html(key, config.contact, embedded), encoding="utf-8")
    write_key(key, staging / KEY_FILE)
    return key, tuple(sorted(notes))


def _taken(audio: Path) -> dict[str, bytes]:
    """The sound files by token, which are then no longer in the folder, nor is the folder."""
    paths = sorted(audio.iterdir())
    if (num_bytes := sum(path.stat().st_size for path in paths)) > MAX_EMBEDDED_BYTES:
        raise MeasureError(
            f"{num_bytes / 1e6:.0f} MB of sound do not fit into one page (at most "
            f"{MAX_EMBEDDED_BYTES / 1e6:.0f} MB): choose audio='beside', or split the study"
        )
    files = {path.stem: path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    audio.rmdir()
    return files


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """An empty folder that becomes ``folder`` when the block succeeds, and else is removed."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not an empty folder: name a new one")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name[:40]}.") as outer:
        staging = Path(outer) / "study"
        staging.mkdir()
        yield staging
        staging.replace(folder)


def _minutes(key: Key, participant: str) -> float:
    """Sound that a participant hears, in minutes."""
    trials = key.trials_of(participant).values()
    return sum(key.sounds[trial.sound].duration_s for trial in trials) / 60
