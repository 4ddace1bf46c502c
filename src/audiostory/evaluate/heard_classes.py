"""What a classifier hears in tracks and in their references: KL divergence, Inception score.

Windows of an item become one distribution over classes, the mean over them; ``Classes`` says of
what. As in ``quality``, metrics take the card of an encoder, and ``prepared`` is ``value`` for any
draw of items.

Shapes: ``K`` windows of an item, ``G`` classes, ``N`` items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import Features
from audiostory.evaluate.metric import Column
from audiostory.evaluate.quality import OfEncoder, pooled
from audiostory.evaluate.statistics.divergence import (
    inception_score,
    kl_of_pairs,
    kl_sigmoid_of_pairs,
    logits_of_sigmoid,
    softmax,
)
from audiostory.evaluate.statistics.resampling import Method
from audiostory.evaluate.statistics.samples import (
    Indices,
    Resampled,
    Rows,
    checked,
    stacked,
    stacked_pairs,
)


@dataclass(frozen=True, kw_only=True)
class Classes:
    """How one distribution over classes comes out of an item's windows."""

    given: Literal["sigmoid", "softmax"] = "sigmoid"
    """What the encoder's probabilities are: AudioSet taggers give sigmoids, one a class."""
    mean_of: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged over windows; stable-audio-metrics averages logits."""
    taken: Literal["softmax", "sigmoid"] = "softmax"
    """What is compared: ``softmax`` of the logits, as the field's KL and Inception score, or
    ``sigmoid`` outputs, as audioldm_eval's KL_sigmoid."""

    def of(self, features: Features, encoder: str) -> Rows:
        """One row (1, G) of an item's probabilities.

        Raises:
            MeasureError: if the encoder gives none, or they are not between 0 and 1.
        """
        if features.probabilities is None:
            raise MeasureError(
                f"the encoder {encoder} gives no class probabilities: take one that classifies, "
                "such as cnn14-32k, passt or ast"
            )
        logits = self._logits(checked(features.probabilities))
        if self.mean_of == "logits":
            logits = logits.mean(axis=0, keepdims=True)
        if self.taken == "sigmoid":
            return (1 / (1 + np.exp(-logits))).mean(axis=0, keepdims=True)
        return softmax(logits).mean(axis=0, keepdims=True)

    def _logits(self, probabilities: Rows) -> Rows:
        """Logits (K, G): of a softmax up to a constant, which a softmax does not see."""
        if self.given == "sigmoid":
            return logits_of_sigmoid(probabilities)
        if self.taken == "sigmoid":
            raise MeasureError(
                "logits of a softmax are known up to a constant only, so no sigmoid can be taken "
                "of them: compare softmax outputs"
            )
        return np.log(np.maximum(probabilities, 2.0**-149))  # what float32 rounds to 0

    @property
    def described(self) -> str:
        """The part of a column's detail that says what is compared."""
        return f"{self.taken} outputs, mean of {self.mean_of} over windows"


_DIRECTIONS = {
    "reference": ("reference || own", "haoheliu/audioldm_eval, metrics/kl.py"),
    "own": ("own || reference", "Stability-AI/stable-audio-metrics, src/passt_kld.py"),
}


@dataclass(frozen=True, kw_only=True)
class KlDivergence(OfEncoder):
    """Mean divergence between what is heard in a track and in its own reference; lower is better.

    One distribution an item, so long tracks with many different sounds are all alike: it says
    whether the right sounds are there, not when.
    """

    classes: Classes = Classes()
    weighted_by: Literal["reference", "own"] = "reference"
    """The p of KL(p || q): the reference in audioldm_eval, the track in stable-audio-metrics."""

    needs_references = True
    interval_method: ClassVar[Method] = "percentile"

    @property
    def column(self) -> Column:
        """The divergence's column."""
        sides, source = _DIRECTIONS[self.weighted_by]
        return self.column_with("lower", f"KL({sides}), {self.classes.described}", source)

    def value(self, own: Sequence[Features], reference: Sequence[Features]) -> float:
        """The mean over items; ``own[i]`` and ``reference[i]`` answer the same item.

        Raises:
            MeasureError: if there are no items, the sets differ in items or classes, or the
                encoder gives no probabilities.
        """
        return self.prepared(own, reference)(np.arange(len(own)))

    def prepared(self, own: Sequence[Features], reference: Sequence[Features]) -> Resampled:
        """The mean over any draw of items.

        Raises:
            MeasureError: as ``value`` does.
        """
        ours, others = (
            stacked([self.classes.of(each, self.encoder) for each in side]).rows
            for side in (own, reference)
        )
        p, q = (others, ours) if self.weighted_by == "reference" else (ours, others)
        divergence = kl_of_pairs if self.classes.taken == "softmax" else kl_sigmoid_of_pairs
        pairs = divergence(p, q)
        return lambda items: float(pairs[items].mean())


