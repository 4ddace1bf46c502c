"""Pipelines of diffusers with tiny random parts of their own classes, tokenizers built here."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import diffusers
import torch
import transformers
from diffusers.pipelines.audioldm2.modeling_audioldm2 import (
    AudioLDM2ProjectionModel,
    AudioLDM2UNet2DConditionModel,
)
from diffusers.pipelines.stable_audio.modeling_stable_audio import StableAudioProjectionModel
from diffusers.pipelines.stable_audio_3.modeling_stable_audio_3 import StableAudio3DurationEmbedder

from audiostory.models.seeding import seeded

LETTERS = "abcdefghijklmnopqrstuvwxyz"
MAX_TOKENS = 40


def t5_tokenizer() -> Any:
    """A letter a token."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    vocab = special + [(letter, -3.0) for letter in LETTERS]
    return transformers.T5TokenizerFast(vocab=vocab, extra_ids=0, model_max_length=MAX_TOKENS)


def roberta_tokenizer() -> Any:
    """A letter a token."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ"]
    vocab = {token: index for index, token in enumerate([*special, *LETTERS])}
    return transformers.RobertaTokenizerFast(vocab=vocab, merges=[], model_max_length=MAX_TOKENS)


def gemma_tokenizer() -> Any:
    """A letter a token."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"]
    vocab = {token: index for index, token in enumerate([*special, *LETTERS])}
    return transformers.GemmaTokenizerFast(vocab=vocab, merges=[], model_max_length=MAX_TOKENS)


def t5_encoder() -> Any:
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=40, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2,
        )
    )  # fmt: skip


def built(make) -> Any:
    """What ``make`` builds, from one seed, without the library's own warnings."""
    with seeded(torch.Generator().manual_seed(0)), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        pipeline = make()
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                for weight in part.parameters():  # what starts at zero passes nothing on
                    weight.data += 0.05 * torch.randn(weight.shape)
        return pipeline


@cache
def audioldm2() -> Any:
    """16 kHz mono."""
    return built(_audioldm2)


def _audioldm2() -> Any:
    clap = transformers.ClapModel(
        transformers.ClapConfig(
            text_config={
                "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1,
                "intermediate_size": 16, "num_attention_heads": 2, "projection_dim": 12,
                "max_position_embeddings": 64,
            },
            audio_config={
                "spec_size": 64, "window_size": 4, "num_mel_bins": 16, "depths": [1, 1],
                "num_attention_heads": [1, 1], "patch_embeds_hidden_size": 16, "hidden_size": 32,
                "projection_dim": 12, "patch_size": 2, "patch_stride": 2,
            },
            projection_dim=12,
        )
    )  # fmt: skip
    return diffusers.AudioLDM2Pipeline(
        vae=diffusers.AutoencoderKL(
            block_out_channels=[8, 16], in_channels=1, out_channels=1, latent_channels=4,
            norm_num_groups=4,
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        ),
        text_encoder=clap.eval(),
        text_encoder_2=t5_encoder().eval(),
        projection_model=AudioLDM2ProjectionModel(
            text_encoder_dim=12, text_encoder_1_dim=16, langauge_model_dim=16
        ),
        language_model=transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=99,
                max_new_tokens=4, bos_token_id=0, eos_token_id=0,
            )
        ).eval(),
        tokenizer=roberta_tokenizer(),
        tokenizer_2=t5_tokenizer(),
        feature_extractor=transformers.ClapFeatureExtractor(hop_length=7900),
        unet=AudioLDM2UNet2DConditionModel(
            block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, sample_size=32,
            in_channels=4, out_channels=4, attention_head_dim=4,
            cross_attention_dim=[[None, 16, 16]] * 2,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        scheduler=diffusers.DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
        ),
        vocoder=transformers.SpeechT5HifiGan(
            transformers.SpeechT5HifiGanConfig(
                model_in_dim=8, sampling_rate=16_000, upsample_initial_channel=16,
                upsample_rates=[8, 20], upsample_kernel_sizes=[16, 40],
                resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], normalize_before=False,
            )
        ),
    )  # fmt: skip


@cache
def stable_audio(scheduler: str = "EDMDPMSolverMultistepScheduler") -> Any:
    """8 kHz stereo, a window of 2 s."""
    return built(lambda: _stable_audio(scheduler))


def _stable_audio(scheduler: str) -> Any:
    return diffusers.StableAudioPipeline(
        vae=diffusers.AutoencoderOobleck(
            encoder_hidden_size=4, downsampling_ratios=[4, 4, 8], decoder_channels=4,
            decoder_input_channels=4, audio_channels=2, channel_multiples=[1, 2, 2],
            sampling_rate=8_000,
        ),
        text_encoder=t5_encoder().eval(),
        projection_model=StableAudioProjectionModel(
            text_encoder_dim=16, conditioning_dim=16, min_value=0, max_value=32
        ),
        tokenizer=t5_tokenizer(),
        transformer=diffusers.StableAudioDiTModel(
            sample_size=125, in_channels=4, num_layers=1, attention_head_dim=4,
            num_key_value_attention_heads=2, num_attention_heads=2, out_channels=4,
            cross_attention_dim=16, time_proj_dim=8, global_states_input_dim=32,
            cross_attention_input_dim=16,
        ),
        scheduler=getattr(diffusers, scheduler)(
            solver_order=2, prediction_type="v_prediction", sigma_data=1.0,
            sigma_schedule="exponential",
        ),
    )  # fmt: skip


@cache
def stable_audio_3() -> Any:
    """8 kHz stereo, the distilled schedule of eight steps."""
    return built(_stable_audio_3)


def _stable_audio_3() -> Any:
    side = {
        "vocab_size": 40, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
    }  # fmt: skip
    config = transformers.T5GemmaConfig(
        encoder=side, decoder=side | {"is_decoder": True}, vocab_size=40, is_encoder_decoder=False
    )
    return diffusers.StableAudio3Pipeline(
        vae=diffusers.AutoencoderSAME(
            audio_channels=2, patch_size=16, encoder_channels=8, encoder_c_mults=(2,),
            encoder_strides=(4,), encoder_transformer_depths=(1,), latent_dim=8, dim_heads=8,
            sampling_rate=8_000,
        ),
        text_encoder=transformers.T5GemmaEncoderModel(config).eval(),
        tokenizer=gemma_tokenizer(),
        duration_embedder=StableAudio3DurationEmbedder(output_dim=16, fourier_dim=8),
        transformer=diffusers.StableAudio3DiTModel(
            io_channels=8, embed_dim=16, depth=1, num_heads=2, cond_token_dim=16,
            global_cond_dim=16, local_add_cond_dim=9, timestep_features_dim=8, num_memory_tokens=2,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(stochastic_sampling=True),
    )  # fmt: skip
