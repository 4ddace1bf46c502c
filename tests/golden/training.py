"""Losses and gradients of one training step, as the release computes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from audiostory.models.audio_encoder import AudioEncoderConfig
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.bridge import BridgeConfig, Condition
from audiostory.models.checkpoint import name_of_release
from audiostory.models.codec import NanoCodecConfig
from audiostory.models.dit import DiffusionTransformer
from audiostory.models.flow import denoising_loss, grid_sigmas, logit_normal_sigmas
from audiostory.models.tangoflux import TangoFlux
from audiostory.story.tokens import SpecialTokens
from audiostory.train.released import ReleasedObjective
from tests.golden.bridges import PROJECTOR
from tests.golden.case import Case, Comparison
from tests.golden.language import llm_config, our_weights
from tests.golden.networks import (
    compare_if_recorded,
    diffusion_transformer,
    dit_config,
    our_dit_name,
    text_encoder,
)

GRADIENT = "out/grad/"


def flux_t5_train(case: Case, compare: Comparison) -> None:
    given = case.tensors
    dit = diffusion_transformer(case.about["config"], case.weights)
    bridge_BSD = given["in/bridge_tokens"].clone().requires_grad_()

    def velocity(noisy_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        return dit(noisy_BTC, sigma_B, bridge_BSD, given["in/duration"])

    def loss(noise_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        return denoising_loss(velocity, given["in/latents"], noise_BTC, sigma_B)

    compare_flow(compare, dit, loss)
    bridge_gradient = bridge_BSD.grad
    assert bridge_gradient is not None
    compare.close(GRADIENT + "bridge_tokens", bridge_gradient)


def tangoflux_train(case: Case, compare: Comparison) -> None:
    given = case.tensors
    model = TangoFlux(
        text_encoder(case.about["t5_config"], case.weights),
        diffusion_transformer(case.about["config"], case.weights),
    )
    text = model.condition_of_ids(given["in/input_ids"], given["in/attention_mask"])

    def loss(noise_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        return model.loss(text, given["in/duration"], given["in/latents"], noise_BTC, sigma_B)

    compare_flow(compare, model.dit, loss)


def compare_flow(
    compare: Comparison, dit: DiffusionTransformer, loss_at: Callable[[Tensor, Tensor], Tensor]
) -> None:
    """Compare the flow loss at the recorded draws, its way there and its gradients.

    Args:
        compare: takes the numbers.
        dit: what the loss is of.
        loss_at: noise and noise levels to the loss.
    """
    noise_BTC, sigma_B = compare_draws(compare, compare.case.tensors["in/latents"])
    seen: dict[str, Tensor] = {}
    dit.transformer.register_forward_hook(
        lambda _module, _args, given, made: seen.update(given, velocity=made[0]), with_kwargs=True
    )
    loss = loss_at(noise_BTC, sigma_B)
    compare.close("out/loss", loss.reshape(1))
    compare_if_recorded(
        compare,
        {
            "mid/timesteps_over_1000": seen["timestep"],
            "mid/noisy_input": seen["hidden_states"],
            "mid/encoder_hidden_states": seen["encoder_hidden_states"],
            "mid/pooled_projections": seen["pooled_projections"],
            "mid/velocity_pred": seen["velocity"],
        },
    )
    loss.backward()
    compare_gradients(compare, dit, our_dit_name)


def compare_draws(compare: Comparison, latents_BTC: Tensor) -> tuple[Tensor, Tensor]:
    """The recorded noise and noise levels; the seed gives both, the noise first."""
    given, generator = compare.case.tensors, torch.Generator()
    sigma_B = grid_sigmas(given["in/u"])
    if "torch_seed_before_forward" in compare.case.about:
        generator.manual_seed(compare.case.about["torch_seed_before_forward"])
        compare.close("in/noise", torch.randn(latents_BTC.shape, generator=generator))
        compare.close("sigma", logit_normal_sigmas(len(latents_BTC), generator), sigma_B)
    return given["in/noise"], sigma_B


def compare_gradients(
    compare: Comparison, model: nn.Module, our_name: Callable[[str], str | None]
) -> None:
    """Compare every recorded gradient of a parameter.

    Args:
        compare: takes the numbers.
        model: after the backward pass.
        our_name: recorded name to the parameter's; None where it is no parameter.
    """
    for key, recorded in compare.case.tensors.items():
        name = our_name(key.removeprefix(GRADIENT)) if key.startswith(GRADIENT) else None
        if name is not None:
            gradient = model.get_parameter(name).grad
            assert gradient is not None, f"no gradient reaches {name}"
            compare.close(key, gradient, recorded)


def audiostory_model(case: Case) -> AudioStoryModel:
    """A model of a manifest's sizes with the recorded weights."""
    about, weights, llm = case.about, case.weights, llm_config(case.about)
    width, num_semantic = about["flux_t5_config"]["joint_attention_dim"], about["num_t5"]
    frequencies = weights["tangoflux.duration_emebdder.time_positional_embedding.0.weights"]
    dit = dit_config(about["flux_t5_config"], duration_features=len(frequencies))
    model = AudioStoryModel(
        AudioStoryConfig(
            name="recorded",
            llm=llm,
            bridge=BridgeConfig(
                llm_width=llm.hidden_size,
                width=width,
                num_semantic=num_semantic,
                num_residual=about["num_aud"],
                feature_scale=about["t5_feature_scale"],
                training_divides="twice",
                learned_null=False,
            ),
            dit=dit,
            codec=replace(TINY_CODEC, latent_channels=dit.latent_channels),
            audio_encoder=ears(case, llm.hidden_size),
            tokens=SpecialTokens(
                num_semantic=num_semantic,
                num_residual=about["num_aud"],
                num_semantic_vocab=num_semantic,
                num_residual_vocab=about["num_aud"],
            ),
        )
    )
    fill(model, weights)
    return model.eval()


