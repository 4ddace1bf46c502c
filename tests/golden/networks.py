"""The encoders and the diffusion transformer: one step of computation each, and whole walks."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, models, processors
from torch import Tensor
from transformers import T5Config, T5EncoderModel

from audiostory.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from audiostory.models.dit import DiffusionTransformer, DitConfig, DurationEmbedder
from audiostory.models.flow import FlowConfig, Velocity, guided_velocity
from audiostory.models.solvers import solve
from audiostory.models.tangoflux import TangoFlux
from audiostory.models.text_encoder import TextEncoder
from tests.golden.case import Case, Comparison

RELEASED = "tangoflux."
DURATION = "duration_emebdder."

PARTS = {
    "transformer.": "transformer.",
    "fc.": "pooled_projection.",
    DURATION: "duration_embedder.",
}
"""Recorded names of the DiT's parts, and ours."""


def our_dit_name(name: str) -> str | None:
    """Our name of a recorded weight of the DiT; None of another part's."""
    name = name.removeprefix(RELEASED)
    for theirs, ours in PARTS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return None


def dit_config(sizes: dict[str, Any], **known: Any) -> DitConfig:
    """Sizes of a manifest; rotary axes that it leaves out are the release's.

    Args:
        sizes: as the release configures its audio generator.
        known: what the weights say better.
    """
    optional = {"max_duration": "max_duration_s", "audio_seq_len": "max_frames"}
    values = {
        "latent_channels": sizes["in_channels"],
        "num_joint_blocks": sizes["num_layers"],
        "num_single_blocks": sizes["num_single_layers"],
        "num_heads": sizes["num_attention_heads"],
        "head_dim": sizes["attention_head_dim"],
        "axes_dims_rope": tuple(sizes.get("axes_dims_rope", DitConfig.axes_dims_rope)),
        "condition_width": sizes["joint_attention_dim"],
        **{ours: sizes[theirs] for theirs, ours in optional.items() if theirs in sizes},
    }
    return DitConfig(**values | known)


def diffusion_transformer(
    sizes: dict[str, Any], weights: dict[str, Tensor]
) -> DiffusionTransformer:
    """A DiT of a manifest's sizes with its weights; others among them are left out."""
    ours = {name: weight for key, weight in weights.items() if (name := our_dit_name(key))}
    frequencies = ours["duration_embedder.time_positional_embedding.0.weights"]
    dit = DiffusionTransformer(dit_config(sizes, duration_features=len(frequencies)))
    dit.load_state_dict(ours)
    return dit.eval()


def text_encoder(sizes: dict[str, Any], weights: dict[str, Tensor]) -> TextEncoder:
    """A T5 of a manifest's sizes with its weights; it knows no word, but the end of a text."""
    network = T5EncoderModel(T5Config(**sizes))
    prefix = "text_encoder."
    ours = {
        key.removeprefix(RELEASED).removeprefix(prefix): weight
        for key, weight in weights.items()
        if key.removeprefix(RELEASED).startswith(prefix)
    }
    ours.setdefault("encoder.embed_tokens.weight", ours["shared.weight"])
    network.load_state_dict(ours)
    return TextEncoder(network, _wordless(network.config.eos_token_id))


def _wordless(end: int) -> Tokenizer:
    """A tokenizer that appends the end of the text, as T5's does."""
    tokenizer = Tokenizer(models.WordLevel({"</s>": end}, unk_token="</s>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", end)]
    )
    return tokenizer


def compare_if_recorded(compare: Comparison, values: dict[str, Tensor]) -> None:
    """Compare those of the values on the way that the case records."""
    for name, ours in values.items():
        if name in compare.case.tensors:
            compare.close(name, ours)


@torch.no_grad()
def duration_embedder(case: Case, compare: Comparison) -> None:
    embedder = DurationEmbedder(
        case.about["number_embedding_dim"],
        max_duration_s=case.about["max_value"],
        num_frequencies=case.about["internal_dim"] // 2,
    )
    embedder.load_state_dict(case.weights_under(RELEASED + DURATION))
    features: list[Tensor] = []
    embedder.time_positional_embedding[0].register_forward_hook(
        lambda _module, _given, made: features.append(made)
    )
    compare.close("out/embedding", embedder(case.tensors["in/duration"]))
    compare_if_recorded(compare, {"mid/fourier_features": features[0]})


