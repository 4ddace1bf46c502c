"""The soundfont whose sounds are heard: where it is, what licence it has, whom to name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import CorpusError

DEFAULT_SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
"""Where Debian's package fluid-soundfont-gm puts it."""
FLUID_SHA256 = "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0"
"""FluidR3_GM.sf2 of Debian's fluid-soundfont 3.1."""
FLUID_LICENSE = "MIT"
FLUID_ATTRIBUTION = (
    "Fluid R3 GM soundfont, Copyright 2000-2002, 2008 Frank Wen, 2008 Toby Smithe, and contributors"
)


@dataclass(frozen=True, kw_only=True)
class Soundfont:
    """Whose sounds are heard."""

    name: str
    """Of the file."""
    sha256: str
    license: str
    """Of the clips made with it: its own."""
    attribution: str
    """Whom to name."""


def soundfont_at(path: Path, *, license: str = "", attribution: str = "") -> Soundfont:
    """The soundfont in a file, with its licence; that of Fluid R3 GM is known.

    Args:
        path: the file.
        license: of any other soundfont.
        attribution: whom to name for any other soundfont.

    Raises:
        CorpusError: if there is no such file, or its licence is not known.
    """
    if not path.is_file():
        raise CorpusError(
            f"there is no soundfont at {path}: Debian's and Ubuntu's package fluid-soundfont-gm "
            f"(MIT licence) puts one at {DEFAULT_SOUNDFONT}; name any other with --soundfont"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest == FLUID_SHA256:
        license, attribution = FLUID_LICENSE, FLUID_ATTRIBUTION
    if not license or not attribution:
        raise CorpusError(
            f"{path} is not the Fluid R3 GM soundfont whose licence is known: say what applies "
            "to its sounds with --license and whom to name with --attribution"
        )
    return Soundfont(name=path.name, sha256=digest, license=license, attribution=attribution)
