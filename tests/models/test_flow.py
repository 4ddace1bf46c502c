from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ConfigError, ShapeError
from audiostory.models import flow
from tests.golden import golden
from tests.models.test_dit import dit_of, inputs, make


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


@pytest.mark.parametrize("solver", sorted(flow.SOLVERS))
@pytest.mark.parametrize("steps", [1, 7])
def test_along_a_straight_path_every_solver_arrives(solver, steps):
    latents, noise = torch.randn(2, 3, 4, 5, generator=rng())
    straight = flow.velocity_target(latents, noise)
    assert_close(flow.solve(lambda *_: straight, noise, steps=steps, solver=solver), latents)


def test_the_midpoint_rule_is_nearer_on_a_bent_path():
    noise = torch.ones(1, 1, 1)
    error = {
        solver: abs(
            flow.solve(lambda x, _: x, noise, steps=8, solver=solver).item()
            - torch.tensor(-1.0).exp().item()
        )
        for solver in flow.SOLVERS
    }
    assert error["midpoint"] < 0.1 * error["euler"]


def test_the_solver_visits_even_noise_levels():
    visited: list[float] = []

    def velocity(latents, sigma_B):
        visited.append(sigma_B[0].item())
        return torch.zeros_like(latents)

    flow.solve(velocity, torch.zeros(2, 3, 4), steps=4)
    assert visited == [1.0, 0.75, 0.5, 0.25]


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


def test_unknown_names_are_told_what_there_is():
    with pytest.raises(ConfigError, match="uniform, logit_normal"):
        flow.sample_sigmas("cosine", 1, rng())
    with pytest.raises(ConfigError, match="euler, midpoint"):
        flow.solve(lambda x, _: x, torch.zeros(1, 1, 1), steps=1, solver="heun")
    with pytest.raises(ConfigError, match="at least one step"):
        flow.FlowConfig(steps=0)
    with pytest.raises(ConfigError, match="use 1 for none"):
        flow.FlowConfig(guidance_scale=float("nan"))


@torch.no_grad()
@pytest.mark.parametrize(
    "name", ["flow_full_tokens_a", "flow_full_tokens_645", "flow_full_tokens_samples2"]
)
def test_bridge_tokens_become_the_released_latents(name):
    case = golden(name)
    dit, noise_BTC = dit_of(case), case.tensors["mid/initial_noise"]
    num_samples = len(noise_BTC)
    bridge_BSD = case.tensors["in/bridge_tokens"].expand(num_samples, -1, -1)
    null_1SD = case.tensors["mid/step0_encoder_hidden_states"][:1, :-1]
    velocity = flow.guided_velocity(
        dit,
        bridge_BSD,
        torch.full((num_samples,), case.about["duration"]),
        null_condition_1SD=null_1SD,
        guidance_scale=case.about["guidance_scale"],
    )
    first_BTC = velocity(noise_BTC, torch.ones(num_samples))
    assert_close(first_BTC, case.tensors["mid/step0_velocity_guided"], **case.tolerance)
    latents_BTC = flow.solve(velocity, noise_BTC, steps=case.about["num_inference_steps"])
    assert_close(latents_BTC, case.tensors["out/latents"], **case.tolerance)


def test_the_loss_and_its_gradients_are_the_released_ones():
    case = golden("flux_t5_train_a")
    dit, given = dit_of(case), case.tensors
    sigma_B = flow.grid_sigmas(given["in/u"])
    assert_close(sigma_B, given["mid/timesteps_over_1000"], **case.tolerance)
    noisy_BTC = flow.interpolate(given["in/latents"], given["in/noise"], sigma_B)
    assert_close(noisy_BTC, given["mid/noisy_input"], **case.tolerance)
    bridge_BSD = given["in/bridge_tokens"].requires_grad_()
    velocity_BTC = dit(noisy_BTC, sigma_B, bridge_BSD, given["in/duration"])
    target_BTC = flow.velocity_target(given["in/latents"], given["in/noise"])
    loss = flow.flow_loss(velocity_BTC, target_BTC)
    assert_close(loss, given["out/loss"][0], **case.tolerance)
    loss.backward()
    assert_close(bridge_BSD.grad, given["out/grad/bridge_tokens"], **case.tolerance)
    ours = {"fc.0.bias": "pooled_projection.0.bias"}
    parameters = dict(dit.named_parameters())
    for key, gradient in given.items():
        name = key.removeprefix("out/grad/")
        if name != key and name != "bridge_tokens":
            name = ours.get(name, name.replace("emebdder", "embedder"))
            assert_close(parameters[name].grad, gradient, **case.tolerance)