TINY_CODEC = NanoCodecConfig(decoder_width=16, decoder_blocks=1)
"""No sound is made here."""


def ears(case: Case, llm_width: int) -> AudioEncoderConfig | None:
    """The projector's sizes, where sounds are heard; their features are recorded."""
    if f"{PROJECTOR}0.weight" not in case.weights:
        return None
    num_windows, num_places = selected(case, "embeds_cmp_mask"), selected(case, "ids_cmp_mask")
    return AudioEncoderConfig(
        width=case.weights[f"{PROJECTOR}0.weight"].shape[1],
        num_layers=0,
        num_heads=1,
        num_tokens=num_places // max(num_windows, 1),
        llm_width=llm_width,
    )


def selected(case: Case, mask: str) -> int:
    """How many a recorded mask selects."""
    return int(case.tensors[f"in/{mask}"].sum())


@torch.no_grad()
def fill(model: AudioStoryModel, weights: dict[str, Tensor]) -> None:
    """Put every recorded weight that a model of ours has into its place, and leave no place empty.

    The codec and the encoder of sounds heard are not recorded.
    """
    model.llm.load_state_dict(our_weights(model.llm, weights))
    empty = {
        name
        for name, _ in model.named_parameters()
        if not name.startswith(("llm.", "codec.", "audio_encoder.encoder."))
    }
    for released, weight in weights.items():
        name = name_of_release(released)
        if name is not None and not name.startswith("llm."):
            model.get_parameter(name).copy_(weight)
            empty.discard(name)
    assert not empty, f"no weights for {sorted(empty)}"


def batch_of(case: Case) -> dict[str, Tensor]:
    """The recorded inputs under the names of ``ReleasedObjective``."""
    ours = {
        "input_ids": "ids_BL",
        "attention_mask": "attention_BL",
        "labels": "labels_BL",
        "ids_t5_gen_mask": "is_semantic_BL",
        "ids_aud_gen_mask": "is_residual_BL",
        "caption_embeds": "semantic_BSD",
        "audio_latent": "latents_BTC",
        "duration": "duration_B",
        "ids_cmp_mask": "is_heard_BL",
    }
    batch = {name: case.tensors[f"in/{released}"] for released, name in ours.items()}
    if "in/audio_embeds" in case.tensors and selected(case, "embeds_cmp_mask"):
        batch["heard_VPE"] = case.tensors["in/audio_embeds"][case.tensors["in/embeds_cmp_mask"]]
    return batch


def unified_train(case: Case, compare: Comparison) -> None:
    model, batch = audiostory_model(case), batch_of(case)
    model.requires_grad_()  # LoRA freezes the rest of the language model, which the release trains
    objective = ReleasedObjective(model)
    noise_BTC, sigma_B = compare_draws(compare, batch["latents_BTC"])
    tokens = objective.tokens(batch, objective.hidden_states(batch))
    condition = model.bridge.fuse(tokens)
    compare_if_recorded(
        compare,
        {
            "mid/recon_t5_embeds": tokens.semantic_BSD,
            "mid/recon_audio_embeds": tokens.residual_BRD,
            "mid/fused_with_duration": with_duration(model, condition, batch["duration_B"]),
        },
    )
    losses = objective.losses({**batch, "noise_BTC": noise_BTC, "sigma_B": sigma_B})
    total = sum(weight * losses[name] for name, weight in stage_weights(case.about).items())
    assert isinstance(total, Tensor)
    for name, loss in {
        "lm": losses["text"],
        "audio_rec": losses["semantic"],
        "audio_dit": losses["flow"],
        "total": total,
    }.items():
        compare.close(f"out/{name}_loss", loss.reshape(1))
    total.backward()
    compare_gradients(compare, model, name_of_release)


def stage_weights(about: dict[str, Any]) -> dict[str, float]:
    """The weights of the losses in the sum, under our names."""
    return {
        "text": about["lm_loss_scale"],
        "semantic": about["rec_loss_scale"],
        "flow": about["dit_loss_scale"],
    }


def with_duration(model: AudioStoryModel, condition: Condition, duration_B: Tensor) -> Tensor:
    """The condition with the duration's token behind it, as attention sees them."""
    return torch.cat([condition.tokens_BSD, model.dit.duration_embedder(duration_B)], dim=1)


KINDS = {
    "flux_t5_train": flux_t5_train,
    "tangoflux_train": tangoflux_train,
    "unified_train": unified_train,
}