@torch.no_grad()
def flux_forward(case: Case, compare: Comparison) -> None:
    given = case.tensors
    latents_BTC = given["in/hidden_states"]
    config = dit_config(case.about["flux_config"], max_frames=latents_BTC.shape[1])
    dit = DiffusionTransformer(config)
    dit.transformer.load_state_dict(case.weights_under("tangoflux.transformer."))
    # The condition and its pooled form are recorded apart; hand them in where they are made.
    tokens_BSD, sigma_B = given["in/encoder_hidden_states"], given["in/timestep_over_1000"]
    dit.pooled_projection.forward = lambda _: given["in/pooled_projections"]
    dit.duration_embedder.forward = lambda _: tokens_BSD[:, -1:]
    for sigmas, expected in (
        (sigma_B, "out/velocity"),
        (sigma_B[:1].expand_as(sigma_B), "out/velocity_scalar_timestep"),
    ):
        if expected in given:
            ours_BTC = dit(latents_BTC, sigmas, tokens_BSD[:, :-1], torch.ones_like(sigmas))
            compare.close(expected, ours_BTC)


@torch.no_grad()
def flow_full_tokens(case: Case, compare: Comparison) -> None:
    about = case.about
    dit = diffusion_transformer(about["flux_t5_config"], case.weights)
    noise_BTC = initial_noise(compare, dit.config)
    bridge_1SD = case.tensors["in/bridge_tokens"]
    null_1SD = text_encoder(about["t5_config"], case.weights).null_features(bridge_1SD.shape[1])
    duration_B = torch.full((len(noise_BTC),), float(about["duration"]))
    bridge_BSD = bridge_1SD.expand(len(noise_BTC), -1, -1)
    velocity = guided_velocity(
        dit,
        bridge_BSD,
        duration_B,
        null_condition_1SD=null_1SD,
        guidance_scale=about["guidance_scale"],
    )
    both_BSD = torch.cat([null_1SD.expand_as(bridge_BSD), bridge_BSD])
    compare_first_step(compare, velocity, noise_BTC, dit, both_BSD)
    latents_BTC = solve(velocity, noise_BTC, steps=about["num_inference_steps"])
    compare.close("out/latents", latents_BTC)


