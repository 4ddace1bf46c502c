"""What was written by hand for the test set ``nano-stories``: kinds of sounds, and scripts.

A kind names recordings of the corpus that say what they are, with a caption a person understands.
A script is an instruction with what it asks for, event by event. Both lists lie beside the set;
``scripted`` makes plans of them, ``nano_stories`` the set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from audiostory.data.manifest import read_objects
from audiostory.data.sets.nano_stories import ASSETS
from audiostory.errors import CorpusError

PAUSES_S = (0.6, 2.0)
"""Between repetitions of a sound, where the list says nothing else."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sound that scripts may name, and the recordings of it."""

    name: str
    caption: str
    """What is heard, as a participle phrase: "A dog barking"."""
    usual: Literal["steady", "repeated", "once"]
    """What it does where no count is given: goes on, comes again, or happens once."""
    words: tuple[str, ...]
    """Stems, one of which an instruction has to use."""
    recordings: tuple[str, ...]
    pauses_s: tuple[float, float] = PAUSES_S
    takes_s: tuple[float, float] = (0.15, 60.0)
    """Lengths of clips that may be used."""


@dataclass(frozen=True, kw_only=True)
class Cue:
    """A sound in an event of a script."""

    sound: str
    """Name of its kind."""
    times: int | None = None
    """How often it is heard; None leaves it to its kind."""
    distance: str = "close"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """An event of a script: what is heard at once, and when it starts if the text says so."""

    sounds: tuple[Cue, ...]
    starts_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Script:
    """An instruction and what it asks for, as it was written by hand."""

    id: str
    stratum: str
    style: str
    instruction: str
    duration_s: float
    duration_said: str
    space: str
    events: tuple[Moment, ...]
    bed: str | None = None
    is_ordered: bool = True


def read_kinds(path: Path | None = None) -> dict[str, Kind]:
    """Sounds that scripts may name, by name.

    Raises:
        CorpusError: naming the line, if the list cannot be used.
    """
    path = path or ASSETS / "nano_stories_sounds.jsonl"
    found: dict[str, Kind] = {}
    for number, entry in read_objects(path):
        try:
            lists = {key: tuple(one) for key, one in entry.items() if isinstance(one, list)}
            found[entry["name"]] = Kind(**{**entry, **lists})
        except (KeyError, TypeError) as error:
            raise CorpusError(f"{path}:{number}: not a kind of sound: {error}") from error
    return found


def read_scripts(path: Path | None = None) -> tuple[Script, ...]:
    """The instructions and what they ask for.

    Raises:
        CorpusError: naming the line, if the list cannot be used.
    """
    path = path or ASSETS / "nano_stories_scripts.jsonl"
    found: list[Script] = []
    for number, entry in read_objects(path):
        try:
            found.append(Script(**{**entry, "events": tuple(map(_moment, entry["events"]))}))
        except (KeyError, TypeError) as error:
            raise CorpusError(f"{path}:{number}: not a script: {error}") from error
    return tuple(found)


def _moment(entry: Mapping[str, Any]) -> Moment:
    return Moment(**{**entry, "sounds": tuple(Cue(**sound) for sound in entry["sounds"])})
