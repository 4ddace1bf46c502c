from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.dit import DiffusionTransformer
from audiostory.models.flow import FlowConfig
from audiostory.models.seeding import seeded
from audiostory.models.tangoflux import TangoFlux
from tests.models.test_dit import TINY
from tests.models.test_text_encoder import encoder

FLOW = FlowConfig(steps=2, guidance_scale=3.0)


def make(condition_width: int = 8) -> TangoFlux:
    with seeded(torch.Generator().manual_seed(0)):
        dit = DiffusionTransformer(replace(TINY, condition_width=condition_width))
    return TangoFlux(encoder(), dit).eval()


def noise(batch: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, 6, 6, generator=torch.Generator().manual_seed(seed))


def test_texts_and_their_ids_give_the_same_condition():
    model = make()
    words = model.condition(["rain falls", "dog"])
    ids = model.condition_of_ids(
        torch.tensor([[3, 4, 1], [9, 1, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    )
    assert_close(words.tokens_BLD, ids.tokens_BLD)
    assert words.counted_BL.tolist() == ids.counted_BL.tolist()
    assert ids.counted_BL.sum(dim=1).tolist() == [3, 2]


def test_the_empty_text_is_padded_and_counts_its_end_only():
    null = make().null_condition(5)
    assert null.tokens_BLD.shape == (1, 5, 8)
    assert null.counted_BL.tolist() == [[True, False, False, False, False]]


@torch.no_grad()
def test_the_same_noise_and_text_give_the_same_sound_and_other_texts_another():
    model, length_B = make(), torch.tensor([2.0])
    rain = model.latents(model.condition(["rain falls"]), length_B, noise(1), FLOW)
    again = model.latents(model.condition(["rain falls"]), length_B, noise(1), FLOW)
    dog = model.latents(model.condition(["dog falls"]), length_B, noise(1), FLOW)
    assert torch.equal(rain, again)
    assert (rain - dog).abs().max() > 1e-4


@torch.no_grad()
def test_repeated_texts_are_several_sounds_of_one_text():
    model = make()
    text, noise_BTC = model.condition(["rain falls"]), noise(2)
    both = model.latents(text.repeated(2), torch.full((2,), 2.0), noise_BTC, FLOW)
    second = model.latents(text, torch.tensor([2.0]), noise_BTC[1:], FLOW)
    assert_close(both[1:], second, rtol=1e-4, atol=1e-5)


def test_the_loss_teaches_the_dit_and_leaves_the_text_encoder_alone():
    model = make()
    text, sigma_B = model.condition(["rain falls", "dog"]), torch.tensor([0.3, 0.7])
    model.loss(text, torch.ones(2), noise(2), noise(2, seed=2), sigma_B).backward()
    assert all(parameter.grad is not None for parameter in model.dit.parameters())
    assert all(parameter.grad is None for parameter in model.text_encoder.parameters())


def test_parts_and_lengths_that_do_not_fit_are_named():
    with pytest.raises(ConfigError, match="8 wide, the DiT's condition 12"):
        make(condition_width=12)
    model = make()
    with pytest.raises(ShapeError, match=r"one duration per text \(1\), got 2"):
        model.velocity(model.condition(["dog"]), torch.ones(2), guidance_scale=2.0)
