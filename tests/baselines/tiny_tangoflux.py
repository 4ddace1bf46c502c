"""TangoFlux of the real classes with random weights, small enough for any test."""

from __future__ import annotations

from functools import cache

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import T5Config, T5EncoderModel

from audiostory.models.dit import DiffusionTransformer, DitConfig
from audiostory.models.foreign.tangoflux_checkpoint import LoadedTangoFlux
from audiostory.models.seeding import seeded
from audiostory.models.tangoflux import TangoFlux
from audiostory.models.text_encoder import TextEncoder
from audiostory.models.vae import OobleckAutoencoder, OobleckConfig
from tests.released_folder import base_tokenizer

MAX_FRAMES = 125  # of 128 samples each


@cache
def tiny_tangoflux() -> LoadedTangoFlux:
    """8 kHz stereo, windows of 2 s in 125 frames; nothing starts at zero."""
    with seeded(torch.Generator().manual_seed(0)):
        network = T5EncoderModel(
            T5Config(
                vocab_size=320, d_model=24, d_kv=8, d_ff=32, num_layers=1, num_heads=2,
                feed_forward_proj="gated-gelu",
            )
        )  # fmt: skip
        dit = DiffusionTransformer(
            DitConfig(
                latent_channels=8, num_joint_blocks=1, num_single_blocks=1, num_heads=2,
                head_dim=16, axes_dims_rope=(4, 6, 6), condition_width=24, max_frames=MAX_FRAMES,
                max_duration_s=2.0, duration_features=8, zero_init=False,
            )
        )  # fmt: skip
        codec = OobleckAutoencoder(
            OobleckConfig(
                sample_rate_hz=8_000, latent_channels=8, encoder_width=16, decoder_width=4,
                ratios=(4, 4, 8), channel_multiples=(1, 2, 2),
            )
        )  # fmt: skip
    vocabulary = Tokenizer.from_str(base_tokenizer().to_str())
    vocabulary.post_processor = TemplateProcessing(
        single="$A <|im_end|>", special_tokens=[("<|im_end|>", 2)]
    )
    return LoadedTangoFlux(TangoFlux(TextEncoder(network, vocabulary), dit).eval(), codec.eval())
