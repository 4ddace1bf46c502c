"""METEOR 1.5 made of its alignments' counts, for one item or a set of them.

A set's METEOR is that of the items' summed counts, not the mean of their scores. Having the
formula here lets resampled sets be scored without aligning anything twice.

Source: Denkowski and Lavie, Meteor Universal, WMT 2014, Sec. 2 and its English parameters; the
counts' order and what a perfect match adds to the summed chunks as the program itself has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""(N, 23): length of candidate and reference, function words of both; for exact, stem, synonym and
paraphrase matches: content words of candidate and reference, function words of both; chunks,
matched words of candidate and reference."""

MODULE_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
CHUNKS = 20


def meteor_of(counts: Counts) -> float:
    """METEOR of a set, in [0, 1]."""
    return float(_score(_unpenalised(counts).sum(axis=0, keepdims=True))[0])


def meteor_of_items(counts: Counts) -> NDArray[np.float64]:
    """METEOR of each item, in [0, 1]."""
    return _score(_unpenalised(counts))


def _unpenalised(counts: Counts) -> Counts:
    """Counts in which a candidate that is its reference, in one piece, counts no chunk."""
    is_whole = (counts[:, 21] == counts[:, 0]) & (counts[:, 22] == counts[:, 1])
    counts = counts.copy()
    counts[is_whole & (counts[:, CHUNKS] == 1), CHUNKS] = 0
    return counts


def _score(counts: Counts) -> NDArray[np.float64]:
    """The formula for rows of counts; 0 where nothing matches."""
    modules = counts[:, 4:CHUNKS].reshape(-1, 4, 4)
    matched = np.einsum("nmk,m->nk", modules, MODULE_WEIGHTS)
    functions = counts[:, 2:4]
    contents = counts[:, :2] - functions
    weighted = DELTA * matched[:, :2] + (1 - DELTA) * matched[:, 2:]
    lengths = DELTA * contents + (1 - DELTA) * functions
    precision, recall = (weighted / np.where(lengths > 0, lengths, 1.0)).T
    overlap = ALPHA * precision + (1 - ALPHA) * recall
    mean = precision * recall / np.where(overlap > 0, overlap, 1.0)
    num_matches = (counts[:, 21] + counts[:, 22]) / 2
    fragments = counts[:, CHUNKS] / np.where(num_matches > 0, num_matches, 1.0)
    return mean * (1 - GAMMA * fragments**BETA)
