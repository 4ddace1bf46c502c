"""What is measured in a run: encoders that hear, metrics that score, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from audiostory.data.cache import key_of
from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import AudioEncoder
from audiostory.evaluate.metric import Column, ItemMetric


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A metric that is not measured."""

    metric: str
    reason: str
    """What is missing, and how to get it."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What is measured."""

    encoders: Mapping[str, AudioEncoder] = field(default_factory=dict)
    """By the name in their cards; every one of them hears every track."""
    item_metrics: tuple[ItemMetric, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    """What is not measured, and why."""

    def __post_init__(self) -> None:
        """Refuse encoders under wrong names, and columns that two metrics give."""
        for name, encoder in self.encoders.items():
            if encoder.card.name != name:
                raise MeasureError(f"the encoder {encoder.card.name!r} is listed as {name!r}")
        keys = [column.key for metric in self.item_metrics for column in metric.columns]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise MeasureError(f"two metrics give the column {twice!r}: leave one of them out")

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of all item metrics."""
        return tuple(column for metric in self.item_metrics for column in metric.columns)


def digest_of(columns: Iterable[Column]) -> str:
    """A short name that changes with anything that its columns say of a metric."""
    return key_of([asdict(column) for column in columns])
