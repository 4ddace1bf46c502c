"""Numbers of whole sets, from features on disk: which items count, and what any draw of them gives.

Nothing is heard here, and what was read or computed once is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.encoders.encoder import EncoderCard, Features
from audiostory.evaluate.metric import SetMetric
from audiostory.evaluate.quality import FrechetDistance
from audiostory.evaluate.statistics.samples import Indices, Resampled


class SetNumbers:
    """The metrics of whole sets for some systems.

    Args:
        folders: the run of each system, by its name.
        references: where the references' features are; None if they were not heard.
        metrics: what is computed.
        encoders: whose features count: those of another card of the same name do not.
    """

    def __init__(
        self,
        folders: Mapping[str, RunFolder],
        references: RunFolder | None,
        metrics: Sequence[SetMetric],
        encoders: Sequence[EncoderCard],
    ) -> None:
        self.metrics = {metric.column.key: metric for metric in metrics}
        self.folders = folders
        self.cards = {card.name: card for card in encoders}
        self.references = references
        self._heard: dict[tuple[str, str], dict[str, Features]] = {}
        self._statistics: dict[tuple[str, str, tuple[str, ...]], Resampled] = {}

    def items(self, key: str, system: str, answered: Sequence[str]) -> tuple[str, ...]:
        """The answered items whose tracks (and references, where needed) were heard.

        Raises:
            MeasureError: saying what is missing, if there are fewer than two.
        """
        metric = self.metrics[key]
        own = self._features(self.folders[system], metric, answered)
        known = [one for one in answered if one in own]
        if metric.needs_references:
            if self.references is None:
                raise MeasureError(
                    "no references: run it once more with the folder of the set's sounds, --corpus"
                )
            heard = self._features(self.references, metric, known)
            known = [one for one in known if one in heard]
        if len(known) < 2:
            raise MeasureError(
                f"{len(known)} items were heard by {metric.encoder} here and among the references"
            )
        return tuple(known)

    def num_unheard(self, key: str, system: str, answered: Sequence[str]) -> int:
        """How many answered items miss in the number since nobody has heard them yet.

        Their own tracks, or references that are there: a run that was stopped, or an encoder that
        took another's place.
        """
        metric = self.metrics[key]
        own = self._features(self.folders[system], metric, answered)
        missing = {one for one in answered if one not in own}
        if metric.needs_references and self.references is not None:
            heard = self._features(self.references, metric, answered)
            records = {one: self.references.kept_record(one) for one in answered}
            missing |= {
                one
                for one, record in records.items()
                if record is not None and record.has_track and one not in heard
            }
        return len(missing)

    def statistic(self, key: str, system: str, items: tuple[str, ...]) -> Resampled:
        """The number of any draw of ``items``; the same draw is computed once."""
        place = (key, system, items)
        if place not in self._statistics:
            metric = self.metrics[key]
            own = self._features(self.folders[system], metric, items)
            reference = {}
            if metric.needs_references and self.references is not None:
                reference = self._features(self.references, metric, items)
            self._statistics[place] = _remembered(
                metric.prepared(
                    [own[one] for one in items], [reference[one] for one in items if reference]
                )
            )
        return self._statistics[place]

    def warning(self, key: str, system: str, items: tuple[str, ...]) -> str:
        """What is wrong with a Frechet distance of so few samples; empty for other numbers."""
        metric = self.metrics[key]
        if not isinstance(metric, FrechetDistance) or self.references is None:
            return ""
        own = self._features(self.folders[system], metric, items)
        reference = self._features(self.references, metric, items)
        found = metric.summary([own[one] for one in items], [reference[one] for one in items])
        return found.warning or ""

    def _features(
        self, folder: RunFolder, metric: SetMetric, items: Sequence[str]
    ) -> dict[str, Features]:
        place = (str(folder.path), metric.encoder)
        kept = self._heard.setdefault(place, {})
        card = self.cards[metric.encoder]
        for one in items:
            if one not in kept and (heard := folder.features(card, one)) is not None:
                kept[one] = heard
        return kept


def _remembered(statistic: Resampled) -> Resampled:
    known: dict[bytes, float] = {}

    def value(items: Indices) -> float:
        place = items.tobytes()
        if place not in known:
            known[place] = statistic(items)
        return known[place]

    return value
