"""What stands under the tables: columns in words, and once what several of them share.

A column's detail names its encoder in full (``EncoderCard.described``), so that JSON, CSV and the
headings of the page part no number from its checkpoint. Read one under another, that line hides
what tells the columns apart: here it is listed once, and columns refer to it by a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from audiostory.evaluate.benchmark.results import Results
from audiostory.evaluate.metric import Column
from audiostory.evaluate.tuning import tuning_warning

ENCODER = re.compile(r"[^;]+, [\d.e+-]+ kHz [^;]+, [\d.e+-]+ s windows every [\d.e+-]+ s")
"""What an encoder's part of a detail looks like; parts are separated by semicolons."""
HEARD = (
    "Who heard the tracks: weights and their digest, rate, channels, windows. Notes on columns say "
    "which by its number. Tracks are resampled to an encoder's rate with soxr, at high quality."
)
FEW = 2
"""So many columns that follow each other name the same source each for itself."""


def encoder_numbers(results: Results) -> dict[str, str]:
    """What notes call an encoder, by each part of a detail that means it: its line, or its name."""
    lines = {card.name: card.described for card in results.encoders}
    meant: dict[str, str] = {}
    for part in (part for column in results.columns for part in _parts(column)):
        if part in lines or ENCODER.fullmatch(part):
            meant[part] = lines.get(part, part)
    order = list(dict.fromkeys(meant.values()))
    return {part: f"encoder {order.index(line) + 1}" for part, line in meant.items()}


def encoder_list(results: Results) -> list[tuple[str, str]]:
    """Encoders as notes call them, each with its line, and its name where its features are kept."""
    names: dict[str, list[str]] = {}
    for card in results.encoders:
        names.setdefault(card.described, []).append(card.name)
    lines = {card.name: card.described for card in results.encoders}
    listed = {number: lines.get(part, part) for part, number in encoder_numbers(results).items()}
    return [
        (number, f"{line} ({', '.join(names[line])})" if line in names else line)
        for number, line in listed.items()
    ]


def detail_of(column: Column, numbers: Mapping[str, str]) -> str:
    """A column's detail that refers to its encoders instead of describing them."""
    return "; ".join(numbers.get(part, part) for part in _parts(column))


def by_source(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    """Columns that follow each other, under the source that they share.

    The source is empty where the columns are few and each names its own.
    """
    runs = [(source, list(run)) for source, run in groupby(columns, lambda one: one.source)]
    return [(source if len(run) > FEW else "", run) for source, run in runs]


def of_source(columns: Sequence[Column]) -> str:
    """How the source of several columns is introduced, after them."""
    return f"Source of these {len(columns)}"


def tuning_warnings(results: Results) -> list[str]:
    """Of each system that was tuned on ranked sounds, which numbers are no evidence for it."""
    told = (
        tuning_warning(one.card.system, one.card.preferred_by, results.columns)
        for one in results.systems
    )
    return [line for line in told if line]


def _parts(column: Column) -> list[str]:
    return column.detail.split("; ")
