from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.dit import DiffusionTransformer, DitConfig, mean_of_counted
from audiostory.models.seeding import seeded

TINY = DitConfig(
    latent_channels=6,
    num_joint_blocks=1,
    num_single_blocks=1,
    num_heads=2,
    head_dim=8,
    axes_dims_rope=(4, 2, 2),
    condition_width=12,
    max_frames=32,
    zero_init=False,
)


def make(config: DitConfig = TINY) -> DiffusionTransformer:
    with seeded(torch.Generator().manual_seed(0)):
        return DiffusionTransformer(config).eval()


def inputs(batch: int = 3, frames: int = 8) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    latents_BTC = torch.randn(batch, frames, 6, generator=generator)
    condition_BSD = torch.randn(batch, 4, 12, generator=generator)
    return latents_BTC, torch.rand(batch, generator=generator), condition_BSD, torch.ones(batch)


@torch.no_grad()
@pytest.mark.parametrize(("patch_frames", "lengths"), [(1, (8, 5, 3)), (2, (8, 6, 2))])
def test_padded_frames_influence_nothing(patch_frames, lengths):
    dit = make(replace(TINY, patch_frames=patch_frames))
    latents_BTC, sigma_B, condition_BSD, duration_B = inputs()
    mask_BT = torch.arange(8) < torch.tensor(lengths)[:, None]
    masked_BTC = dit(latents_BTC, sigma_B, condition_BSD, duration_B, mask_BT)
    for row, frames in enumerate(lengths):
        one = slice(row, row + 1)
        alone_1TC = dit(
            latents_BTC[one, :frames], sigma_B[one], condition_BSD[one], duration_B[one]
        )
        assert_close(masked_BTC[one, :frames], alone_1TC, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_mask_without_padding_changes_nothing():
    dit = make()
    values = inputs()
    mask_BT = torch.ones(3, 8, dtype=torch.bool)
    assert torch.equal(dit(*values, mask_BT), dit(*values))


@torch.no_grad()
@pytest.mark.parametrize("changed", ["sigma", "condition", "duration"])
def test_every_input_is_heard(changed):
    dit = make()
    latents_BTC, sigma_B, condition_BSD, duration_B = inputs()
    other = {
        "sigma": (latents_BTC, 1 - sigma_B, condition_BSD, duration_B),
        "condition": (latents_BTC, sigma_B, -condition_BSD, duration_B),
        "duration": (latents_BTC, sigma_B, condition_BSD, duration_B + 9),
    }[changed]
    difference = dit(*other) - dit(latents_BTC, sigma_B, condition_BSD, duration_B)
    assert difference.abs().amax(dim=(1, 2)).min() > 1e-4


@torch.no_grad()
def test_frames_know_their_order():
    dit = make()
    latents_BTC, *rest = inputs()
    turned_BTC = dit(latents_BTC.flip(1), *rest).flip(1)
    assert not torch.allclose(turned_BTC, dit(latents_BTC, *rest), atol=1e-3)


@torch.no_grad()
def test_before_training_the_velocity_is_zero():
    assert make(replace(TINY, zero_init=True))(*inputs()).count_nonzero() == 0


def test_gradients_reach_every_parameter():
    dit = make()
    dit(*inputs()).square().mean().backward()
    assert all(p.grad is not None for p in dit.parameters())


def test_patches_share_positions():
    dit = make(replace(TINY, patch_frames=2))
    assert dit.transformer.config.in_channels == 12
    assert dit(*inputs()).shape == (3, 8, 6)
    with pytest.raises(ShapeError, match="multiples of 2"):
        dit(*inputs(frames=7))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: torch.zeros(3, 8, 5)}, "5 channels"),
        ({0: torch.zeros(3, 40, 6)}, "up to 32"),
        ({1: torch.zeros(1)}, "one sigma per clip"),
        ({2: torch.zeros(2, 4, 12)}, "conditions"),
        ({3: torch.zeros(3, 1)}, "one duration per clip"),
        ({4: torch.ones(3, 9, dtype=torch.bool)}, "frame mask"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    values = [change.get(i, value) for i, value in enumerate((*inputs(), None))]
    with pytest.raises(ShapeError, match=message):
        make()(*values)


def test_rotary_axes_must_fill_a_head():
    with pytest.raises(ConfigError, match="add up to head_dim 8"):
        replace(TINY, axes_dims_rope=(4, 4, 4))


@torch.no_grad()
def test_tokens_that_do_not_count_are_seen_but_not_pooled():
    dit = make()
    latents_BTC, sigma_B, condition_BSD, duration_B = inputs()
    pooled: list[torch.Tensor] = []
    dit.pooled_projection.register_forward_hook(lambda _m, given, _made: pooled.append(given[0]))
    counted_BS = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
    velocity_BTC = dit(latents_BTC, sigma_B, condition_BSD, duration_B, counted_BS=counted_BS)
    assert_close(pooled[0][0], condition_BSD[0, :2].mean(dim=0))
    assert_close(pooled[0][2], condition_BSD[2].mean(dim=0))
    condition_BSD[0, 3] += 1
    again_BTC = dit(latents_BTC, sigma_B, condition_BSD, duration_B, counted_BS=counted_BS)
    assert_close(pooled[1], pooled[0])
    assert (again_BTC - velocity_BTC)[0].abs().max() > 1e-4


def test_masks_of_counted_tokens_must_fit_and_leave_one_each():
    tokens_BSD = torch.zeros(2, 3, 4)
    for counted_BS in (torch.ones(2, 4), torch.tensor([[1, 0, 0], [0, 0, 0]])):
        with pytest.raises(ShapeError, match="at least one per clip"):
            mean_of_counted(tokens_BSD, counted_BS)
