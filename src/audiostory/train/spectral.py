"""How far two waveforms are apart, heard through several window lengths.

Source: multi-resolution STFT loss, Parallel WaveGAN, arXiv:1910.11480, Eq. 3-6.
Shapes: ``B`` clips, ``N`` samples, ``K`` frequency bins, ``M`` frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

WINDOWS = (2048, 1024, 512, 256, 128)
"""Window lengths in samples; the hop is a quarter of each."""
FLOOR = 1e-4
"""Added to magnitudes before the logarithm."""


def magnitudes(waveform_BN: Tensor, window: int) -> Tensor:
    """STFT magnitudes ``(B, K, M)``; a full-scale sine peaks near one."""
    spectrum = torch.stft(
        waveform_BN,
        window,
        window // 4,
        window=torch.hann_window(window, device=waveform_BN.device),
        return_complex=True,
    )
    return (spectrum.real.square() + spectrum.imag.square() + 1e-12).sqrt() / (window / 4)


def stft_loss(made_BN: Tensor, real_BN: Tensor) -> Tensor:
    """Spectral convergence plus mean difference of log magnitudes, averaged over windows."""
    total = made_BN.new_zeros(())
    for window in WINDOWS:
        made, real = magnitudes(made_BN, window), magnitudes(real_BN, window)
        convergence = (made - real).norm() / real.norm().clamp(min=1e-3)
        log_distance = ((made + FLOOR).log() - (real + FLOOR).log()).abs().mean()
        total = total + convergence + log_distance
    return total / len(WINDOWS)
