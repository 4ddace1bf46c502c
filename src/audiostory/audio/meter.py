"""What meters need to know of a track: energy and peak of every millisecond.

After ITU-R BS.1770-4: K-weighted energies (pyloudnorm's filters) and gates for loudness,
four-fold oversampling for true peaks. Long tracks are read in chunks.
Shapes: ``C`` channels, ``N`` samples, ``K`` frames of a millisecond.
"""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray
from pyloudnorm.iirfilter import IIRfilter
from scipy.signal import resample_poly, sosfilt

from audiostory.audio.waveform import CHUNK_SAMPLES, Samples, Waveform
from audiostory.errors import AudioError

Frames = NDArray[np.float64]

FRAMES_PER_S = 1_000
FRAMES_PER_STEP = 100  # BS.1770: a new gating block every 100 ms
GATE_BLOCK_S = 0.4
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
LOUDNESS_OFFSET = -0.691
CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)  # left, right, centre, surrounds
OVERSAMPLING = 4
CONTEXT_SAMPLES = 512  # around a chunk, so that oversampling does not see its edges


def frame_edges(num_samples: int, sample_rate_hz: int) -> NDArray[np.int64]:
    """First sample of every frame, and the end of the last one: (K + 1,)."""
    num_frames = -(-num_samples * FRAMES_PER_S // sample_rate_hz)
    edges = np.arange(num_frames + 1, dtype=np.int64) * sample_rate_hz // FRAMES_PER_S
    edges[-1] = num_samples
    return edges


def frame_energies(waveform: Waveform) -> Frames:
    """K-weighted energy of every frame (K,): squares summed over samples and weighted channels.

    Raises:
        AudioError: for more than five channels.
    """
    if waveform.channels > len(CHANNEL_WEIGHTS):
        raise AudioError(
            f"loudness is defined for up to {len(CHANNEL_WEIGHTS)} channels, "
            f"not {waveform.channels}: mix them down"
        )
    weights_C = np.array(CHANNEL_WEIGHTS[: waveform.channels])
    filters = _k_weighting(waveform.sample_rate_hz)
    state = np.zeros((len(filters), waveform.channels, 2))
    edges = frame_edges(waveform.num_samples, waveform.sample_rate_hz)
    energies_K = np.zeros(len(edges) - 1)
    frames_per_chunk = CHUNK_SAMPLES * FRAMES_PER_S // waveform.sample_rate_hz
    for frame in range(0, len(energies_K), frames_per_chunk):
        bounds = edges[frame : frame + frames_per_chunk + 1]
        chunk = waveform.samples[:, bounds[0] : bounds[-1]].astype(np.float64)
        weighted, state = sosfilt(filters, chunk, zi=state)
        power_N = weights_C @ np.square(weighted)
        energies_K[frame : frame + frames_per_chunk] = np.add.reduceat(
            power_N, bounds[:-1] - bounds[0]
        )
    return energies_K


def frame_peaks(waveform: Waveform) -> Frames:
    """Highest true peak of every frame (K,), over all channels."""
    rate_hz = waveform.sample_rate_hz
    edges = frame_edges(waveform.num_samples, rate_hz)
    peaks_K = np.zeros(len(edges) - 1)
    frames_per_chunk = CHUNK_SAMPLES * FRAMES_PER_S // rate_hz
    for frame in range(0, len(peaks_K), frames_per_chunk):
        bounds = edges[frame : frame + frames_per_chunk + 1]
        before = min(CONTEXT_SAMPLES, int(bounds[0]))
        for row in waveform.samples:
            chunk = row[bounds[0] - before : bounds[-1] + CONTEXT_SAMPLES]
            around_N = _peaks_around(chunk, rate_hz)[before : before + bounds[-1] - bounds[0]]
            found = peaks_K[frame : frame + frames_per_chunk]
            np.maximum(found, np.maximum.reduceat(around_N, bounds[:-1] - bounds[0]), out=found)
    return peaks_K


def _peaks_around(row: Samples, sample_rate_hz: int) -> Samples:
    """Highest magnitude at and right after every sample of one channel (N,).

    Meters differ in their interpolation: soxr's is steep, the standard's own short and leaky.
    What either of them reads counts, and so do the samples.
    """
    num_dense = OVERSAMPLING * len(row)
    steep = soxr.resample(row, sample_rate_hz, OVERSAMPLING * sample_rate_hz)
    steep = np.pad(steep, (0, num_dense))[:num_dense]
    dense = np.maximum(np.abs(steep), np.abs(resample_poly(row, OVERSAMPLING, 1)))
    highest = np.abs(row)
    for place in range(OVERSAMPLING):  # far quicker than a maximum over an axis of four
        highest = np.maximum(highest, dense[place::OVERSAMPLING])
    return highest


def gated_lufs(energies_K: Frames, num_samples: int, sample_rate_hz: int) -> float:
    """Loudness from the energies of frames, gated; ungated when they do not fill a block."""
    num_steps = num_samples * 10 // sample_rate_hz
    if num_steps < round(GATE_BLOCK_S * 10):
        return _loudness(float(energies_K.sum()) / max(num_samples, 1))
    steps = energies_K[: num_steps * FRAMES_PER_STEP].reshape(-1, FRAMES_PER_STEP).sum(axis=1)
    blocks = steps[:-3] + steps[1:-2] + steps[2:-1] + steps[3:]
    blocks /= GATE_BLOCK_S * sample_rate_hz
    gate = 10 ** ((ABSOLUTE_GATE_LUFS - LOUDNESS_OFFSET) / 10)
    blocks = blocks[blocks > gate]
    if len(blocks) == 0:
        return -math.inf
    relative_gate = float(blocks.mean()) * 10 ** (RELATIVE_GATE_LU / 10)
    return _loudness(float(blocks[blocks > relative_gate].mean()))


def _loudness(mean_square: float) -> float:
    """LUFS of a mean square."""
    return LOUDNESS_OFFSET + 10 * math.log10(mean_square) if mean_square > 0 else -math.inf


def decibels(magnitude: float) -> float:
    """Decibels relative to 1; -inf for 0."""
    return 20 * math.log10(magnitude) if magnitude > 0 else -math.inf


def _k_weighting(sample_rate_hz: int) -> NDArray[np.float64]:
    """The two filters of BS.1770 as second-order sections, with pyloudnorm's coefficients."""
    shelf = IIRfilter(4.0, 1 / math.sqrt(2), 1500.0, sample_rate_hz, "high_shelf")
    high_pass = IIRfilter(0.0, 0.5, 38.0, sample_rate_hz, "high_pass")
    return np.array([[*stage.b, *stage.a] for stage in (shelf, high_pass)])
