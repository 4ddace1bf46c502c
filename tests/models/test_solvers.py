from __future__ import annotations

import math
from typing import get_args, get_type_hints

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ConfigError
from audiostory.models.flow import FlowConfig, velocity_target
from audiostory.models.solvers import SOLVERS, falling_sigmas, solve
from audiostory.story.plan import PlanSettings

ORDERS = {"euler": 1, "midpoint": 2, "heun": 2, "adams_bashforth": 2}
VELOCITIES_OF_FOUR_STEPS = {"euler": 4, "midpoint": 8, "heun": 7, "adams_bashforth": 4}


def bent(latents, sigma_B):
    """A velocity whose walk from 1 at the noise level 1 ends at exp(-1.5)."""
    return latents * (1 + sigma_B[:, None, None])


def error_of(solver: str, steps: int, sigma_shift: float = 1.0) -> float:
    noise = torch.ones(1, 1, 1, dtype=torch.float64)
    end = solve(bent, noise, steps=steps, solver=solver, sigma_shift=sigma_shift)
    return abs(end.item() - math.exp(-1.5))


def test_plans_and_models_know_every_solver_by_the_same_name():
    (of_plans, _) = get_args(get_type_hints(PlanSettings)["solver"])
    of_models = get_type_hints(FlowConfig)["solver"]
    assert get_args(of_plans) == get_args(of_models) == tuple(SOLVERS) == tuple(ORDERS)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("sigma_shift", [1.0, 3.0])
def test_along_a_straight_path_every_solver_arrives(solver, steps, sigma_shift):
    latents, noise = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    straight = velocity_target(latents, noise)
    end = solve(lambda *_: straight, noise, steps=steps, solver=solver, sigma_shift=sigma_shift)
    assert_close(end, latents)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("sigma_shift", [1.0, 2.0])
def test_half_as_long_steps_err_less_by_the_order_of_the_solver(solver, sigma_shift):
    ratio = error_of(solver, 64, sigma_shift) / error_of(solver, 128, sigma_shift)
    assert math.log2(ratio) == pytest.approx(ORDERS[solver], abs=0.1)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_asks_for_as_many_velocities_as_it_says(solver):
    sigmas: list[float] = []

    def velocity(latents, sigma_B):
        assert sigma_B.shape == (2,)
        sigmas.append(sigma_B[0].item())
        return torch.zeros_like(latents)

    solve(velocity, torch.zeros(2, 3, 4), steps=4, solver=solver)
    assert len(sigmas) == VELOCITIES_OF_FOUR_STEPS[solver]
    assert min(sigmas) > 0  # where no model has learnt a velocity


def test_adams_bashforth_begins_as_euler_and_then_leans_on_the_step_before():
    def walk(solver, steps):
        return solve(bent, torch.ones(1, 1, 1), steps=steps, solver=solver).item()

    assert walk("adams_bashforth", 1) == walk("euler", 1)
    first = 1 - 0.5 * 2.0
    assert walk("adams_bashforth", 2) == pytest.approx(first - 0.5 * (1.5 * first * 1.5 - 0.5 * 2))


def test_noise_levels_are_even_unless_they_are_shifted():
    assert falling_sigmas(4).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    shifted = falling_sigmas(4, sigma_shift=3.0)
    assert shifted.tolist() == pytest.approx([1.0, 0.9, 0.75, 0.5, 0.0])
    released = torch.linspace(1, 1 / 50, 50)
    assert torch.equal(falling_sigmas(50)[:-1], released)


def test_an_unknown_solver_is_told_what_there_is():
    with pytest.raises(ConfigError, match="euler, midpoint, heun, adams_bashforth"):
        solve(bent, torch.zeros(1, 1, 1), steps=1, solver="dopri5")
