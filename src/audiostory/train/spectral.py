"""How far generated sound is from real sound, heard through several window lengths.

A distance of spectra alone teaches a decoder to make no noise: two draws of the same hiss are
further apart than either is from the smooth middle of all draws. The energy distance takes back
what two draws of the decoder differ by, so the best it can do is to draw as reality does.

Source: spectral energy distance, arXiv:2008.01160, Eq. 4-6, with absolute differences of log
magnitudes in place of squared ones.
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


def distance(one_BKM: Tensor, other_BKM: Tensor, level: Tensor) -> Tensor:
    """Mean difference of magnitudes, relative to ``level``, plus that of their logarithms."""
    linear = (one_BKM - other_BKM).abs().mean() / level
    return linear + ((one_BKM + FLOOR).log() - (other_BKM + FLOOR).log()).abs().mean()


def energy_distance(real_BN: Tensor, drawn_BN: Tensor, again_BN: Tensor) -> Tensor:
    """How far the decoder's draws are from reality, less how far they are from each other.

    Args:
        real_BN: the sound itself.
        drawn_BN: what the decoder makes of its latents with one noise.
        again_BN: with another noise.

    Returns:
        A mean over ``WINDOWS``. It is least where draws are distributed as real sounds of the same
        latents are, and not zero there: for hiss it is what two real hisses differ by.
    """
    total = real_BN.new_zeros(())
    for window in WINDOWS:
        real, drawn, again = (
            magnitudes(waveform, window) for waveform in (real_BN, drawn_BN, again_BN)
        )
        level = real.mean().clamp(min=FLOOR)
        total = total + distance(real, drawn, level) + distance(real, again, level)
        total = total - distance(drawn, again, level)
    return total / len(WINDOWS)
