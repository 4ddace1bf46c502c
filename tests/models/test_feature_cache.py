from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from audiostory.models.dit import DiffusionTransformer
from audiostory.models.feature_cache import foretold_velocities
from audiostory.models.solvers import solve
from tests.models.test_dit import inputs, make


def computed_in(dit: DiffusionTransformer) -> list[int]:
    """A list that grows by one for each velocity whose blocks are computed."""
    runs: list[int] = []
    attention = dit.transformer.transformer_blocks[0].attn
    attention.register_forward_pre_hook(lambda *_: runs.append(1))
    return runs


@torch.no_grad()
def walked(dit: DiffusionTransformer, cache_interval: int, rows=slice(None)) -> torch.Tensor:
    latents, _, condition, duration = (each[rows] for each in inputs())
    with foretold_velocities(dit, cache_interval):
        return solve(
            lambda latents, sigma_B: dit(latents, sigma_B, condition, duration), latents, steps=12
        )


def test_an_interval_of_one_computes_every_velocity_and_changes_nothing():
    dit = make()
    latents, _, condition, duration = inputs()
    plain = solve(lambda x, sigma_B: dit(x, sigma_B, condition, duration), latents, steps=12)
    assert torch.equal(walked(dit, 1), plain)


@pytest.mark.parametrize(("cache_interval", "runs"), [(1, 12), (2, 7), (3, 6)])
def test_velocities_in_between_are_not_computed(cache_interval, runs):
    dit = make()
    computed = computed_in(dit)
    walked(dit, cache_interval)
    assert len(computed) == runs


def test_foretold_velocities_end_near_computed_ones():
    dit = make()
    start, _, _, _ = inputs()
    computed, foretold = walked(dit, 1), walked(dit, 2)
    assert not torch.equal(foretold, computed)
    assert (foretold - computed).norm() < 0.05 * (computed - start).norm()


def test_a_clip_is_foretold_the_same_alone_and_among_neighbours():
    dit = make()
    assert_close(walked(dit, 2, slice(0, 1)), walked(dit, 2)[:1], rtol=1e-4, atol=1e-5)


def test_nothing_stays_behind_even_after_a_mistake():
    dit = make()
    names, before = list(dit.state_dict()), walked(dit, 1)
    assert torch.equal(walked(dit, 2), walked(dit, 2))
    with pytest.raises(RuntimeError), foretold_velocities(dit, 2):
        raise RuntimeError
    assert not dit.transformer.is_cache_enabled
    assert torch.equal(walked(dit, 1), before)
    assert list(dit.state_dict()) == names
