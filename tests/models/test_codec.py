"""The nano codec: exact lengths, a linear encoder that can be undone, decoding that repeats."""

from __future__ import annotations

import pytest
import torch

from audiostory.errors import ShapeError
from audiostory.models.codec import NanoCodec, NanoCodecConfig
from audiostory.models.seeding import seeded

CONFIG = NanoCodecConfig(
    sample_rate_hz=8000, fft_size=256, hop=80, num_mels=16, patch_frames=4, latent_channels=64,
    decoder_width=16, decoder_blocks=1,
)  # fmt: skip


def codec() -> NanoCodec:
    with seeded(torch.Generator().manual_seed(0)):
        return NanoCodec(CONFIG).eval()


def sounds(num_samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(3, num_samples, generator=generator).cumsum(1).sin()


def fitted() -> tuple[NanoCodec, torch.Tensor]:
    made = codec()
    patches_BTP = made.patches(sounds(made.hop * 200))
    made.fit(patches_BTP.flatten(0, 1))
    return made, patches_BTP


def test_a_sound_comes_back_with_its_length_in_whole_frames() -> None:
    made = codec()
    latents = made.encode(sounds(made.hop * 5 - 7)[:, None])
    assert latents.shape == (3, 5, 64)
    assert made.decode(latents).shape == (3, 1, 5 * made.hop)


def test_latents_of_the_fitted_sounds_have_unit_variance_on_every_axis() -> None:
    made, patches_BTP = fitted()
    latents = (patches_BTP - made.patch_mean_P) @ made.axes_PC
    assert latents.flatten(0, 1).std(0) == pytest.approx(torch.ones(64), abs=0.02)


def test_with_all_axes_kept_the_log_mel_comes_back() -> None:
    made, patches_BTP = fitted()
    latents = (patches_BTP - made.patch_mean_P) @ made.axes_PC
    mel = patches_BTP.unflatten(2, (4, 16)).flatten(1, 2)
    assert (made.mel(latents) - mel).abs().max() < 1e-2


def test_the_kept_shares_fall_and_sum_to_the_whole() -> None:
    made = codec()
    shares = made.fit(torch.randn(500, 64, generator=torch.Generator().manual_seed(2)))
    assert (shares.diff() <= 0).all()
    assert float(shares.sum()) == pytest.approx(1.0, abs=1e-4)


def test_decoding_twice_gives_the_same_samples() -> None:
    made = codec()
    latents = torch.randn(1, 4, 64, generator=torch.Generator().manual_seed(3))
    assert torch.equal(made.decode(latents), made.decode(latents))


def test_a_clip_sounds_the_same_alone_and_in_a_batch() -> None:
    made = codec()
    latents = torch.randn(2, 4, 64, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(made.decode(latents)[:1], made.decode(latents[:1]), atol=1e-6)


def test_the_inverse_stft_undoes_the_windows() -> None:
    made = codec()
    samples = sounds(made.hop * 10)[:1]
    size, hop = CONFIG.fft_size, CONFIG.hop
    margin = size - hop
    padded = torch.nn.functional.pad(samples, (margin // 2, margin - margin // 2))
    frames = padded.unfold(1, size, hop) * made.head.window**2
    assert torch.allclose(made.head.overlap_add(frames), samples, atol=1e-5)


def test_stereo_is_refused() -> None:
    with pytest.raises(ShapeError, match="mono"):
        codec().encode(torch.zeros(1, 2, 3200))


def test_samples_that_fill_no_whole_mel_frame_are_refused_by_the_front_end() -> None:
    with pytest.raises(ShapeError, match="hop"):
        codec().log_mel(torch.zeros(1, 81))


def test_noise_spectra_have_unit_power() -> None:
    made = codec()
    noise = made.noise(made.config.hop * 400)
    assert float(made.head.noise_spectrum(noise).abs().square().mean()) == pytest.approx(
        1, abs=0.05
    )
