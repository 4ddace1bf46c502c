"""Folders of runs read once, and whether they were asked and measured alike."""

from __future__ import annotations

from collections.abc import Sequence

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import RunCard, RunFolder
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.metric import Column

AGAIN = (
    "measure all systems alike, each with `audiostory evaluate run` once more and the same options "
    "(answers and other scores are kept)"
)
"""The way out where runs were not measured alike."""


class Run:
    """One folder, read once."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.card = folder, folder.card()
        self.encoders = {card.name for card in folder.encoders()}
        self.questions = folder.questions()
        measures = folder.measures()
        self.skipped = measures.skipped
        self.item_columns = [column for columns in measures.columns.values() for column in columns]
        records = {one.id: folder.kept_record(one.id) for one in self.questions}
        self.records = {key: one for key, one in records.items() if one is not None}
        self.answered = [
            one.id
            for one in self.questions
            if (kept := self.records.get(one.id)) and kept.has_track
        ]
        digests = {
            column.key: digest for digest, columns in measures.columns.items() for column in columns
        }
        kept = {one: folder.scores(one) for one in self.answered}
        self.unmeasured = {
            key: sum(digest not in scores for scores in kept.values())
            for key, digest in digests.items()
        }
        """Answered items without an entry of a column's metric."""
        self.scores: dict[str, tuple[float | None, ...]] = {
            key: tuple(kept.get(one.id, {}).get(digest, {}).get(key) for one in self.questions)
            for key, digest in digests.items()
        }


def notes_of(runs: Sequence[Run], references: RunFolder | None) -> tuple[str, ...]:
    """What is to be known of the set, each once, and which references are not the published."""
    notes = [note for run in runs for note in run.card.set_notes]
    if references is not None:
        records = (references.kept_record(one.id) for one in references.questions())
        remarks = [f"{one.item}: {one.remark}" for one in records if one and one.remark]
        if remarks:
            notes.append(f"{len(remarks)} references: {'; '.join(remarks)}")
    return tuple(dict.fromkeys(notes))


def check_alike(cards: Sequence[RunCard]) -> None:
    """Nothing, if these are runs of different systems on one set.

    Raises:
        MeasureError: if they are not.
    """
    if not cards:
        raise MeasureError("no runs to report: name the folder of a benchmark with one or more")
    names = [card.system for card in cards]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MeasureError(f"two runs are of the system {twice!r}: report one of them")
    sets = {(card.set_name, card.set_version) for card in cards}
    if len(sets) > 1:
        told = ", ".join(f"{name} {version}" for name, version in sorted(sets))
        raise MeasureError(f"runs on different sets ({told}) cannot stand in one report")


def merged_columns(runs: Sequence[Run]) -> tuple[Column, ...]:
    """Each column of an item metric once, in the order of their first appearance.

    Raises:
        MeasureError: if a column was measured in two ways.
    """
    found: dict[str, tuple[Column, str]] = {}
    for run in runs:
        for column in run.item_columns:
            other, name = found.setdefault(column.key, (column, run.card.system))
            if other != column:
                raise MeasureError(
                    f"{column.title!r} was measured in different ways, of {name} ({other.detail}) "
                    f"and of {run.card.system} ({column.detail}): {AGAIN}"
                )
    return tuple(column for column, _ in found.values())


def check_keys(columns: Sequence[Column]) -> None:
    """Nothing, if no two numbers go by one name.

    Raises:
        MeasureError: if two do.
    """
    found: dict[str, Column] = {}
    for column in columns:
        other = found.setdefault(column.key, column)
        if other is not column:
            raise MeasureError(
                f"two numbers are called {column.key!r}: {other.title} ({other.detail}) and "
                f"{column.title} ({column.detail}): {AGAIN}; what is measured in two ways needs "
                "two folders (--out)"
            )


def encoders_of(runs: Sequence[Run]) -> tuple[EncoderCard, ...]:
    """The encoders that heard the tracks of any run, by name.

    Raises:
        MeasureError: if two runs were heard by different encoders of one name.
    """
    found: dict[str, tuple[EncoderCard, str]] = {}
    for run in runs:
        for card in run.folder.encoders():
            other, name = found.setdefault(card.name, (card, run.card.system))
            if other != card:
                raise MeasureError(
                    f"two encoders are called {card.name!r}, that of {name} ({other.described}) "
                    f"and that of {run.card.system} ({card.described}): {AGAIN}"
                )
    return tuple(card for card, _ in found.values())
