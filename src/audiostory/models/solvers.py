"""From noise to latents: which noise levels are visited, and how the walk steps between them.

A solver's cost is the number of velocities it asks for; ``docs/solvers.md`` has what each is worth.

Sources: rectified flow, arXiv:2209.03003; shifted noise levels, arXiv:2403.03206, Sec. 5.3.2;
Heun's rule with a last step of Euler's, arXiv:2206.00364, Alg. 1; Adams-Bashforth of second order
with uneven steps, Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, Sec. III.5.

Shapes: ``B`` clips, ``T`` latent frames, ``C`` latent channels, ``N`` noise levels.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from audiostory.errors import ConfigError
from audiostory.models.flow import Velocity

Step = Callable[[Velocity, Tensor, Tensor, Tensor], Tensor]
"""A velocity, latents, their noise level and the next one to the latents at the next one."""
Walk = Callable[[Velocity, Tensor, Tensor], Tensor]
"""A velocity, noise and falling noise levels to the latents at the last level."""


def velocity_at(velocity: Velocity, latents_BTC: Tensor, sigma: Tensor) -> Tensor:
    """The velocity where all clips have the noise level ``sigma``."""
    return velocity(latents_BTC, sigma.expand(len(latents_BTC)))


def euler_step(velocity: Velocity, latents_BTC: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Latents at noise level ``end`` from those at ``start``, along the velocity at ``start``."""
    return latents_BTC + (end - start) * velocity_at(velocity, latents_BTC, start)


def midpoint_step(velocity: Velocity, latents_BTC: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Latents at noise level ``end`` from those at ``start``, along the velocity half-way."""
    middle = (start + end) / 2
    middle_BTC = euler_step(velocity, latents_BTC, start, middle)
    return latents_BTC + (end - start) * velocity_at(velocity, middle_BTC, middle)


def heun_step(velocity: Velocity, latents_BTC: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Latents at noise level ``end`` from those at ``start``, along the mean of both velocities.

    The step to clean sound is Euler's: no model learns a velocity at the noise level 0.
    """
    first_BTC = velocity_at(velocity, latents_BTC, start)
    end_BTC = latents_BTC + (end - start) * first_BTC
    if end == 0:
        return end_BTC
    last_BTC = velocity_at(velocity, end_BTC, end)
    return latents_BTC + (end - start) * (first_BTC + last_BTC) / 2


def stepwise(step: Step) -> Walk:
    """The walk in which no step knows of those before it."""

    def walk(velocity: Velocity, noise_BTC: Tensor, sigmas_N: Tensor) -> Tensor:
        latents_BTC = noise_BTC
        for start, end in pairwise(sigmas_N):
            latents_BTC = step(velocity, latents_BTC, start, end)
        return latents_BTC

    return walk


def adams_bashforth(velocity: Velocity, noise_BTC: Tensor, sigmas_N: Tensor) -> Tensor:
    """Latents at the last noise level: each step leans on the velocity of the step before it.

    The velocity is taken to change as it did from the last level to this one. Second order for one
    velocity a step; the first step is Euler's.
    """
    latents_BTC = noise_BTC
    speed_BTC = velocity_at(velocity, latents_BTC, sigmas_N[0])
    change_BTC = torch.zeros_like(speed_BTC)  # of the velocity, per unit of the noise level
    for index, (start, end) in enumerate(pairwise(sigmas_N)):
        if index:
            before_BTC, speed_BTC = speed_BTC, velocity_at(velocity, latents_BTC, start)
            change_BTC = (speed_BTC - before_BTC) / (start - sigmas_N[index - 1])
        half_way = (end - start) / 2
        latents_BTC = latents_BTC + (end - start) * (speed_BTC + half_way * change_BTC)
    return latents_BTC


SOLVERS: dict[str, Walk] = {
    "euler": stepwise(euler_step),
    "midpoint": stepwise(midpoint_step),
    "heun": stepwise(heun_step),
    "adams_bashforth": adams_bashforth,
}


def falling_sigmas(
    steps: int, *, sigma_shift: float = 1.0, device: torch.device | str = "cpu"
) -> Tensor:
    """Noise levels ``(N,)`` from 1 down to 0, one more than there are steps.

    Args:
        steps: how many steps lie between them.
        sigma_shift: s of sigma' = s sigma / (1 + (s - 1) sigma) (arXiv:2403.03206, Eq. 23), applied
            to even levels; 1 leaves them even, more puts more of them near pure noise.
        device: where the levels are wanted.
    """
    even_N = torch.linspace(1, 1 / steps, steps, device=device)
    shifted_N = sigma_shift * even_N / (1 + (sigma_shift - 1) * even_N)
    return torch.cat([shifted_N, shifted_N.new_zeros(1)])


@torch.no_grad()
def solve(
    velocity: Velocity,
    noise_BTC: Tensor,
    *,
    steps: int,
    solver: str = "euler",
    sigma_shift: float = 1.0,
) -> Tensor:
    """Clean latents: noise followed back along its velocity.

    Args:
        velocity: the velocity of latents at a noise level, guided or not.
        noise_BTC: standard normal; its dtype is the walk's.
        steps: steps between noise levels, which are ``falling_sigmas``.
        solver: a name in ``SOLVERS``.
        sigma_shift: where the noise levels crowd; 1 spaces them evenly.

    Raises:
        ConfigError: if no solver has that name.
    """
    if solver not in SOLVERS:
        raise ConfigError(f"no solver {solver!r}; there are {', '.join(SOLVERS)}")
    sigmas_N = falling_sigmas(steps, sigma_shift=sigma_shift, device=noise_BTC.device)
    return SOLVERS[solver](velocity, noise_BTC, sigmas_N)
