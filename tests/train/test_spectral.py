"""Distances of sounds."""

from __future__ import annotations

import torch

from audiostory.train.spectral import energy_distance


def noise(seed: int, level: float = 0.1) -> torch.Tensor:
    return level * torch.randn(4, 8192, generator=torch.Generator().manual_seed(seed))


def tone() -> torch.Tensor:
    return 0.1 * torch.sin(torch.arange(8192.0) * 0.3).expand(4, -1)


def test_a_tone_given_back_is_no_distance_away() -> None:
    assert float(energy_distance(tone(), tone(), tone())) < 1e-6


def test_hiss_is_best_told_by_hiss_and_not_by_one_frozen_draw() -> None:
    fresh = float(energy_distance(noise(0), noise(1), noise(2)))
    frozen = float(energy_distance(noise(0), noise(1), noise(1)))
    assert fresh < 0.7 * frozen


def test_hiss_at_the_wrong_level_is_further_away() -> None:
    right = float(energy_distance(noise(0), noise(1), noise(2)))
    loud = float(energy_distance(noise(0), noise(1, 0.2), noise(2, 0.2)))
    quiet = float(energy_distance(noise(0), noise(1, 0.05), noise(2, 0.05)))
    assert right < min(loud, quiet)


def test_the_gradient_is_finite_even_in_silence() -> None:
    made = torch.zeros(1, 8192, requires_grad=True)
    energy_distance(torch.zeros(1, 8192), made, made).backward()
    assert made.grad is not None
    assert made.grad.isfinite().all()
