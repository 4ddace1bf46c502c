"""A model of the real classes that is small enough for any test: two layers, 32 wide, seeded.

Its sound is meaningless but never silent, and depends on every input: nothing starts at zero.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from audiostory.models.audio_encoder import AudioEncoderConfig
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.bridge import BridgeConfig
from audiostory.models.codec import NanoCodecConfig
from audiostory.models.codec_ears import CodecEarsConfig
from audiostory.models.dit import DitConfig
from audiostory.models.flow import FlowConfig
from audiostory.models.llm import LlmConfig
from audiostory.models.seeding import seeded
from audiostory.models.tokenizer import StoryTokenizer, train_byte_bpe
from audiostory.story.tokens import SpecialTokens

TEXTS = (
    "You are a helpful assistant. The total duration is 30.0 seconds.",
    "The storyline is mainly about: a storm passes over a farm.\n\nThe story can be divided into "
    "2 points.\n\n1. [0.0, 14.0]\n**Story Details**: Rain falls.\n**Sound Effects**: rain, wind\n",
    "A dog barks, a door slams shut, footsteps splash, thunder rolls and a car skids.",
)


@cache
def tiny_config() -> AudioStoryConfig:
    """Sizes of the tiny model: 8 kHz mono, 12.5 latent frames/s, 4 + 2 bridge tokens."""
    return AudioStoryConfig(
        name="tiny",
        llm=LlmConfig(
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            num_kv_heads=2,
            intermediate_size=48,
            vocab_size=400,
            rope_theta=10_000.0,
            max_positions=4096,
        ),
        bridge=BridgeConfig(
            llm_width=32,
            width=24,
            num_semantic=4,
            num_residual=2,
            num_fusion_heads=4,
            zero_init=False,
            feature_scale=1.0,
        ),
        dit=DitConfig(
            latent_channels=8,
            num_joint_blocks=1,
            num_single_blocks=1,
            num_heads=2,
            head_dim=16,
            axes_dims_rope=(4, 6, 6),
            condition_width=24,
            max_frames=400,
            duration_features=8,
            zero_init=False,
        ),
        codec=NanoCodecConfig(
            sample_rate_hz=8000,
            fft_size=256,
            hop=80,
            num_mels=16,
            latent_channels=8,
            decoder_width=16,
            decoder_blocks=1,
        ),
        flow=FlowConfig(steps=2, guidance_scale=2.0),
        tokens=SpecialTokens(
            num_semantic=4, num_residual=2, num_semantic_vocab=4, num_residual_vocab=2
        ),
        bridge_context="clip",
    )


TINY_EARS = CodecEarsConfig(
    sample_rate_hz=8000,
    hop=640,
    latent_channels=8,
    window_frames=10,
    num_tokens=5,
    width=16,
    num_blocks=1,
    llm_width=32,
)
"""Ears that hear through the tiny codec: windows of 0.8 s, five tokens each."""
TINY_WHISPER = AudioEncoderConfig(
    width=8,
    num_layers=1,
    num_heads=2,
    intermediate_size=16,
    num_mels=6,
    max_positions=10,
    num_tokens=4,
    llm_width=32,
)
"""Whisper's ears: windows of 0.2 s, four tokens each."""


def hearing_model(
    ears: AudioEncoderConfig | CodecEarsConfig = TINY_EARS, seed: int = 0
) -> AudioStoryModel:
    """The tiny model with ears."""
    return tiny_model(seed, replace(tiny_config(), audio_encoder=ears))


def tiny_model(seed: int = 0, config: AudioStoryConfig | None = None) -> AudioStoryModel:
    """A fresh tiny model in evaluation mode; the same seed gives the same weights."""
    with seeded(torch.Generator().manual_seed(seed)):
        return AudioStoryModel(config or tiny_config()).eval()


@cache
def tiny_tokenizer() -> StoryTokenizer:
    """A byte-level vocabulary with the tiny model's markers."""
    return train_byte_bpe(TEXTS, tiny_config().llm.vocab_size, tiny_config().markers)
