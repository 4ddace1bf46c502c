"""Divergences between what a classifier hears in a track and in its reference; Inception score.

KL(p || q) = sum p log(p / q), a pair at a time, averaged over pairs. Toolkits differ in which side
is p, so the callers here say it by name:

- audioldm_eval (haoheliu/audioldm_eval at 8dc07ee, metrics/kl.py): p is the reference, q the
  system's track, q + 1e-6 under the logarithm. ``KL`` takes softmax(logits) as p and q;
  ``KL_sigmoid`` takes sigmoid(logits), one probability a class, in the same sum. Classes are then
  no distribution and the complements 1 - p are left out, so it may be below 0.
- stable-audio-metrics (src/passt_kld.py): p is the system's track and q the reference, so KL_passt
  is the other direction.

Shapes: ``N`` pairs or tracks, ``G`` classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.samples import Rows, checked

EPSILON = 1e-6
"""What both toolkits add to q under the logarithm."""
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class InceptionScore:
    """How sure a classifier is of each track, and how different the tracks are."""

    mean: float
    """Of the splits; between 1 and the number of classes, and no more than a split has tracks."""
    deviation: float
    """Standard deviation of the splits, 0 for a single one."""


def softmax(logits: ArrayLike) -> Rows:
    """Distributions (N, G) of logits (N, G)."""
    values = checked(logits)
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def logits_of_sigmoid(probabilities: ArrayLike) -> Rows:
    """Logits (N, G) whose sigmoid the probabilities (N, G) are.

    Float32 rounds probabilities above 1 - 3e-8 to 1 and below 7e-46 to 0. Such are read as the
    nearest probability that does not round (logits 17.3 and -103.3), never as infinity.

    Raises:
        MeasureError: if they are not between 0 and 1.
    """
    values = _probabilities(probabilities)
    bounded = np.clip(values, 2.0**-149, 1 - 2.0**-25)
    return np.log(bounded) - np.log1p(-bounded)


def kl_of_pairs(p: ArrayLike, q: ArrayLike, *, epsilon: float = EPSILON) -> Rows:
    """KL(p || q) in nats of each pair of distributions (N, G), as an array (N,).

    Args:
        p: what the divergence is weighted by; for the field's KL, the reference.
        q: what it is measured from; for the field's KL, the system's track.
        epsilon: added to q under the logarithm; 0 lets a pair be infinite, which is refused.

    Raises:
        MeasureError: if the shapes differ, a row does not sum to 1, or a divergence is infinite.
    """
    wanted, given = _probabilities(p), _probabilities(q)
    for rows in (wanted, given):
        sums = rows.sum(axis=1)
        worst = float(sums[np.abs(sums - 1).argmax()])
        if abs(worst - 1) > SUM_TOLERANCE:
            raise MeasureError(
                f"class probabilities sum to {worst:.4g}: give distributions; sigmoid outputs are "
                "for kl_sigmoid_of_pairs, or softmax of their logits"
            )
    return _weighted_log_ratios(wanted, given, epsilon)


def kl_sigmoid_of_pairs(p: ArrayLike, q: ArrayLike, *, epsilon: float = EPSILON) -> Rows:
    """Sum over classes of p log(p / q) of each pair of multi-label outputs (N, G), (N,).

    The complements are left out, as in audioldm_eval's ``KL_sigmoid``.

    Raises:
        MeasureError: if the shapes differ, values are not in [0, 1], or a sum is infinite.
    """
    return _weighted_log_ratios(_probabilities(p), _probabilities(q), epsilon)


def inception_score(
    probabilities: ArrayLike, *, splits: int = 1, rng: np.random.Generator | None = None
) -> InceptionScore:
    """exp(mean KL(p_i || mean p)) of the tracks' class distributions (N, G).

    Source: Salimans et al., arXiv:1606.03498, Sec. 4; audioldm_eval shuffles and takes 10 splits.

    Args:
        probabilities: one distribution a track.
        splits: parts that are scored on their own and averaged.
        rng: shuffles the tracks before they are split; None keeps their order.

    Raises:
        MeasureError: if there are fewer tracks than splits, or rows are no distributions.
    """
    rows = _probabilities(probabilities)
    if not 1 <= splits <= len(rows):
        raise MeasureError(
            f"{len(rows)} tracks cannot be scored in {splits} splits: give between 1 and "
            f"{len(rows)} splits"
        )
    order = np.arange(len(rows)) if rng is None else rng.permutation(len(rows))
    bounds = [part * len(rows) // splits for part in range(1, splits)]
    scores = [
        np.exp(kl_of_pairs(part, np.broadcast_to(part.mean(axis=0), part.shape), epsilon=0).mean())
        for part in np.split(rows[order], bounds)
    ]
    return InceptionScore(mean=float(np.mean(scores)), deviation=float(np.std(scores)))


def _probabilities(values: ArrayLike) -> Rows:
    """The values as float64 (N, G), if they are probabilities."""
    rows = checked(values)
    if rows.min() < 0 or rows.max() > 1 + SUM_TOLERANCE:
        raise MeasureError(
            f"class probabilities run from {rows.min():.4g} to {rows.max():.4g}: these are logits; "
            "take their softmax or sigmoid first"
        )
    return rows


def _weighted_log_ratios(p: Rows, q: Rows, epsilon: float) -> Rows:
    """Sum over classes of p log(p / (q + epsilon)) of each row; where p is 0 the term is 0."""
    if p.shape != q.shape:
        raise MeasureError(
            f"{p.shape[0]} x {p.shape[1]} and {q.shape[0]} x {q.shape[1]} probabilities are no "
            "pairs: give each track's reference, heard by the same classifier"
        )
    counted = p > 0
    if (q[counted] + epsilon <= 0).any():
        raise MeasureError(
            "a class is heard in p and impossible in q, so their divergence is infinite: "
            f"give an epsilon, such as {EPSILON:g}"
        )
    terms = np.zeros_like(p)
    terms[counted] = p[counted] * np.log(p[counted] / (q[counted] + epsilon))
    return terms.sum(axis=1)
