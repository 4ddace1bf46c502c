"""Flow matching: the straight path to noise, its loss, and the velocity of the walk back.

The walk itself is in ``solvers.py``.

Sources: AudioStory Sec. 4.2, Eq. 5; rectified flow, arXiv:2209.03003; logit-normal noise levels,
arXiv:2403.03206, Sec. 3.1; guidance without a classifier, arXiv:2207.12598; in an
interval of noise levels, arXiv:2404.07724.

Shapes: ``B`` clips, ``T`` latent frames, ``C`` latent channels, ``S`` condition tokens,
``D`` condition width, ``1`` a broadcast axis, ``2`` the null branch and the conditioned one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.dit import DiffusionTransformer

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Latents ``(B, T, C)`` and their noise levels ``(B,)`` to the velocity ``(B, T, C)``."""
EVERYWHERE = (0.0, 1.0)
"""The interval of all noise levels."""


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """How noise levels are drawn in training and how sampling walks back from noise."""

    noise_levels: Literal["uniform", "logit_normal"] = "logit_normal"
    """Eq. 5 says uniform; the released code draws logit-normal levels."""
    steps: int = 50
    """Steps of the solver (release)."""
    guidance_scale: float = 4.0
    """Weight of the condition against the null condition (release); 1 is no guidance."""
    solver: Literal["euler", "midpoint", "heun", "adams_bashforth"] = "euler"
    """Euler's rule as released; a name in ``solvers.SOLVERS``. The midpoint rule and Heun's cost
    two velocities a step, the others one."""
    sigma_shift: float = 1.0
    """Where noise levels crowd: 1 spaces them evenly (release), 3 puts half of them above 0.75
    (arXiv:2403.03206, Sec. 5.3.2)."""
    guidance_interval: tuple[float, float] = EVERYWHERE
    """Least and greatest noise level with guidance (everywhere: release); outside it the null
    branch is left out, which halves the cost of a velocity (arXiv:2404.07724)."""
    cache_interval: int = 1
    """One velocity in so many is computed, the others are foretold from the last two computed ones
    (``feature_cache``); 1 computes all (release)."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: if there is no step, guidance below 1, or a shift or an interval that
                cannot be.
        """
        if self.steps < 1:
            raise ConfigError(f"flow.steps is {self.steps}: at least one step is needed")
        if not self.guidance_scale >= 1:
            raise ConfigError(
                f"flow.guidance_scale is {self.guidance_scale}: use 1 for none, more for some"
            )
        if not 0 < self.sigma_shift < math.inf:
            raise ConfigError(
                f"flow.sigma_shift is {self.sigma_shift}: 1 spaces noise levels evenly, 3 is a lot"
            )
        low, high = self.guidance_interval
        if not 0 <= low < high <= 1:
            raise ConfigError(
                f"flow.guidance_interval is {self.guidance_interval}: give the least and the "
                "greatest noise level with guidance, between 0 and 1"
            )
        if self.cache_interval < 1:
            raise ConfigError(
                f"flow.cache_interval is {self.cache_interval}: 1 computes every velocity"
            )
        if self.cache_interval > 1 and self.guidance_interval != EVERYWHERE:
            raise ConfigError(
                f"flow.cache_interval {self.cache_interval} needs velocities of one kind: leave "
                "guidance_interval out, or compute every velocity"
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
        ShapeError: if the shapes differ.
    """
    return clip_errors(velocity_BTC, target_BTC, frame_mask_BT).mean()


def clip_errors(
    velocity_BTC: Tensor, target_BTC: Tensor, frame_mask_BT: Tensor | None = None
) -> Tensor:
    """Mean squared error ``(B,)`` of each clip's velocity, over its own frames, in float32.

    Args:
        velocity_BTC: what the DiT says.
        target_BTC: ``velocity_target`` of the same clips.
        frame_mask_BT: true where a frame belongs to its clip, which has at least one; None when
            all do.

    Raises:
        ShapeError: if the shapes differ.
    """
    if velocity_BTC.shape != target_BTC.shape:
        raise ShapeError(
            f"velocity {list(velocity_BTC.shape)} and target {list(target_BTC.shape)} differ"
        )
    error_BT = (velocity_BTC.float() - target_BTC.float()).square().mean(dim=-1)
    if frame_mask_BT is None:
        return error_BT.mean(dim=1)
    if frame_mask_BT.shape != error_BT.shape:
        raise ShapeError(
            f"need a frame mask {list(error_BT.shape)}, got {list(frame_mask_BT.shape)}"
        )
    frames_B = frame_mask_BT.sum(dim=1)
    return error_BT.where(frame_mask_BT.bool(), 0.0).sum(dim=1) / frames_B


def denoising_loss(
    velocity: Velocity,
    latents_BTC: Tensor,
    noise_BTC: Tensor,
    sigma_B: Tensor,
    frame_mask_BT: Tensor | None = None,
) -> Tensor:
    """The flow loss (Eq. 5) of a velocity, at the noise and the noise levels that were drawn.

    Raises:
        ShapeError: if latents, noise and levels do not fit together.
    """
    velocity_BTC = velocity(interpolate(latents_BTC, noise_BTC, sigma_B), sigma_B)
    return flow_loss(velocity_BTC, velocity_target(latents_BTC, noise_BTC), frame_mask_BT)


def guided_velocity(
    dit: DiffusionTransformer,
    condition_BSD: Tensor,
    duration_B: Tensor,
    *,
    null_condition_1SD: Tensor,
    guidance_scale: float,
    guidance_interval: tuple[float, float] = EVERYWHERE,
    frame_mask_BT: Tensor | None = None,
    counted_2BS: Tensor | None = None,
) -> Velocity:
    """The velocity under guidance: null + scale * (conditioned - null).

    Both branches go through the DiT as one batch, the null one first; both are told the
    duration. At a scale of 1, and outside the interval, the null branch has no weight and is left
    out.

    Args:
        dit: what gives velocities.
        condition_BSD: condition tokens of each clip.
        duration_B: length of each clip in seconds.
        null_condition_1SD: condition tokens of the null branch.
        guidance_scale: weight of the condition against the null condition.
        guidance_interval: least and greatest noise level with guidance.
        frame_mask_BT: true where a frame belongs to its clip.
        counted_2BS: true where a token counts in the pooled condition, of the null condition
            (first) and of the clip's own (second); without it all do.
    """
    counted_BS = None if counted_2BS is None else counted_2BS[1]

    def plain(latents_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        return dit(latents_BTC, sigma_B, condition_BSD, duration_B, frame_mask_BT, counted_BS)

    if guidance_scale == 1:
        return plain
    null_BSD = null_condition_1SD.expand_as(condition_BSD).to(condition_BSD)
    both_conditions = torch.cat([null_BSD, condition_BSD])
    both_durations = duration_B.repeat(2)
    both_masks = None if frame_mask_BT is None else frame_mask_BT.repeat(2, 1)
    both_counted = None if counted_2BS is None else counted_2BS.flatten(0, 1)

    def guided(latents_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        both_BTC = dit(
            latents_BTC.repeat(2, 1, 1), sigma_B.repeat(2), both_conditions, both_durations,
            both_masks, both_counted,
        )  # fmt: skip
        null_BTC, conditioned_BTC = both_BTC.chunk(2)
        return null_BTC + guidance_scale * (conditioned_BTC - null_BTC)

    return within(guidance_interval, guided, plain)


def within(interval: tuple[float, float], inside: Velocity, outside: Velocity) -> Velocity:
    """The velocity that is ``inside`` for noise levels of the interval, else ``outside``.

    Where all clips of a batch are on one side, which is so on a walk, only that one is asked.
    """
    if interval == EVERYWHERE:
        return inside
    low, high = interval

    def velocity(latents_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        is_inside_B = (low <= sigma_B) & (sigma_B <= high)
        if is_inside_B.all():
            return inside(latents_BTC, sigma_B)
        if not is_inside_B.any():
            return outside(latents_BTC, sigma_B)
        return torch.where(
            is_inside_B[:, None, None], inside(latents_BTC, sigma_B), outside(latents_BTC, sigma_B)
        )

    return velocity
