from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ConfigError, ShapeError
from audiostory.models import flow
from tests.models.test_dit import inputs, make


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_path_runs_from_clean_latents_to_noise():
    latents, noise = torch.randn(2, 3, 4, 5, generator=rng())
    assert_close(flow.interpolate(latents, noise, torch.zeros(3)), latents)
    assert_close(flow.interpolate(latents, noise, torch.ones(3)), noise)
    halfway = flow.interpolate(latents, noise, torch.full((3,), 0.25))
    assert_close(latents + 0.25 * flow.velocity_target(latents, noise), halfway)


def test_each_clip_has_its_own_noise_level():
    latents, noise = torch.zeros(2, 3, 1), torch.ones(2, 3, 1)
    noisy = flow.interpolate(latents, noise, torch.tensor([0.25, 0.5]))
    assert noisy[:, 0, 0].tolist() == [0.25, 0.5]


def test_shapes_that_do_not_fit_are_named():
    latents = torch.zeros(2, 3, 1)
    with pytest.raises(ShapeError, match="one sigma per clip"):
        flow.interpolate(latents, latents, torch.zeros(1))
    with pytest.raises(ShapeError, match="shaped like latents"):
        flow.interpolate(latents, latents[:1], torch.zeros(2))
    with pytest.raises(ShapeError, match="differ"):
        flow.flow_loss(latents, latents[:1])
    with pytest.raises(ShapeError, match="frame mask"):
        flow.flow_loss(latents, latents, torch.ones(2, 4))


@pytest.mark.parametrize("name", sorted(flow.NOISE_LEVELS))
def test_noise_levels_stay_on_the_path_and_follow_the_seed(name):
    sigma_B = flow.sample_sigmas(name, 4000, rng(3))
    assert sigma_B.min() >= 0
    assert sigma_B.max() <= 1
    assert sigma_B.mean() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(sigma_B, flow.sample_sigmas(name, 4000, rng(3)))
    assert not torch.equal(sigma_B, flow.sample_sigmas(name, 4000, rng(4)))


def test_logit_normal_levels_crowd_the_middle():
    spread = {
        name: flow.sample_sigmas(name, 4000, rng()).std().item() for name in flow.NOISE_LEVELS
    }
    assert spread["logit_normal"] < 0.75 * spread["uniform"]


def test_the_loss_sees_only_a_clips_own_frames():
    velocity, target = torch.zeros(2, 4, 3), torch.ones(2, 4, 3)
    velocity[1, 2:] = float("inf")
    mask_BT = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)
    assert flow.flow_loss(velocity, target, mask_BT).item() == 1.0


