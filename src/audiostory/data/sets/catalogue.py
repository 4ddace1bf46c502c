"""The test sets there are, by the names that commands know them by."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from audiostory.data.sets.item import ItemSet
from audiostory.errors import CorpusError

_READERS = {
    "nano-stories": "nano_stories.load_nano_stories",
    "audiocaps": "audiocaps.load_audiocaps",
    "clotho": "clotho.load_clotho",
    "unav-100": "unav100.load_unav100",
    "audiostory-10k": "audiostory10k.load_audiostory10k",
}
SETS = tuple(_READERS)
"""Names of the sets."""
SHIPPED = "nano-stories"
"""The one whose questions come with the package; its folder holds only the reference sounds."""


def load_set(name: str, folder: Path | None, **options: Any) -> ItemSet:
    """The set of a name.

    Args:
        name: one of ``SETS``.
        folder: where the data set lies; None, for ``nano-stories`` alone, is no reference sounds.
        options: keyword arguments of the set's reader, such as ``max_missing``.

    Raises:
        CorpusError: if there is no set of that name, its reader has no such option, it needs a
            folder, or its files cannot be used.
    """
    if name not in _READERS:
        raise CorpusError(f"there is no test set {name!r}: use one of {', '.join(SETS)}")
    if folder is None and name != SHIPPED:
        raise CorpusError(f"{name} does not come with the package: name the folder it lies in")
    module, _, function = _READERS[name].partition(".")
    reader: Callable[..., ItemSet] = getattr(
        import_module(f"audiostory.data.sets.{module}"), function
    )
    known = list(inspect.signature(reader).parameters)[1:]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise CorpusError(
            f"{name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    return reader(folder, **options)
