"""The test sets there are, by the names that commands know them by.

A name may carry options of its set's reader, as in ``audiocaps?choice=all``,
``unav-100?min_duration_s=30`` or ``audiostory-10k?source=natural&split=train``.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.question import QuestionSet
from audiostory.errors import CorpusError

_READERS = {
    "nano-stories": "nano_stories.load_nano_stories",
    "audiocaps": "audiocaps.load_audiocaps",
    "clotho": "clotho.load_clotho",
    "unav-100": "unav100.load_unav100",
    "audiostory-10k": "audiostory10k.load_audiostory10k",
}
_QUESTION_READERS = {"clotho-aqa": "clotho_aqa.load_clotho_aqa"}
SETS = tuple(_READERS)
"""Names of the sets that systems answer with sound."""
QUESTION_SETS = tuple(_QUESTION_READERS)
"""Names of the sets of questions about recordings."""
SHIPPED = "nano-stories"
"""The one whose questions come with the package; its folder holds only the reference sounds."""


def load_set(name: str, folder: Path | None, *, max_missing: int = 0, **options: Any) -> ItemSet:
    """The set of a name.

    Args:
        name: one of ``SETS``; after ``?`` may stand options of its reader, ``&`` between them.
        folder: where the data set lies; None, for ``nano-stories`` alone, is no reference sounds.
        max_missing: recordings of its list that may be missing.
        options: more keyword arguments of the set's reader.

    Raises:
        CorpusError: if there is no set of that name, its reader has no such option, it needs a
            folder, or its files cannot be used.
    """
    return _loaded(_READERS, name, folder, max_missing, options)


def load_questions(name: str, folder: Path | None, *, max_missing: int = 0) -> QuestionSet:
    """The set of questions about recordings of a name; arguments and errors as of ``load_set``."""
    return _loaded(_QUESTION_READERS, name, folder, max_missing, {})


def set_called(name: str) -> str:
    """The name of a set without its options."""
    return name.partition("?")[0]


def _loaded(
    readers: Mapping[str, str],
    name: str,
    folder: Path | None,
    max_missing: int,
    options: Mapping[str, Any],
) -> Any:
    called, _, written = name.partition("?")
    if called not in readers:
        raise CorpusError(f"there is no test set {called!r}: use one of {', '.join(readers)}")
    if folder is None and called != SHIPPED:
        raise CorpusError(f"{called} does not come with the package: name the folder it lies in")
    module, _, function = readers[called].partition(".")
    reader: Callable[..., Any] = getattr(import_module(f"audiostory.data.sets.{module}"), function)
    known = list(inspect.signature(reader).parameters)[1:]
    given = dict(parse_qsl(written, keep_blank_values=True))
    unknown = [option for option in (*given, *options) if option not in known]
    if unknown:
        raise CorpusError(
            f"{called} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    hints = get_type_hints(reader)
    values = {option: _value(called, option, text, hints) for option, text in given.items()}
    if "max_missing" in known:
        values = {"max_missing": max_missing} | values
    elif max_missing:
        raise CorpusError(f"of {called} nothing may be missing: leave max_missing out")
    return reader(folder, **{**values, **options})


def _value(called: str, option: str, text: str, hints: Mapping[str, Any]) -> Any:
    """An option's value, of the type that the reader states."""
    kind = hints[option]
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            choices = ", ".join(get_args(kind))
            raise CorpusError(f"{called}?{option}={text}: choose from {choices}")
        return text
    try:
        return kind(text)
    except ValueError:
        raise CorpusError(f"{called}?{option}={text}: give a number") from None
