"""Flow matching: the straight path to noise, its loss, and the walk back along it.

Sources: AudioStory Sec. 4.2, Eq. 5; rectified flow, arXiv:2209.03003; logit-normal noise levels,
arXiv:2403.03206, Sec. 3.1; guidance without a classifier, arXiv:2207.12598.

Shapes: ``B`` clips, ``T`` latent frames, ``C`` latent channels, ``S`` condition tokens,
``D`` condition width, ``1`` a broadcast axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.dit import DiffusionTransformer

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Latents ``(B, T, C)`` and their noise levels ``(B,)`` to the velocity ``(B, T, C)``."""


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """How noise levels are drawn in training and how sampling walks back from noise."""

    noise_levels: Literal["uniform", "logit_normal"] = "logit_normal"
    """Eq. 5 says uniform; the released code draws logit-normal levels."""
    steps: int = 50
    """Steps of the solver (release)."""
    guidance_scale: float = 4.0
    """Weight of the condition against the null condition (release); 1 is no guidance."""
    solver: Literal["euler", "midpoint"] = "euler"
    """Euler's rule as released; the midpoint rule costs two velocities a step."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: if there is no step, or guidance below 1.
        """
        if self.steps < 1:
            raise ConfigError(f"flow.steps is {self.steps}: at least one step is needed")
        if not self.guidance_scale >= 1:
            raise ConfigError(
                f"flow.guidance_scale is {self.guidance_scale}: use 1 for none, more for some"
            )


def interpolate(latents_BTC: Tensor, noise_BTC: Tensor, sigma_B: Tensor) -> Tensor:
    """Latents moved along the straight path towards noise (Eq. 5).

    Args:
        latents_BTC: clean latents.
        noise_BTC: standard normal, same shape as the latents.
        sigma_B: noise level per clip in [0, 1]; 0 is clean sound, 1 is pure noise.

    Raises:
        ShapeError: if the shapes differ or there is not exactly one noise level per clip.
    """
    if noise_BTC.shape != latents_BTC.shape:
        raise ShapeError(
            f"noise {list(noise_BTC.shape)} must be shaped like latents {list(latents_BTC.shape)}"
        )
    if sigma_B.shape != latents_BTC.shape[:1]:
        raise ShapeError(f"need one sigma per clip ({len(latents_BTC)}), got {list(sigma_B.shape)}")
    return torch.lerp(latents_BTC, noise_BTC, sigma_B[:, None, None].to(latents_BTC))


def velocity_target(latents_BTC: Tensor, noise_BTC: Tensor) -> Tensor:
    """The path's direction, which the DiT learns: noise minus clean latents (Eq. 5)."""
    return noise_BTC - latents_BTC


def uniform_sigmas(num_clips: int, generator: torch.Generator) -> Tensor:
    """Noise levels ``(B,)``, uniform in [0, 1) as Eq. 5 says."""
    return torch.rand(num_clips, generator=generator, device=generator.device)


def logit_normal_sigmas(num_clips: int, generator: torch.Generator) -> Tensor:
    """Noise levels ``(B,)`` on a grid of thousandths in (0, 1], most of them near one half.

    The released training code draws them so, on the 1000 levels of its scheduler.
    """
    normal_B = torch.randn(num_clips, generator=generator, device=generator.device)
    return grid_sigmas(normal_B.sigmoid())


def grid_sigmas(uniform_B: Tensor) -> Tensor:
    """Noise levels of draws in [0, 1): the level at that share of a 1000-level scheduler."""
    index_B = (uniform_B * 1000).floor()
    return 1 - index_B / 1000


NOISE_LEVELS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "uniform": uniform_sigmas,
    "logit_normal": logit_normal_sigmas,
}


def sample_sigmas(name: str, num_clips: int, generator: torch.Generator) -> Tensor:
    """Noise levels ``(B,)`` of the distribution called ``name``, on the generator's device.

    Raises:
        ConfigError: if no distribution has that name.
    """
    if name not in NOISE_LEVELS:
        raise ConfigError(f"no noise levels {name!r}; there are {', '.join(NOISE_LEVELS)}")
    return NOISE_LEVELS[name](num_clips, generator)


