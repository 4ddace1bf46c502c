"""Latents to waveforms as the release hands them over: decoded, trimmed, resampled."""

from __future__ import annotations

import torch
from torch import Tensor

from audiostory.audio.crossfade import resampled_to_ceil
from audiostory.models.vae import OobleckAutoencoder, OobleckConfig
from tests.golden.case import Case, Comparison


def autoencoder(sizes: dict, weights: dict[str, Tensor]) -> OobleckAutoencoder:
    """The Oobleck VAE of a manifest's sizes with its weights, names without ``vae.``."""
    vae = OobleckAutoencoder(
        OobleckConfig(
            sample_rate_hz=sizes["sampling_rate"],
            audio_channels=sizes["audio_channels"],
            latent_channels=sizes["decoder_input_channels"],
            encoder_width=sizes["encoder_hidden_size"],
            decoder_width=sizes["decoder_channels"],
            ratios=tuple(sizes["downsampling_ratios"]),
            channel_multiples=tuple(sizes["channel_multiples"]),
        )
    )
    vae.network.load_state_dict(weights)
    return vae.eval()


@torch.no_grad()
def vae_decode_trim_resample(case: Case, compare: Comparison) -> None:
    vae = autoencoder(case.about["vae_config"], case.weights_under("vae."))
    rate_hz = vae.sample_rate_hz
    (decoded_CN,) = vae.decode(case.tensors["in/latents"])
    if "mid/decoded" in case.tensors:
        compare.close("mid/decoded", decoded_CN)
    for row in case.about["rows"]:
        trimmed_CN = decoded_CN[:, : int(row["duration"] * rate_hz)]
        resampled_CN = resampled_to_ceil(trimmed_CN.numpy(), rate_hz, case.about["target_sr"])
        compare.equal(f"{row['i']}: trimmed", trimmed_CN.shape[1], row["trimmed_samples"])
        compare.equal(f"{row['i']}: resampled", resampled_CN.shape[1], row["resampled_samples"])
        compare.close(f"out/{row['i']}/trimmed_resampled", torch.from_numpy(resampled_CN))


KINDS = {"vae_decode_trim_resample": vae_decode_trim_resample}
