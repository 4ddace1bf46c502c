"""The files of one track, and whether they may be written."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import OutputError


@dataclass(frozen=True)
class TrackFiles:
    """A track and what stands beside it under the same name."""

    track: Path

    @property
    def plan(self) -> Path:
        """The plan: ``a.story.json`` beside ``a.wav``."""
        return self.track.with_suffix(".story.json")

    @property
    def clips(self) -> Path:
        """The folder of finished clips: ``a.clips``."""
        return self.track.with_suffix(".clips")

    @property
    def picture(self) -> Path:
        """The picture: ``a.png``."""
        return self.track.with_suffix(".png")


def clips_beside(plan: Path) -> Path:
    """Where ``generate`` kept the clips of a plan that it wrote."""
    return plan.with_name(plan.name.removesuffix(".json").removesuffix(".story") + ".clips")


def check_can_write(path: Path, *, overwrite: bool) -> None:
    """Nothing, if ``path`` can be written; found out before any work is done.

    Raises:
        OutputError: if it exists and may not be replaced, or its folder takes no files.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists: choose another name, or replace it with --overwrite")
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder}: make it first, or write elsewhere")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"nothing can be written to {folder} ({error.strerror}): choose another folder"
        ) from error