def test_every_clip_weighs_the_same_in_the_loss():
    target = torch.zeros(2, 4, 3)
    velocity = torch.stack([torch.ones(4, 3), torch.zeros(4, 3)])
    mask_BT = torch.tensor([[1, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
    assert flow.flow_loss(velocity, target, mask_BT).item() == 0.5


def test_padding_sends_no_gradient_back():
    velocity = torch.randn(1, 4, 3, generator=rng(), requires_grad=True)
    mask_BT = torch.tensor([[True, True, False, False]])
    flow.flow_loss(velocity, torch.zeros(1, 4, 3), mask_BT).backward()
    assert velocity.grad[0, 2:].count_nonzero() == 0
    assert velocity.grad[0, :2].count_nonzero() == 6


@torch.no_grad()
def test_guidance_leans_away_from_the_null_condition():
    dit = make()
    latents, sigma_B, condition, duration = inputs()
    mask_BT = torch.arange(8) < torch.tensor([8, 5, 3])[:, None]
    null_1SD = torch.randn(1, 4, 12, generator=rng(5))
    plain = dit(latents, sigma_B, condition, duration, mask_BT)
    unconditioned = dit(latents, sigma_B, null_1SD.expand(3, -1, -1), duration, mask_BT)
    for scale in (1.0, 2.5):
        velocity = flow.guided_velocity(
            dit, condition, duration, null_condition_1SD=null_1SD, guidance_scale=scale,
            frame_mask_BT=mask_BT,
        )  # fmt: skip
        expected = unconditioned + scale * (plain - unconditioned)
        got = velocity(latents, sigma_B)
        assert_close(got[mask_BT], expected[mask_BT], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_guidance_pools_each_branch_over_its_own_counted_tokens():
    dit = make()
    latents, sigma_B, condition, duration = inputs()
    null_1SD = torch.randn(1, 4, 12, generator=rng(5))
    counted_2BS = torch.ones(2, 3, 4, dtype=torch.bool)
    counted_2BS[0, :, 1:] = False
    counted_2BS[1, :, 3:] = False
    null = dit(latents, sigma_B, null_1SD.expand(3, -1, -1), duration, counted_BS=counted_2BS[0])
    plain = dit(latents, sigma_B, condition, duration, counted_BS=counted_2BS[1])
    for scale in (1.0, 2.5):
        velocity = flow.guided_velocity(
            dit, condition, duration, null_condition_1SD=null_1SD, guidance_scale=scale,
            counted_2BS=counted_2BS,
        )  # fmt: skip
        expected = null + scale * (plain - null)
        assert_close(velocity(latents, sigma_B), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_guidance_over_all_noise_levels_is_plain_guidance():
    dit = make()
    latents, sigma_B, condition, duration = inputs()
    null_1SD = torch.randn(1, 4, 12, generator=rng(5))

    def velocity(**options):
        return flow.guided_velocity(
            dit, condition, duration, null_condition_1SD=null_1SD, guidance_scale=2.5, **options
        )(latents, sigma_B)

    assert torch.equal(velocity(guidance_interval=(0.0, 1.0)), velocity())
    assert torch.equal(velocity(guidance_interval=(0.0, 0.999)), velocity())  # nobody is outside


@torch.no_grad()
def test_outside_its_interval_guidance_is_off_and_the_null_branch_is_not_computed():
    dit = make()
    latents, _, condition, duration = inputs()
    null_1SD = torch.randn(1, 4, 12, generator=rng(5))
    sizes = []
    dit.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    velocity = flow.guided_velocity(
        dit, condition, duration, null_condition_1SD=null_1SD, guidance_scale=2.5,
        guidance_interval=(0.25, 0.75),
    )  # fmt: skip
    sigma_B = torch.full((3,), 0.8)
    assert_close(velocity(latents, sigma_B), dit(latents, sigma_B, condition, duration))
    velocity(latents, torch.full((3,), 0.75))
    assert sizes == [3, 3, 6]


@torch.no_grad()
def test_each_clip_is_guided_by_its_own_noise_level():
    one, other = (torch.full((2, 3, 4), value) for value in (1.0, 2.0))
    velocity = flow.within((0.5, 1.0), lambda *_: one, lambda *_: other)
    got = velocity(torch.zeros(2, 3, 4), torch.tensor([0.4, 0.6]))
    assert got[:, 0, 0].tolist() == [2.0, 1.0]


def test_the_right_velocity_has_no_denoising_loss():
    latents, noise = torch.randn(2, 3, 4, 5, generator=rng())
    sigma_B = torch.tensor([0.2, 0.5, 0.9])
    truth = flow.velocity_target(latents, noise)
    assert flow.denoising_loss(lambda *_: truth, latents, noise, sigma_B).item() == 0
    visited = []
    flow.denoising_loss(lambda *given: visited.append(given) or truth, latents, noise, sigma_B)
    assert_close(visited[0][0], flow.interpolate(latents, noise, sigma_B))


def test_unknown_names_are_told_what_there_is():
    with pytest.raises(ConfigError, match="uniform, logit_normal"):
        flow.sample_sigmas("cosine", 1, rng())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"steps": 0}, "at least one step"),
        ({"guidance_scale": float("nan")}, "use 1 for none"),
        ({"sigma_shift": 0.0}, "1 spaces noise levels evenly"),
        ({"sigma_shift": float("nan")}, "1 spaces noise levels evenly"),
        ({"guidance_interval": (0.5, 0.5)}, "greatest noise level with guidance"),
        ({"guidance_interval": (0.5, 1.5)}, "greatest noise level with guidance"),
        ({"cache_interval": 0}, "computes every velocity"),
        ({"cache_interval": 2, "guidance_interval": (0.2, 1.0)}, "leave guidance_interval out"),
    ],
)
def test_ways_of_sampling_that_cannot_be_are_refused(values, told):
    with pytest.raises(ConfigError, match=told):
        flow.FlowConfig(**values)


def test_clip_errors_are_each_clips_own_part_of_the_loss():
    velocity, target = torch.randn(2, 3, 4, 5, generator=rng())
    mask_BT = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]).bool()
    for mask in (None, mask_BT):
        errors_B = flow.clip_errors(velocity, target, mask)
        assert errors_B.shape == (3,)
        assert_close(errors_B.mean(), flow.flow_loss(velocity, target, mask))
    assert_close(errors_B[2], (velocity[2, 0] - target[2, 0]).square().mean())
