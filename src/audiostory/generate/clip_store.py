"""Finished sound, kept by what determines it: in memory, or in a folder beside the track.

A key is a digest of everything that decides how a take sounds, so a take found under its key need
not be made again: that is resuming, and it is also why an edited plan renders only what changed.
Takes that were made together are put in place together, by renaming one folder: after a crash a
group is there whole or not at all, and a resumed run batches as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from audiostory.audio.waveform import Waveform, load, save
from audiostory.errors import AudioError, OutputError

logger = logging.getLogger(__name__)

PARTIAL = ".part"
"""Ends the names of folders that are still being written."""


class TakeStore(Protocol):
    """Finished takes by key."""

    def find(self, key: str, num_samples: int) -> Waveform | None:
        """The finished take, exactly as it was made, or None."""
        ...

    def commit(self, group: Mapping[str, Waveform]) -> None:
        """Keep the takes of one group."""
        ...


def content_key(**facts: object) -> str:
    """A name for whatever the JSON-like ``facts`` determine: equal facts, equal key."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class MemoryStore:
    """Takes kept for as long as the object lives."""

    def __init__(self) -> None:
        self._takes: dict[str, Waveform] = {}

    def find(self, key: str, num_samples: int) -> Waveform | None:
        """The take under ``key``, or None."""
        return self._takes.get(key)

    def commit(self, group: Mapping[str, Waveform]) -> None:
        """Keep the takes of one group."""
        self._takes.update(group)


class FolderStore:
    """Takes kept in a folder, as 32-bit float wav files that any player opens.

    Args:
        folder: where takes are kept; made if it is not there.
        also: further folders to look takes up in; those that are not there hold none.

    Raises:
        OutputError: if the folder cannot be made.
    """

    def __init__(self, folder: Path, *, also: Iterable[Path] = ()) -> None:
        self.folder = folder
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_keep(folder, error) from error
        self._paths = {
            path.stem: path
            for place in (*also, folder)
            for path in sorted(place.glob("*/*.wav"))
            if not path.parent.name.endswith(PARTIAL)
        }

    def find(self, key: str, num_samples: int) -> Waveform | None:
        """The take under ``key``, or None; a damaged file is set aside and logged."""
        path = self._paths.get(key)
        if path is None:
            return None
        try:
            waveform = load(path)
        except AudioError as error:
            logger.warning("%s is damaged and will be rendered again: %s", path, error)
        else:
            if waveform.num_samples == num_samples:
                return waveform
            logger.warning("%s has another length and will be rendered again", path)
        del self._paths[key]
        return None

    def commit(self, group: Mapping[str, Waveform]) -> None:
        """Write the takes of one group; all of them appear at once.

        Raises:
            OutputError: if they cannot be written; finished groups stay.
        """
        name = content_key(takes=sorted(group))
        partial, final = self.folder / f"{name}{PARTIAL}", self.folder / name
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            for key, waveform in group.items():
                save(waveform, partial / f"{key}.wav", subtype="FLOAT")
            if final.exists():  # holds a damaged take, else there was nothing to render
                shutil.rmtree(final)
            partial.rename(final)
        except OSError as error:
            raise cannot_keep(self.folder, error) from error
        except OutputError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise OutputError(
                f"{error}; finished clips are kept in {self.folder}, --resume continues"
            ) from error
        self._paths |= {key: final / f"{key}.wav" for key in group}


def cannot_keep(folder: Path, error: OSError) -> OutputError:
    """The error to raise where finished clips cannot be written."""
    reason = error.strerror or str(error)
    return OutputError(
        f"finished clips cannot be kept in {folder}: {reason}; make room or choose another folder "
        "for the track, and go on with --resume"
    )
