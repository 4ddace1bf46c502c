"""What every measure shares: a track beside its question, columns, and the two kinds of metric.

An ``ItemMetric`` gives each item a score, and its value over a set is their mean (coverage, CLAP
score, join quality). A ``SetMetric`` compares whole sets of features and has no score per item
(Frechet distance, KAD, Inception score). Resampling items gives both their intervals
(``statistics.resampling``), so a metric itself knows nothing of intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import Item
from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import Features
from audiostory.evaluate.statistics.resampling import Method
from audiostory.evaluate.statistics.samples import Resampled
from audiostory.story.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Column:
    """One number of a report: what it is called, and how to read it."""

    key: str
    """Stable name in JSON and CSV: ``fad_vggish``, ``coverage``."""
    title: str
    """Name in tables: ``FAD``."""
    better: Literal["lower", "higher", "neither"]
    detail: str = ""
    """What stands under the title: checkpoint, rate, channels, window; "embedded" where it is."""
    decimals: int = 3
    source: str = ""
    """Paper and equation the number is defined by."""
    section: str = "quality"
    """Heading the column is reported under: ``quality``, ``narrative``, ``judge``, ``embedded``,
    ``understanding``."""


@dataclass(frozen=True)
class Subject:
    """A system's answer to one item, and what it is compared with."""

    item: Item
    waveform: Waveform
    """The system's track."""
    plan: Plan | None
    """The plan its clips follow, where it has one."""
    features_of: Callable[[str], Features] = field(repr=False)
    """Features of the track by an encoder's name, computed once and kept."""
    reference: Waveform | None = None
    """The reference's track, where the set has one."""
    is_own_plan: bool = True
    """Whether the system wrote the plan itself: a plan that was given says nothing of its logic."""


class UnscoredError(MeasureError):
    """An item could not be scored this time; the next run tries again."""


class ItemMetric(Protocol):
    """Scores each item on its own; a set's value is the mean of the scores that exist."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The numbers it gives."""
        ...

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """A score for each column's key; None where the item has no such score.

        The class's docstring says why such an item does not count as 0.

        Raises:
            UnscoredError: if the score may exist, but could not be had now.
        """
        ...


class SetMetric(Protocol):
    """One number for a set of tracks beside a set of references."""

    @property
    def column(self) -> Column:
        """The number it gives."""
        ...

    @property
    def encoder(self) -> str:
        """Name of the encoder whose features it takes."""
        ...

    @property
    def needs_references(self) -> bool:
        """Whether it compares with references at all (Inception score does not)."""
        ...

    interval_method: ClassVar[Method]
    """The bootstrap interval that fits it: ``centred`` for distances of sets."""

    def value(self, own: Sequence[Features], reference: Sequence[Features]) -> float:
        """The number for items in order; ``own[i]`` and ``reference[i]`` answer the same item.

        Raises:
            MeasureError: if there are too few items, or they do not belong together.
        """
        ...

    def prepared(self, own: Sequence[Features], reference: Sequence[Features]) -> Resampled:
        """The number of any draw of the items, some of which come more than once.

        Raises:
            MeasureError: as ``value`` does.
        """
        ...
