from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ShapeError
from audiostory.models.seeding import seeded
from audiostory.models.vae import OobleckAutoencoder, OobleckConfig

TINY = OobleckConfig(
    sample_rate_hz=800,
    latent_channels=4,
    encoder_width=8,
    decoder_width=4,
    ratios=(2, 4),
    channel_multiples=(1, 2),
    tile_frames=1000,
)


def make(config: OobleckConfig = TINY) -> OobleckAutoencoder:
    with seeded(torch.Generator().manual_seed(0)):
        return OobleckAutoencoder(config).eval()


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_waveform_becomes_one_latent_frame_per_hop_and_back():
    vae = make()
    latents_BTC = vae.encode(noise(2, 2, 40))
    assert latents_BTC.shape == (2, 5, 4)
    assert vae.decode(latents_BTC).shape == (2, 2, 40)


@torch.no_grad()
def test_the_end_is_filled_up_with_silence():
    vae, waveform_BCN = make(), noise(1, 2, 37)
    filled_BCN = torch.nn.functional.pad(waveform_BCN, (0, 3))
    assert torch.equal(vae.encode(waveform_BCN), vae.encode(filled_BCN))


def test_frames_cover_the_duration():
    vae = make()
    assert vae.hop == 8
    assert vae.frames_per_s == 100
    assert [vae.num_frames(s) for s in (0.0, 0.01, 0.011, 1.0, 0.1 + 0.2)] == [0, 1, 2, 100, 30]


@torch.no_grad()
def test_working_in_tiles_changes_nothing_to_be_heard():
    whole, tiled = make(), make(replace(TINY, tile_frames=48, tile_overlap=22))
    latents_BTC, waveform_BCN = noise(1, 150, 4), noise(1, 2, 1200)
    assert_close(tiled.decode(latents_BTC), whole.decode(latents_BTC), rtol=0, atol=1e-5)
    assert_close(tiled.encode(waveform_BCN), whole.encode(waveform_BCN), rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_generator_draws_from_the_posterior():
    vae, waveform_BCN = make(), noise(1, 2, 40)
    draws = [vae.encode(waveform_BCN, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@torch.no_grad()
def test_latents_are_drawn_from_the_means_and_deviations_of_the_posterior():
    vae, waveform_BCN = make(), noise(1, 2, 40)
    mean_BTC, deviation_BTC = vae.posterior(waveform_BCN).chunk(2, dim=-1)
    assert vae.has_deviation
    assert torch.equal(mean_BTC, vae.encode(waveform_BCN))
    draws = [vae.encode(waveform_BCN, torch.Generator().manual_seed(s)) for s in range(200)]
    assert_close(torch.cat(draws).std(dim=0), deviation_BTC[0], rtol=0.25, atol=0)


def test_foreign_shapes_are_refused():
    vae = make()
    with pytest.raises(ShapeError, match="C = 2"):
        vae.encode(noise(1, 1, 40))
    with pytest.raises(ShapeError, match="C = 4"):
        vae.decode(noise(1, 4, 5))
