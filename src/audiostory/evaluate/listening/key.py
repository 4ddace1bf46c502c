"""The key of a study: which system each track is of. The experimenter keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audiostory.audio.waveform import atomic_output
from audiostory.config import from_json, to_json
from audiostory.errors import ConfigError, MeasureError

KEY_FORMAT = "audiostory-listening-key"
KEY_FILE = "key.json"
VERSION = 1
"""Of key, page and answers: what one version writes, another refuses to read."""


@dataclass(frozen=True, kw_only=True)
class KeySound:
    """A track and whose it is."""

    system: str
    item: str
    duration_s: float = 0.0
    lufs: float | None = None
    """Loudness before it is encoded; None for silence."""
    digest: str = ""
    """First 12 hex digits of the sha256 of the file that is heard."""


@dataclass(frozen=True, kw_only=True)
class KeyTrial:
    """A track in one participant's sheet."""

    participant: str
    sound: str
    """Token in ``Key.sounds``."""
    position: int
    """Place in the sheet, from 0."""
    block: int
    """Tracks of one block share a text and follow one another."""
    is_repeat: bool
    """Whether the participant has scored this track before."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """All that the page does not say."""

    study: str
    """12 hex digits that answers name the study by."""
    title: str
    seed: int
    min_listened: float
    """Share of a track that had to be heard before it could be scored."""
    systems: tuple[str, ...]
    instructions: dict[str, str]
    """Text by item id."""
    texts: dict[str, str]
    """Name of the text on the page, by item id."""
    sounds: dict[str, KeySound]
    """By the token that is the name of the sound on the page."""
    trials: dict[str, KeyTrial]
    """By the token that answers name."""
    format: str = KEY_FORMAT
    version: int = VERSION

    @property
    def participants(self) -> tuple[str, ...]:
        """Ids of everyone the study was made for, in order."""
        return tuple(sorted({trial.participant for trial in self.trials.values()}))

    def trials_of(self, participant: str) -> dict[str, KeyTrial]:
        """The trials of one participant by token, in the order of the sheet."""
        own = [(token, one) for token, one in self.trials.items() if one.participant == participant]
        return dict(sorted(own, key=lambda pair: pair[1].position))


def write_key(key: Key, path: Path) -> None:
    """Write a key that ``read_key`` reads.

    Raises:
        OutputError: if the file exists or cannot be written.
    """
    with atomic_output(path, overwrite=False) as partial:
        partial.write_text(to_json(key), encoding="utf-8")


def read_key(path: Path) -> Key:
    """The key of a study.

    Raises:
        MeasureError: if it is missing, no key, or of another version.
    """
    try:
        key = from_json(Key, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MeasureError(
            f"{path} cannot be read ({error.strerror}): name the folder that the study was made in"
        ) from error
    except (ConfigError, UnicodeDecodeError) as error:
        raise MeasureError(f"{path} is not the key of a listening study: {error}") from error
    if (key.format, key.version) != (KEY_FORMAT, VERSION):
        raise MeasureError(
            f"{path} is {key.format} version {key.version}, not {KEY_FORMAT} version {VERSION}: "
            "score the study with the release that made it"
        )
    return key
