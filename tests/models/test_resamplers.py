from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.resamplers import (
    AttentionPool,
    GridResampler,
    GridResamplerConfig,
    PerceiverConfig,
    PerceiverResampler,
    PooledPerceiverResampler,
)
from audiostory.models.seeding import seeded

PERCEIVER = PerceiverConfig(
    input_width=6, width=8, output_width=10, num_queries=3, num_blocks=2, num_heads=2, head_dim=4
)
GRID = GridResamplerConfig(input_width=6, width=8, grid_size=3, num_heads=2)


def make(kind, *values, **named):
    with seeded(torch.Generator().manual_seed(0)):
        return kind(*values, **named).eval()


def tokens(count: int) -> torch.Tensor:
    return torch.randn(2, count, 6, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_any_number_of_tokens_becomes_the_number_of_queries():
    resampler = make(PerceiverResampler, PERCEIVER)
    for count in (1, 7, 20):
        assert resampler(tokens(count)).shape == (2, 3, 10)


@torch.no_grad()
def test_a_perceiver_does_not_know_the_order_of_its_input_and_a_grid_does():
    given, grid_given = tokens(7), tokens(16)
    perceiver, grid = make(PerceiverResampler, PERCEIVER), make(GridResampler, GRID)
    assert_close(perceiver(given.flip(1)), perceiver(given), rtol=1e-4, atol=1e-5)
    assert (grid(grid_given.flip(1)) - grid(grid_given)).abs().max() > 1e-4


@torch.no_grad()
def test_the_pooled_resampler_gives_two_parts_and_a_vector():
    resampler = make(PooledPerceiverResampler, PERCEIVER, pooled_width=4)
    made_BQO, pooled_BP = resampler(tokens(7))
    assert made_BQO.shape == (2, 3, 10)
    assert pooled_BP.shape == (2, 4)
    assert (resampler.first.out_features, resampler.second.out_features) == (6, 4)


def test_nothing_left_for_the_first_part_is_refused():
    with pytest.raises(ConfigError, match="more than pooled_width 10"):
        PooledPerceiverResampler(PERCEIVER, pooled_width=10)


@torch.no_grad()
def test_pooling_equal_tokens_gives_their_value():
    pool = make(AttentionPool, 8, 5, num_tokens=4, num_heads=2)
    pool.positions.zero_()
    one_B1D = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(2))
    expected_BP = pool.output(pool.value(one_B1D[:, 0]))
    assert_close(pool(one_B1D.expand(-1, 4, -1)), expected_BP)


@torch.no_grad()
def test_a_grid_takes_any_square_and_nothing_else():
    resampler = make(GridResampler, GRID)
    for count in (1, 9, 25):
        assert resampler(tokens(count)).shape == (2, 9, 8)
    with pytest.raises(ShapeError, match="8 tokens make no square"):
        resampler(tokens(8))


def test_positions_of_a_grid_are_its_own_where_the_sizes_agree_and_stretched_elsewhere():
    resampler = make(GridResampler, GRID)
    assert torch.equal(resampler.positions_of(9), resampler.positions_QD)
    assert len(resampler.positions_QD.unique(dim=0)) == 9
    stretched_KD = resampler.positions_of(81)
    assert stretched_KD.shape == (81, 8)
    assert_close(stretched_KD[40], resampler.positions_QD[4])  # the middle stays the middle


def test_widths_that_do_not_divide_are_refused():
    with pytest.raises(ConfigError, match="multiple of 4"):
        replace(GRID, width=6)
    with pytest.raises(ConfigError, match="num_heads 3"):
        replace(GRID, num_heads=3)


def test_gradients_reach_every_parameter():
    pooled = make(PooledPerceiverResampler, PERCEIVER, pooled_width=4)
    made_BQO, pooled_BP = pooled(tokens(7))
    (made_BQO.square().mean() + pooled_BP.square().mean()).backward()
    grid = make(GridResampler, GRID)
    grid(tokens(16)).square().mean().backward()
    for module in (pooled, grid):
        assert all(parameter.grad is not None for parameter in module.parameters())
