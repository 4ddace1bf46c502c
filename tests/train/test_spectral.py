"""Distances of waveforms."""

from __future__ import annotations

import torch

from audiostory.train.spectral import stft_loss


def noise(seed: int) -> torch.Tensor:
    return 0.1 * torch.randn(2, 4096, generator=torch.Generator().manual_seed(seed))


def test_a_sound_is_no_distance_from_itself() -> None:
    assert float(stft_loss(noise(0), noise(0))) < 1e-6


def test_louder_and_other_sounds_are_apart_and_silence_is_further() -> None:
    same_kind = float(stft_loss(noise(1), noise(0)))
    silence = float(stft_loss(torch.zeros(2, 4096), noise(0)))
    assert 0.1 < same_kind < silence


def test_the_gradient_is_finite_even_in_silence() -> None:
    made = torch.zeros(1, 4096, requires_grad=True)
    stft_loss(made, torch.zeros(1, 4096)).backward()
    assert made.grad is not None
    assert made.grad.isfinite().all()
