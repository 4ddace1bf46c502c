"""What the evaluator hears of a track: YAMNet's embedding of every moment.

A moment lasts 0.48 s, YAMNet's own step. It is heard with what is around it, 0.975 s in all, as
YAMNet learnt to hear; what lies before and after a track is silence.

Shapes: ``K`` moments, ``N`` samples, ``D`` width of the embedding, ``B`` stretches of moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audiostory.audio.waveform import Waveform, resample, to_mono
from audiostory.errors import AudioError
from audiostory.evaluate.encoders.encoder import Floats
from audiostory.evaluate.encoders.vggish import FRAME, FRAMES, HOP, SAMPLE_RATE_HZ
from audiostory.evaluate.encoders.weights_file import sha256_of
from audiostory.evaluate.encoders.yamnet import SHIPPED_YAMNET, YAMNet, YAMNetConfig, read_yamnet

WINDOW = (FRAMES - 1) * HOP + FRAME
"""Samples that are heard of a moment: 0.975 s."""
STEP = 7_680
"""Samples of a moment: 0.48 s."""
LEAD = (WINDOW - STEP) // 2
"""Samples that are heard before a moment begins."""
MOMENT_S = STEP / SAMPLE_RATE_HZ
LEVEL_DB = -20.0
"""Power that the loudest moment of a track is brought to, so that its level changes nothing."""
QUIET_DB = 30.0
"""A moment sounds where its power is at most this far under that of the loudest one."""
AT_ONCE = 64
"""Windows heard together."""


@dataclass(frozen=True)
class Moments:
    """A stretch of sound as it is heard."""

    features_KD: Tensor
    """Embeddings, 0 or more."""
    powers_K: Tensor
    """Mean square of the samples that are heard of each moment."""

    def __len__(self) -> int:
        """K."""
        return len(self.powers_K)

    def windows(self, size: int, hop: int) -> tuple[list[Moments], list[int]]:
        """Stretches of ``size`` moments, and which moment each begins with.

        The last one ends where the track ends; a track of fewer moments is one stretch.
        """
        starts = list(range(0, max(1, len(self) - size + 1), hop))
        if starts[-1] + size < len(self):
            starts.append(len(self) - size)
        cuts = [slice(start, start + size) for start in starts]
        return [Moments(self.features_KD[cut], self.powers_K[cut]) for cut in cuts], starts


class MomentHearing:
    """Hears tracks through a YAMNet; remembers the last one, which several metrics ask for.

    Args:
        network: frozen.
        digest: first digits of the sha256 of its weights.
    """

    def __init__(self, network: YAMNet, digest: str) -> None:
        self.network, self.digest = network.eval(), digest
        self._last: tuple[Waveform, Moments] | None = None

    def __call__(self, waveform: Waveform) -> Moments:
        """Moments of a track of any length, rate and number of channels (their mean is heard).

        YAMNet hears loud and quiet sounds differently, so tracks are brought to one level first.

        Raises:
            AudioError: if the track holds no samples.
        """
        if not waveform.num_samples:
            raise AudioError("the track holds no samples: there is nothing to hear")
        if self._last is None or self._last[0] is not waveform:
            self._last = waveform, self.of_samples(levelled(mono(waveform)))
        return self._last[1]

    @torch.inference_mode()
    def of_samples(self, samples_N: Floats) -> Moments:
        """Moments of samples at 16 kHz; the last one may be followed by silence."""
        windows_KN = _windows(samples_N)
        features, powers = [], []
        for first in range(0, len(windows_KN), AT_ONCE):
            samples_BN = torch.from_numpy(windows_KN[first : first + AT_ONCE].copy())
            features.append(self.network.embed(self.network.log_mel(samples_BN)))
            powers.append(samples_BN.square().mean(dim=1))
        return Moments(torch.cat(features), torch.cat(powers))


def mono(waveform: Waveform) -> Floats:
    """A track's samples (N,) as they are heard: one channel at 16 kHz."""
    return resample(to_mono(waveform), SAMPLE_RATE_HZ).samples[0]


def levelled(samples_N: Floats) -> Floats:
    """Samples whose loudest moment has the power ``LEVEL_DB``; silence stays as it is."""
    loudest = max(float(np.square(window_N).mean()) for window_N in _windows(samples_N))
    if not loudest:
        return samples_N
    return samples_N * np.float32((10.0 ** (LEVEL_DB / 10.0) / loudest) ** 0.5)


def _windows(samples_N: Floats) -> Floats:
    """What is heard of each moment (K, N), one moment at least: a view that must not be written."""
    count = max(1, -(-len(samples_N) // STEP))
    after = LEAD + count * STEP - len(samples_N)
    padded_N = np.pad(samples_N, (LEAD, after)).astype(np.float32, copy=False)
    return np.lib.stride_tricks.sliding_window_view(padded_N, WINDOW)[::STEP][:count]


def shipped_hearing() -> MomentHearing:
    """Through the YAMNet that is shipped.

    Raises:
        CheckpointError: if its file is missing or damaged.
    """
    network = read_yamnet(SHIPPED_YAMNET, YAMNetConfig())
    return MomentHearing(network, sha256_of(SHIPPED_YAMNET)[:12])


def is_sounding(powers_BK: Tensor) -> Tensor:
    """In which moments (B, K) something sounds, beside the loudest of each stretch.

    In a stretch of digital silence all do.
    """
    loudest_B1 = powers_BK.amax(dim=1, keepdim=True)
    return powers_BK >= loudest_B1 * 10.0 ** (-QUIET_DB / 10.0)
