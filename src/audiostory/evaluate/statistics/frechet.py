"""Frechet distance between the Gaussians fitted to two sets of samples: FD, FAD, FD_openl3.

d^2 = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2), the squared 2-Wasserstein distance of two
Gaussians (Dowson and Landau 1982); of VGGish embeddings it is the FAD (arXiv:1812.08466).

The last term is the nuclear norm (the sum of the singular values) of F1 F2', where F'F = C: the
non-zero eigenvalues of C1 C2 = F1'F1 F2'F2 are the squared singular values of F1 F2'. A factor F
has min(N, D) rows, so that many dimensions of few samples cost no more than few dimensions of
many, nothing is lost where a covariance is singular, and none is made regular by adding to its
diagonal, as the usual toolkits do.

Shapes: ``N`` samples, ``D`` dimensions, ``F`` rows of a factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from audiostory.errors import MeasureError
from audiostory.evaluate.statistics.samples import Rows, checked, same_width

PSD_TOLERANCE = 1e-8  # negative eigenvalues up to this part of the largest are rounding


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean and covariance of a set of samples, which is all the distance knows of it."""

    mean: Rows
    """(D,)."""
    covariance: Rows
    """(D, D), divided by N - 1."""


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance, and what it has to be read with."""

    value: float
    """Squared distance, as the field reports it. Rounding may leave a set's distance to itself a
    little below 0; it is not lifted to 0."""
    num_own: int
    num_reference: int
    dimension: int

    @property
    def warning(self) -> str:
        """What is wrong with so few samples; empty where there are more samples than dimensions."""
        fewest = min(self.num_own, self.num_reference)
        if fewest > self.dimension:
            return ""
        return (
            f"{fewest} samples of {self.dimension} dimensions leave the covariance singular and "
            "the distance biased upwards: compare it only with distances of as many samples"
        )


def fit(samples: ArrayLike) -> Gaussian:
    """The Gaussian with the mean and unbiased covariance of samples (N, D).

    Raises:
        MeasureError: if there are fewer than two samples, or they hold NaN.
    """
    rows = checked(samples, minimum=2)
    centred = rows - rows.mean(axis=0)
    return Gaussian(rows.mean(axis=0), centred.T @ centred / (len(rows) - 1))


def frechet_distance(own: ArrayLike, reference: ArrayLike) -> Distance:
    """Distance between the Gaussians fitted to two sets of samples (N, D) and (M, D).

    The covariances are never built: O(N D min(N, D)).

    Raises:
        MeasureError: if a set has fewer than two samples, holds NaN, or the widths differ.
    """
    rows, others = checked(own, minimum=2), checked(reference, minimum=2)
    same_width(rows, others)
    factor, other_factor = factor_of_samples(rows), factor_of_samples(others)
    value = distance_of_factors(rows.mean(axis=0) - others.mean(axis=0), factor, other_factor)
    return Distance(
        value=value, num_own=len(rows), num_reference=len(others), dimension=rows.shape[1]
    )


def gaussian_distance(one: Gaussian, other: Gaussian) -> float:
    """Distance between two Gaussians, such as statistics published without their samples.

    Raises:
        MeasureError: if their dimensions differ, they hold NaN, or a covariance has negative
            eigenvalues beyond rounding.
    """
    same_width(np.atleast_2d(one.mean), np.atleast_2d(other.mean))
    factors = [factor_of_covariance(_checked_covariance(each)) for each in (one, other)]
    difference = checked((one.mean - other.mean)[None])[0]
    return distance_of_factors(difference, *factors)


def distance_of_factors(difference: Rows, factor: Rows, other: Rows) -> float:
    """The squared distance of means that differ by (D,), and covariances with these factors."""
    traces = np.sum(factor**2) + np.sum(other**2)
    return float(difference @ difference + traces - 2 * nuclear_norm(factor @ other.T))


def nuclear_norm(matrix: Rows) -> float:
    """Sum of a matrix's singular values."""
    return float(np.linalg.svd(matrix, compute_uv=False).sum())


def factor_of_samples(rows: Rows) -> Rows:
    """F (F, D) with F'F the covariance of samples: the samples, or their triangular factor."""
    centred = (rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1)
    if len(rows) <= rows.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))


def factor_of_covariance(covariance: Rows) -> Rows:
    """F (D, D) with F'F the covariance; eigenvalues below 0 are taken for rounding of 0."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return np.sqrt(eigenvalues.clip(min=0))[:, None] * vectors.T


def _checked_covariance(gaussian: Gaussian) -> Rows:
    """The covariance, if samples can have it."""
    matrix, dimension = checked(gaussian.covariance), len(gaussian.mean)
    if matrix.shape != (dimension, dimension):
        raise MeasureError(
            f"the covariance has shape {matrix.shape} and the mean {dimension} dimensions: give "
            f"({dimension}, {dimension})"
        )
    eigenvalues = np.linalg.eigvalsh(matrix)
    if eigenvalues[0] < -PSD_TOLERANCE * max(eigenvalues[-1], 0.0):
        raise MeasureError(
            f"the covariance has the eigenvalue {eigenvalues[0]:.3g} beside {eigenvalues[-1]:.3g}: "
            "no samples have such a covariance; check where it was computed, and in what precision"
        )
    return matrix
