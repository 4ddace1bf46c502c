"""How far a system's tracks lie from the references: FD, FAD, FD_openl3, KAD.

Each metric takes the card of an encoder, not the encoder: features come from outside, computed
once. The same class serves every encoder: ``FrechetDistance`` of VGGish is the FAD, of Cnn14 the
FD, of OpenL3 the FD_openl3.

What is pooled is a field and stands in the column's detail. ``windows`` makes every window of
every item a sample (FAD and FD_openl3 as usual); long tracks then weigh more. ``items`` makes one
sample of each item, the mean over its windows (FD as usual, whose network hears a 10 s clip at
once; of longer tracks the mean is ours). ``layers`` makes one sample of each of MERT's 13 layers of
an item, as audioldm_eval does. ``protocols`` says which is whose.

Every metric has ``prepared``: what ``value`` is for any draw of items, at a fraction of the cost,
and ``interval_method``, the bootstrap interval that fits it. Numbers of what a classifier hears are
in ``heard_classes``, the fit to words in ``clap_score``.

Shapes: ``n`` samples of an item, ``D`` width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from audiostory.evaluate.encoders.encoder import EncoderCard, Features
from audiostory.evaluate.metric import Column
from audiostory.evaluate.statistics.extrapolation import Extrapolation, extrapolated
from audiostory.evaluate.statistics.frechet import Distance, frechet_distance
from audiostory.evaluate.statistics.frechet_resampling import resampled_frechet
from audiostory.evaluate.statistics.kernel import resampled_kernel
from audiostory.evaluate.statistics.resampling import Method
from audiostory.evaluate.statistics.samples import Resampled, Rows

Pooling = Literal["windows", "items", "layers"]
_POOLED = {
    "windows": "samples: all windows of all items",
    "items": "samples: one an item, the mean over its windows",
    "layers": "samples: each layer of each item, means over time",
}


def pooled(side: Sequence[Features], pooling: Pooling) -> list[Rows]:
    """The samples (n, D) that each item gives, float64.

    Raises:
        MeasureError: if layers are asked of an encoder that has not MERT's 13.
    """
    rows = [np.asarray(each.embeddings, dtype=np.float64) for each in side]
    if pooling == "windows":
        return rows
    means = [each.mean(axis=0, keepdims=True) for each in rows]
    if pooling == "items":
        return means
    from audiostory.evaluate.encoders.mert import layers_of  # loads torch, for MERT alone

    return [layers_of(each)[0] for each in means]


@dataclass(frozen=True, kw_only=True)
class OfEncoder:
    """A number computed from the features of one encoder."""

    card: EncoderCard
    """The encoder that hears tracks and references."""
    key: str
    """Stable name of the column: ``fad_vggish``."""
    title: str
    """Name of the column in tables: ``FAD``."""

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.card.name

    def column_with(self, better: Literal["lower", "higher"], detail: str, source: str) -> Column:
        """The column, with all that makes its numbers comparable in the detail."""
        return Column(
            key=self.key,
            title=self.title,
            better=better,
            detail=f"{self.card.described}; {detail}",
            source=source,
            section="embedded" if self.card.is_embedded else "quality",
        )


@dataclass(frozen=True, kw_only=True)
class FrechetDistance(OfEncoder):
    """Squared Frechet distance of a system's samples from the references'; lower is better.

    With no more samples than dimensions it is biased upwards and only comparable at the same
    number of samples: ``summary`` says so.
    """

    pooling: Pooling = "windows"

    needs_references = True
    interval_method: ClassVar[Method] = "centred"

    @property
    def column(self) -> Column:
        """The distance's column."""
        return self.column_with("lower", _POOLED[self.pooling], "arXiv:1812.08466, Sec. 3")

    def value(self, own: Sequence[Features], reference: Sequence[Features]) -> float:
        """The distance; ``own[i]`` and ``reference[i]`` answer the same item, no item twice.

        Raises:
            MeasureError: if the sets differ in items or width, or hold fewer than two samples.
        """
        return self.prepared(own, reference)(np.arange(len(own)))

    def prepared(self, own: Sequence[Features], reference: Sequence[Features]) -> Resampled:
        """The distance of any draw of items, cheap enough to be asked a thousand times.

        Raises:
            MeasureError: as ``value`` does.
        """
        return resampled_frechet(pooled(own, self.pooling), pooled(reference, self.pooling))

    def summary(self, own: Sequence[Features], reference: Sequence[Features]) -> Distance:
        """The distance with the numbers of samples and what is wrong with so few.

        Raises:
            MeasureError: as ``value`` does, but for sets that differ in items.
        """
        sides = (np.concatenate(pooled(side, self.pooling)) for side in (own, reference))
        return frechet_distance(*sides)

    def at_infinity(
        self,
        own: Sequence[Features],
        reference: Sequence[Features],
        *,
        smallest: int | None = None,
        seed: int = 0,
    ) -> Extrapolation:
        """The distance of infinitely many of the system's samples (FAD-infinity).

        Args:
            own: features of the system's tracks.
            reference: features of the references, which stay whole.
            smallest: samples of the smallest subset; None takes one more than dimensions.
            seed: of the subsets.

        Raises:
            MeasureError: if there are hardly more samples than ``smallest``.
        """
        rows, others = (np.concatenate(pooled(side, self.pooling)) for side in (own, reference))
        return extrapolated(
            lambda samples: frechet_distance(rows[samples], others).value,
            len(rows),
            smallest=rows.shape[1] + 1 if smallest is None else smallest,
            seed=seed,
        )


@dataclass(frozen=True, kw_only=True)
class KernelDistance(OfEncoder):
    """Kernel Audio Distance of a system's samples from the references'; lower is better.

    Unbiased however few the samples, and so at times a little below 0.
    """

    pooling: Pooling = "items"

    needs_references = True
    interval_method: ClassVar[Method] = "centred"

    @property
    def column(self) -> Column:
        """The distance's column."""
        detail = f"{_POOLED[self.pooling]}, x100, bandwidth: median distance of references"
        return self.column_with("lower", detail, "arXiv:2502.15602; scale as in kadtk")

    def value(self, own: Sequence[Features], reference: Sequence[Features]) -> float:
        """The distance; ``own[i]`` and ``reference[i]`` answer the same item, no item twice.

        Raises:
            MeasureError: if the sets differ in items or width, hold fewer than two samples, or
                most references coincide.
        """
        return self.prepared(own, reference)(np.arange(len(own)))

    def prepared(self, own: Sequence[Features], reference: Sequence[Features]) -> Resampled:
        """The distance of any draw of items; copies of an item never meet.

        Raises:
            MeasureError: as ``value`` does.
        """
        return resampled_kernel(pooled(own, self.pooling), pooled(reference, self.pooling))
