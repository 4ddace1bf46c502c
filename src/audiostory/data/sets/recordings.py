"""Sound files of a data set: found by name, as long as they should be, none missing unsaid."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import soundfile

from audiostory.audio.waveform import SUFFIXES, Waveform, load
from audiostory.errors import AudioError, CorpusError

CLEAN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
MAX_ID_CHARS = 96


class Recordings:
    """The sound files of one folder, by their names without suffix.

    Raises:
        CorpusError: if there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: Mapping[str, list[Path]] = defaultdict(list)
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            raise CorpusError(
                f"cannot list the sound files of {folder}: {error.strerror}; "
                "name the folder that holds them"
            ) from error
        for path in paths:
            if path.suffix.lower() in SUFFIXES and path.is_file():
                self._files[path.stem].append(path)

    def find(self, stems: Iterable[str]) -> Path | None:
        """The one file that has any of the names; None if there is none.

        Raises:
            CorpusError: if several files do, since nobody can say which of them is meant.
        """
        found = [path for stem in dict.fromkeys(stems) for path in self._files.get(stem, ())]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise CorpusError(f"{self.folder}: {names} are one recording: keep one of them")
        return found[0] if found else None


def note_missing(missing: list[str], total: int, *, max_missing: int, folder: Path) -> list[str]:
    """What a report has to say of recordings that are not there: nothing, or one note.

    Args:
        missing: ids of those that are not there.
        total: how many there should be.
        max_missing: how many may be missing.
        folder: where they were looked for.

    Raises:
        CorpusError: if more are missing than may be.
    """
    if not missing:
        return []
    if len(missing) > max_missing:
        named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise CorpusError(
            f"{len(missing)} of {total} recordings are not in {folder} ({named}); at most "
            f"{max_missing} may be missing: download them, or go on without them: "
            f"--max-missing {len(missing)} (max_missing={len(missing)} in Python)"
        )
    return [f"{len(missing)} of {total} recordings are missing and left out: {', '.join(missing)}"]


def edition_of(*parts: str, present: int, total: int) -> str:
    """The version of a set: what it was made of, and how much of that is there, if not all."""
    return "-".join((*parts, *([f"{present}of{total}"] if present < total else ())))


def length_of(path: Path) -> float:
    """Seconds that a sound file lasts, read from its header.

    Raises:
        CorpusError: if it is no sound file, or holds no samples.
    """
    try:
        information = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise CorpusError(
            f"{path} cannot be read as sound ({error}): download it anew, or remove it"
        ) from error
    if not information.frames:
        raise CorpusError(f"{path} holds no samples: download it anew, or remove it")
    return information.frames / information.samplerate


def waveform_of(path: Path) -> Waveform:
    """The sound in a file of a data set.

    Raises:
        CorpusError: if it cannot be read.
    """
    try:
        return load(path)
    except AudioError as error:
        raise CorpusError(str(error)) from error


def inside(name: str, place: str) -> PurePosixPath:
    """A path that a manifest gives, if it stays inside the data set's folder.

    Args:
        name: the path, relative to the folder, with ``/`` between its parts.
        place: file and line it was read from.

    Raises:
        CorpusError: if it is empty, absolute, or leads outside.
    """
    path = PurePosixPath(name)
    leads_out = path.is_absolute() or ".." in path.parts or bool(re.match(r"[A-Za-z]:", name))
    if not path.name or leads_out or "\\" in name or "\0" in name:
        raise CorpusError(
            f"{place}: {name!r} is no path inside the data set: give one relative to its folder"
        )
    return path


def id_of(name: str) -> str:
    """An item's id made of any name: the name itself where it can be a file's.

    Otherwise what cannot stand in a file name becomes ``_``, and six hex digits of the name's
    sha256 keep apart what would look the same.
    """
    if CLEAN.fullmatch(name) and len(name) <= MAX_ID_CHARS:
        return name
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[: MAX_ID_CHARS - 7].strip("_")
    return f"{readable or 'item'}-{hashlib.sha256(name.encode('utf-8')).hexdigest()[:6]}"