@torch.no_grad()
def tangoflux_flow(case: Case, compare: Comparison) -> None:
    about, given = case.about, case.tensors
    flow = FlowConfig(steps=about["num_inference_steps"], guidance_scale=about["guidance_scale"])
    model = TangoFlux(
        text_encoder(about["t5_config"], case.weights),
        diffusion_transformer(about["tangoflux_config"], case.weights),
    )
    noise_BTC = initial_noise(compare, model.dit.config)
    text = model.condition_of_ids(given["in/input_ids"], given["in/attention_mask"])
    text = text.repeated(len(noise_BTC) // len(text.tokens_BLD))
    null = model.null_condition(text.tokens_BLD.shape[1])
    compare.equal("null mask", null.counted_BL, given["in/uncond_attention_mask"].bool())
    duration_B = torch.full((len(noise_BTC),), float(about["duration"]))
    velocity = model.velocity(text, duration_B, guidance_scale=flow.guidance_scale)
    both_BLD = torch.cat([null.tokens_BLD.expand_as(text.tokens_BLD), text.tokens_BLD])
    compare_first_step(compare, velocity, noise_BTC, model.dit, both_BLD)
    compare.close("out/latents", model.latents(text, duration_B, noise_BTC, flow))


def initial_noise(compare: Comparison, config: DitConfig) -> Tensor:
    """The noise that the seed gives on any machine."""
    about = compare.case.about
    shape = (about["num_samples_per_prompt"], config.max_frames, config.latent_channels)
    noise_BTC = torch.randn(shape, generator=torch.Generator().manual_seed(about["seed"]))
    compare_if_recorded(compare, {"mid/initial_noise": noise_BTC})
    return noise_BTC


def compare_first_step(
    compare: Comparison,
    velocity: Velocity,
    noise_BTC: Tensor,
    dit: DiffusionTransformer,
    both_BSD: Tensor,
) -> None:
    """Compare whatever is recorded of a walk's first step.

    Args:
        compare: takes the numbers.
        velocity: under guidance.
        noise_BTC: where the walk starts.
        dit: what the velocity comes from.
        both_BSD: condition tokens of the null branch, then of the conditioned one.
    """
    seen: dict[str, Tensor] = {}
    hook = dit.transformer.register_forward_hook(
        lambda _module, _args, given, made: seen.update(given, both_velocities=made[0]),
        with_kwargs=True,
    )
    guided_BTC = velocity(noise_BTC, torch.ones(len(noise_BTC)))
    hook.remove()
    sigmas_N = visited_sigmas(noise_BTC, compare.case.about["num_inference_steps"])
    compare.close("conditions", seen["encoder_hidden_states"][:, :-1], both_BSD)
    compare_if_recorded(
        compare,
        {
            "mid/sigmas": sigmas_N,
            "mid/timesteps": 1000 * sigmas_N[:-1],
            "mid/step0_timestep_arg": seen["timestep"][:1],
            "mid/step0_encoder_hidden_states": seen["encoder_hidden_states"],
            "mid/step0_pooled_projections": seen["pooled_projections"],
            "mid/step0_velocity_uncond_cond": seen["both_velocities"],
            "mid/step0_velocity_guided": guided_BTC,
            "mid/latents_after_step0": noise_BTC + (sigmas_N[1] - sigmas_N[0]) * guided_BTC,
        },
    )


def visited_sigmas(noise_BTC: Tensor, steps: int) -> Tensor:
    """Noise levels at which the solver asks for the velocity, and the 0 it ends at."""
    visited: list[Tensor] = []

    def standing_still(latents_BTC: Tensor, sigma_B: Tensor) -> Tensor:
        visited.append(sigma_B[0])
        return torch.zeros_like(latents_BTC)

    solve(standing_still, noise_BTC, steps=steps)
    return torch.stack([*visited, torch.zeros(())])


@torch.no_grad()
def t5_null_embedding(case: Case, compare: Comparison) -> None:
    given = case.tensors
    encoder = text_encoder(case.about["t5_config"], case.weights)
    null_1SD = encoder.null_features(given["in/input_ids"].shape[1])
    compare.close("out/null_embedding", null_1SD)
    compare.close("out/unmasked_mean", null_1SD.mean(dim=1))
    of_ids_1SD = encoder.encode(given["in/input_ids"], given["in/attention_mask"].bool())
    compare.close("out/null_embedding", of_ids_1SD)


@torch.no_grad()
def whisper_encoder(case: Case, compare: Comparison) -> None:
    sizes = case.about["config"]
    model = AudioEncoder(
        AudioEncoderConfig(
            width=sizes["d_model"],
            num_layers=sizes["encoder_layers"],
            num_heads=sizes["encoder_attention_heads"],
            intermediate_size=sizes["encoder_ffn_dim"],
            num_mels=sizes["num_mel_bins"],
            max_positions=sizes["max_source_positions"],
            llm_width=1,
        )
    )
    model.encoder.load_state_dict(case.weights_under("encoder."))
    for name, mel_VFM in case.tensors.items():
        if name.startswith("in/"):
            expected = name.replace("in/", "out/").replace("mel", "last_hidden_state")
            compare.close(expected, model.encode(mel_VFM))


KINDS = {
    "duration_embedder": duration_embedder,
    "flux_forward": flux_forward,
    "flow_full_tokens": flow_full_tokens,
    "tangoflux_flow": tangoflux_flow,
    "t5_null_embedding": t5_null_embedding,
    "whisper_encoder": whisper_encoder,
}
