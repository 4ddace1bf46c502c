"""The 527 classes of AudioSet, in the order in which classifiers answer."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

from audiostory.errors import CheckpointError

NUM_CLASSES = 527


def audioset_labels() -> tuple[str, ...]:
    """Names of the classes by index: ``class_labels_indices.csv`` as AudioSet publishes it.

    Source: Gemmeke et al., Audio Set, ICASSP 2017; CC BY 4.0, Google Inc. The file shipped here is
    the published one (sha256 cdd1049833c4b86127c2773ac0d14a2754b6a6d0d1798002ed5c66e699708429).
    """
    return _parsed(
        (files("audiostory.evaluate") / "assets" / "audioset_labels.csv").read_text("utf-8"),
        "the table of AudioSet's classes",
    )


def read_labels(path: Path) -> tuple[str, ...]:
    """Names of classes from a table with the columns ``index`` and ``display_name``.

    Raises:
        CheckpointError: if there is no such table, or its indices do not count from 0.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"the table of classes {path} cannot be read: {error}") from error
    return _parsed(text, str(path))


def _parsed(text: str, source: str) -> tuple[str, ...]:
    rows = list(csv.DictReader(text.splitlines()))
    columns = set(rows[0]) if rows else set()
    if not {"index", "display_name"} <= columns:
        raise CheckpointError(f"{source} needs the columns index and display_name")
    if [row["index"] for row in rows] != [str(index) for index in range(len(rows))]:
        raise CheckpointError(f"{source}: the indices have to count from 0 without a gap")
    return tuple(row["display_name"] for row in rows)