def flow_loss(
    velocity_BTC: Tensor, target_BTC: Tensor, frame_mask_BT: Tensor | None = None
) -> Tensor:
    """Mean squared error of velocities: over each clip's own frames, then over clips (Eq. 5).

    Args:
        velocity_BTC: what the DiT says.
        target_BTC: ``velocity_target`` of the same clips.
        frame_mask_BT: true where a frame belongs to its clip; None when all do.

    Raises:
        ShapeError: if the shapes differ or a clip has no frame.
    """
    if velocity_BTC.shape != target_BTC.shape:
        raise ShapeError(
            f"velocity {list(velocity_BTC.shape)} and target {list(target_BTC.shape)} differ"
        )
    error_BT = (velocity_BTC.float() - target_BTC.float()).square().mean(dim=-1)
    if frame_mask_BT is None:
        return error_BT.mean()
    if frame_mask_BT.shape != error_BT.shape:
        raise ShapeError(
            f"need a frame mask {list(error_BT.shape)}, got {list(frame_mask_BT.shape)}"
        )
    frames_B = frame_mask_BT.sum(dim=1)
    return (error_BT.where(frame_mask_BT.bool(), 0.0).sum(dim=1) / frames_B).mean()


def guided_velocity(
    dit: DiffusionTransformer,
    condition_BSD: Tensor,
    duration_B: Tensor,
    *,
    null_condition_1SD: Tensor,
    guidance_scale: float,
    frame_mask_BT: Tensor | None = None,
) -> Velocity:
    """The velocity under guidance: null + scale * (conditioned - null).

    Both branches go through the DiT as one batch, the null one first; both are told the
    duration. At a scale of 1 the null branch has no weight and is left out.
    """
    if guidance_scale == 1:
        return lambda latents_BTC, sigma_B: dit(
            latents_BTC, sigma_B, condition_BSD, duration_B, frame_mask_BT
        )
    null_BSD = null_condition_1SD.expand_as(condition_BSD).to(condition_BSD)
    both_conditions = torch.cat([null_BSD, condition_BSD])
    both_durations = duration_B.repeat(2)
    both_masks = None if frame_mask_BT is None else frame_mask_BT.repeat(2, 1)

    def velocity(latents_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        both_BTC = dit(
            latents_BTC.repeat(2, 1, 1), sigma_B.repeat(2), both_conditions, both_durations,
            both_masks,
        )  # fmt: skip
        null_BTC, conditioned_BTC = both_BTC.chunk(2)
        return null_BTC + guidance_scale * (conditioned_BTC - null_BTC)

    return velocity


def euler_step(velocity: Velocity, latents_BTC: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Latents at noise level ``end`` from those at ``start``, along the velocity at ``start``."""
    speed_BTC = velocity(latents_BTC, start.expand(len(latents_BTC)))
    return latents_BTC + (end - start) * speed_BTC


def midpoint_step(velocity: Velocity, latents_BTC: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Latents at noise level ``end`` from those at ``start``, along the velocity half-way."""
    middle = (start + end) / 2
    middle_BTC = euler_step(velocity, latents_BTC, start, middle)
    speed_BTC = velocity(middle_BTC, middle.expand(len(latents_BTC)))
    return latents_BTC + (end - start) * speed_BTC


SOLVERS: dict[str, Callable[[Velocity, Tensor, Tensor, Tensor], Tensor]] = {
    "euler": euler_step,
    "midpoint": midpoint_step,
}


@torch.no_grad()
def solve(velocity: Velocity, noise_BTC: Tensor, *, steps: int, solver: str = "euler") -> Tensor:
    """Clean latents: noise followed back along its velocity in even steps.

    Args:
        velocity: the velocity of latents at a noise level, guided or not.
        noise_BTC: standard normal; its dtype is the walk's.
        steps: noise levels visited: 1, 1 - 1/steps, ... 1/steps, and 0 at the end.
        solver: a name in ``SOLVERS``.

    Raises:
        ConfigError: if no solver has that name.
    """
    if solver not in SOLVERS:
        raise ConfigError(f"no solver {solver!r}; there are {', '.join(SOLVERS)}")
    sigmas = torch.linspace(1, 1 / steps, steps, device=noise_BTC.device)
    sigmas = torch.cat([sigmas, sigmas.new_zeros(1)])
    latents_BTC = noise_BTC
    for start, end in zip(sigmas[:-1], sigmas[1:], strict=True):
        latents_BTC = SOLVERS[solver](velocity, latents_BTC, start, end)
    return latents_BTC
