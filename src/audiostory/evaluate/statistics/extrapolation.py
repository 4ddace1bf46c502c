"""A distance without the bias of its sample size: FAD-infinity and its kin.

The Frechet distance of N samples is too large by about c / N, with a c that depends on the
system, so that two systems may swap places as N grows. Measured at several N and fitted by a line
in 1 / N, its intercept is the distance at infinitely many samples.

Source: FAD-infinity, arXiv:2311.01616, Sec. 2.3; after FID-infinity, arXiv:1911.07023.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.samples import Indices

MIN_STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Extrapolation:
    """A line through distances at several sample sizes."""

    value: float
    """The distance at infinitely many samples: the line's intercept."""
    slope: float
    """How the distance grows with 1 / N."""
    r_squared: float
    """Part of the distances' variation that the line explains; a low one means: do not believe
    ``value``. 1 where they do not vary."""
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def extrapolated(
    distance: Callable[[Indices], float],
    num_samples: int,
    *,
    smallest: int,
    steps: int = 15,
    seed: int = 0,
) -> Extrapolation:
    """The distance that a system would have with infinitely many samples.

    Only the system's set shrinks; the reference stays whole and its own bias stays in the value.
    Subsets are drawn without replacement, since a sample drawn twice brings no information and
    bends the line.

    Args:
        distance: the distance of a subset of the system's samples, by their indices.
        num_samples: how many samples there are.
        smallest: the smallest subset; more than the dimension, or the line does not hold there.
        steps: how many sizes, evenly from ``smallest`` to ``num_samples``.
        seed: of the choice of samples.

    Raises:
        MeasureError: if there are fewer samples than ``smallest`` and two more, or fewer than
            three steps, or a distance is not a number.
    """
    if steps < MIN_STEPS:
        raise MeasureError(f"a line through {steps} sizes says nothing: give {MIN_STEPS} or more")
    if not 2 <= smallest <= num_samples - 2:
        raise MeasureError(
            f"subsets from {smallest} up to {num_samples} samples are no range to extrapolate "
            f"from: measure more items, or give a smallest size between 2 and {num_samples - 2}"
        )
    rng = np.random.default_rng(seed)
    sizes = np.unique(np.linspace(smallest, num_samples, steps).round().astype(int))
    distances = np.array(
        [distance(rng.choice(num_samples, size, replace=False)) for size in sizes], dtype=float
    )
    if not np.isfinite(distances).all():
        raise MeasureError("the distance of a subset is not a number: look at it on its own")
    slope, intercept = np.polyfit(1 / sizes, distances, 1)
    residual = np.sum((distances - slope / sizes - intercept) ** 2)
    spread = np.sum((distances - distances.mean()) ** 2)
    return Extrapolation(
        value=float(intercept),
        slope=float(slope),
        r_squared=float(1 - residual / spread) if spread else 1.0,
        sizes=tuple(int(size) for size in sizes),
        distances=tuple(float(each) for each in distances),
    )