@dataclass(frozen=True, kw_only=True)
class EmbeddingKl(OfEncoder):
    """The number that audioldm_eval calls KL at its MERT default; lower is better.

    Embeddings are taken as logits, and of the 13 rows a file has (one a layer), pooled over N
    files, only the first N are compared, because rows are zipped with file names: so it hears the
    first thirteenth of the files. Only for explaining numbers of others; its interval says little,
    since a draw decides which items come first.

    Source: haoheliu/audioldm_eval at 8dc07ee, eval.py and metrics/kl.py.
    """

    needs_references = True
    interval_method: ClassVar[Method] = "centred"

    @property
    def column(self) -> Column:
        """The number's column."""
        detail = "softmax of embeddings, first N of all rows; explains the paper, measures little"
        return self.column_with("lower", detail, "haoheliu/audioldm_eval at 8dc07ee")

    def value(self, own: Sequence[Features], reference: Sequence[Features]) -> float:
        """The mean over the first N rows of all items' rows, N being the number of items.

        Raises:
            MeasureError: if the sets differ in items or width, or have not 13 layers.
        """
        return self.prepared(own, reference)(np.arange(len(own)))

    def prepared(self, own: Sequence[Features], reference: Sequence[Features]) -> Resampled:
        """The mean of any draw of items, drawn before rows are cut.

        Raises:
            MeasureError: as ``value`` does.
        """
        ours, others = pooled(own, "layers"), pooled(reference, "layers")
        stacked_pairs(ours, others, minimum=1)  # refuses what cannot be compared

        def first_rows(side: Sequence[Rows], items: Indices) -> Rows:
            return softmax(np.concatenate([side[item] for item in items])[: len(items)])

        def mean(items: Indices) -> float:
            return float(kl_of_pairs(first_rows(others, items), first_rows(ours, items)).mean())

        return mean


@dataclass(frozen=True, kw_only=True)
class InceptionScore(OfEncoder):
    """How sure a classifier is of each track and how different tracks are; higher is better.

    It looks at no reference. A set of N tracks in S splits cannot score above N / S.
    """

    classes: Classes = Classes()
    splits: int = 1
    """Parts scored on their own and averaged; audioldm_eval takes 10."""
    seed: int = 2020
    """Of the shuffle before tracks are split; audioldm_eval's seed, but another generator."""

    needs_references = False
    interval_method: ClassVar[Method] = "centred"

    @property
    def column(self) -> Column:
        """The score's column."""
        detail = f"{self.classes.described}, {self.splits} split(s)"
        return self.column_with("higher", detail, "arXiv:1606.03498, Sec. 4")

    def value(self, own: Sequence[Features], reference: Sequence[Features] = ()) -> float:
        """The score of the tracks; references are not looked at.

        Raises:
            MeasureError: if there are fewer tracks than splits, or the encoder gives no
                probabilities.
        """
        return self.prepared(own, reference)(np.arange(len(own)))

    def prepared(self, own: Sequence[Features], reference: Sequence[Features] = ()) -> Resampled:
        """The score of any draw of items.

        Raises:
            MeasureError: as ``value`` does.
        """
        rows = stacked([self.classes.of(each, self.encoder) for each in own]).rows

        def score(items: Indices) -> float:
            rng = np.random.default_rng(self.seed)
            return inception_score(rows[items], splits=self.splits, rng=rng).mean

        return score
