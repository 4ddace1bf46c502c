"""Small studies, and participants who answer them by a rule."""

import json
from pathlib import Path

import numpy as np

from audiostory.audio.waveform import Waveform, save
from audiostory.evaluate.listening.criteria import CRITERIA
from audiostory.evaluate.listening.key import Key, KeySound, KeyTrial
from audiostory.evaluate.listening.study import StudyConfig, make_study

SYSTEMS = ("Zephyrine", "LLM + Quillfish", "Mumblebox-9")
TEXTS = {
    "storm-17": "Thunder rolls, then rain falls.",
    "harbour-4": "Gulls cry over a harbour & a <b>bell</b> rings.",
}


def tracks(folder: Path, systems=SYSTEMS, items=tuple(TEXTS), duration_s=0.5):
    found = {}
    for row, system in enumerate(systems):
        rate_hz = (16_000, 24_000, 44_100)[row % 3]
        times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        for column, item in enumerate(items):
            hertz = 220 * (1 + row) + 60 * column
            samples = 0.05 * (row + 1) * np.sin(2 * np.pi * hertz * times_s)
            path = folder / f"{row}-{system.split()[0]}-{item}.wav"
            save(Waveform(samples.astype(np.float32)[None], rate_hz), path, overwrite=True)
            found.setdefault(system, {})[item] = path
    return found


def small_study(folder: Path, out: Path, *, seed=5, participants=4, **config):
    return make_study(
        tracks(folder),
        TEXTS,
        out,
        seed=seed,
        participants=participants,
        per_participant=2,
        config=StudyConfig(**config),
    )


def key(systems=("a", "b"), items=("x", "y"), participants=("P01", "P02"), repeats=0) -> Key:
    pairs = [(system, item) for item in items for system in systems]
    sounds = {f"{system}-{item}": KeySound(system=system, item=item) for system, item in pairs}
    trials = {}
    for participant in participants:
        for position, sound in enumerate([*sounds, *list(sounds)[:repeats]]):
            trials[f"{participant}-{position}"] = KeyTrial(
                participant=participant,
                sound=sound,
                position=position,
                block=position // len(systems),
                is_repeat=position >= len(sounds),
            )
    return Key(
        study="0123456789ab",
        title="A study",
        seed=0,
        min_listened=0.8,
        systems=tuple(systems),
        instructions={item: f"the text of {item}" for item in items},
        texts={item: f"text-{item}" for item in items},
        sounds=sounds,
        trials=trials,
    )


def answers(key: Key, participant: str, score_of=lambda system, item, criterion: 3, **fields):
    rows = []
    for token, trial in key.trials_of(participant).items():
        sound = key.sounds[trial.sound]
        scores = {each.key: score_of(sound.system, sound.item, each.key) for each in CRITERIA}
        given = {name: score for name, score in scores.items() if score is not None}
        rows.append(
            {"trial": token, "scores": given, "listened": 0.9, "seconds": 30, "problem": ""}
        )
    return {
        "format": "audiostory-listening-answers",
        "version": 1,
        "study": key.study,
        "participant": participant,
        "is_complete": True,
        "started": "2026-01-01T10:00:00.000Z",
        "exported": "2026-01-01T10:20:00.000Z",
        "device": "headphones",
        "comment": "",
        "answers": rows,
        **fields,
    }


def sent(folder: Path, values, name=None) -> Path:
    path = folder / f"{name or values['participant']}.json"
    path.write_text(json.dumps(values))
    return path
