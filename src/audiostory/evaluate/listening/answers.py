"""The files that participants send back, checked against the study they answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiostory.config import from_dict
from audiostory.errors import ConfigError, MeasureError
from audiostory.evaluate.listening.criteria import CRITERIA, MAX_SCORE
from audiostory.evaluate.listening.key import VERSION, Key

ANSWERS_FORMAT = "audiostory-listening-answers"
ROUNDING = 1e-3
"""The page rounds the share that was heard to four decimals."""


@dataclass(frozen=True, kw_only=True)
class TrialAnswer:
    """What a participant said of one track."""

    trial: str
    """Token of the trial."""
    scores: dict[str, int]
    """0 to 5 by criterion; those not given are missing."""
    listened: float
    """Share of the track that was heard."""
    seconds: float
    """Time spent on it."""
    problem: str = ""
    """Why the track could not be played; empty where it could."""


@dataclass(frozen=True, kw_only=True)
class AnswerFile:
    """What a participant sent."""

    study: str
    participant: str
    is_complete: bool
    started: str
    """When the participant began, ISO 8601."""
    exported: str
    """When the file was saved, ISO 8601."""
    device: str
    """``headphones``, ``loudspeakers`` or ``built-in``."""
    comment: str
    answers: tuple[TrialAnswer, ...]
    format: str = ANSWERS_FORMAT
    version: int = VERSION


@dataclass(frozen=True, kw_only=True)
class Rating:
    """One participant's scores of one system's track, no longer blind."""

    participant: str
    system: str
    item: str
    is_repeat: bool
    scores: dict[str, int]
    """0 to 5 by criterion; those not given are missing."""


def read_answers(paths: Sequence[Path], key: Key) -> tuple[AnswerFile, ...]:
    """The answers in the files, in order of participants; incomplete ones are among them.

    Raises:
        MeasureError: naming every file that is no answer to this study, answers it twice for one
            participant, or holds what the page cannot have written.
    """
    if not paths:
        raise MeasureError("no answers were given: name the files that participants sent")
    read: dict[str, tuple[Path, AnswerFile]] = {}
    problems: list[str] = []
    for path in paths:
        try:
            file = _read(path, key)
            if file.participant in read:
                raise MeasureError(
                    f"participant {file.participant} is also in {read[file.participant][0]}: "
                    "keep the file that was saved last"
                )
            read[file.participant] = (path, file)
        except MeasureError as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise MeasureError("\n".join(problems))
    return tuple(file for _, (_, file) in sorted(read.items()))


def ratings_of(files: Sequence[AnswerFile], key: Key) -> tuple[Rating, ...]:
    """Every answer with a score in it, with the system and the item it is about."""
    return tuple(_ratings(files, key))


def _ratings(files: Sequence[AnswerFile], key: Key) -> Iterator[Rating]:
    for file in files:
        for answer in file.answers:
            trial = key.trials[answer.trial]
            sound = key.sounds[trial.sound]
            if answer.scores:
                yield Rating(
                    participant=file.participant,
                    system=sound.system,
                    item=sound.item,
                    is_repeat=trial.is_repeat,
                    scores=answer.scores,
                )


def _read(path: Path, key: Key) -> AnswerFile:
    """One file, checked; MeasureError says what is wrong with it."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MeasureError(f"cannot be read ({error.strerror}): check the name") from error
    except ValueError as error:  # JSON and UTF-8 both
        raise MeasureError(f"is not JSON ({error}): ask for the file again") from error
    _check_header(values, key)
    try:
        file = from_dict(AnswerFile, values)
    except ConfigError as error:
        raise MeasureError(f"{error}; ask for the file again, as the page saved it") from error
    if file.participant not in key.participants:
        raise MeasureError(
            f"the study has no participant {file.participant!r}: its ids are "
            f"{key.participants[0]} to {key.participants[-1]}"
        )
    _check_answers(file, key)
    return file


def _check_header(values: Any, key: Key) -> None:
    """Refuse files of another kind, version or study before their fields are looked at."""
    if not isinstance(values, dict) or values.get("format") != ANSWERS_FORMAT:
        raise MeasureError("holds no answers of a listening study: give the files the page saved")
    if values.get("version") != VERSION:
        raise MeasureError(
            f"is of version {values.get('version')}, and this release reads version {VERSION}: "
            "score it with the release that made the study"
        )
    if values.get("study") != key.study:
        raise MeasureError(
            f"answers the study {values.get('study')}, not {key.study}: leave it out, or name the "
            "folder of its own study"
        )


def _check_answers(file: AnswerFile, key: Key) -> None:
    """Refuse what the page cannot have written for this participant."""
    own = key.trials_of(file.participant)
    known = {each.key for each in CRITERIA}
    seen: set[str] = set()
    for answer in file.answers:
        if answer.trial not in own:
            raise MeasureError(
                f"the trial {answer.trial} is not one of {file.participant}'s: the id was "
                "changed by hand; ask who answered"
            )
        if answer.trial in seen:
            raise MeasureError(
                f"the trial {answer.trial} is answered twice: ask for the file again"
            )
        seen.add(answer.trial)
        for criterion, score in answer.scores.items():
            if criterion not in known or not 0 <= score <= MAX_SCORE:
                raise MeasureError(
                    f"the trial {answer.trial} scores {criterion} {score}: the study asks for "
                    f"{', '.join(sorted(known))}, each 0 to {MAX_SCORE}; ask for the file again"
                )
        if answer.scores and answer.listened < key.min_listened - ROUNDING:
            raise MeasureError(
                f"the trial {answer.trial} is scored after {answer.listened:.0%} of the track, and "
                f"the page opens at {key.min_listened:.0%}: the file was edited; leave it out"
            )
