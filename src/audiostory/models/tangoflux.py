"""TangoFlux: a text encoder in front of the diffusion transformer, without a language model.

What the released DiT was before it met the bridge, and the text-to-audio model to compare with.
Here padded tokens of a text are seen by attention, but only real ones count in the pooled
condition; the null condition is the empty text, padded to the length of the others.

Source: TangoFlux, arXiv:2412.21037, Sec. 3, and its released code.

Shapes: ``B`` clips, ``T`` latent frames, ``C`` latent channels, ``L`` text tokens, ``D`` width of
the text encoder, ``1`` a broadcast axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.dit import DiffusionTransformer
from audiostory.models.feature_cache import foretold_velocities
from audiostory.models.flow import (
    EVERYWHERE,
    FlowConfig,
    Velocity,
    denoising_loss,
    guided_velocity,
)
from audiostory.models.solvers import solve
from audiostory.models.text_encoder import TextEncoder

TANGOFLUX_FLOW = FlowConfig(steps=25, guidance_scale=4.5)
"""Sampling settings of the released model."""


@dataclass(frozen=True)
class TextCondition:
    """What the DiT sees of each text, besides the length of its sound."""

    tokens_BLD: Tensor
    """Features of all tokens, padded ones too."""
    counted_BL: Tensor
    """True on real tokens: those that count in the pooled condition."""

    def repeated(self, times: int) -> TextCondition:
        """The same texts again and again, for several sounds of each."""
        return TextCondition(self.tokens_BLD.repeat(times, 1, 1), self.counted_BL.repeat(times, 1))


class TangoFlux(nn.Module):
    """Texts and durations to latents.

    Args:
        text_encoder: frozen; Flan-T5-large in the release.
        dit: as wide in its condition as the text encoder.

    Raises:
        ConfigError: if the widths differ.
    """

    def __init__(self, text_encoder: TextEncoder, dit: DiffusionTransformer) -> None:
        super().__init__()
        if text_encoder.width != dit.config.condition_width:
            raise ConfigError(
                f"the text encoder is {text_encoder.width} wide, the DiT's condition "
                f"{dit.config.condition_width}: make them equal"
            )
        self.text_encoder = text_encoder
        self.dit = dit

    def condition(self, texts: Sequence[str]) -> TextCondition:
        """The condition of texts, padded to the longest.

        Raises:
            InstructionError: if a text is longer than the text encoder reads.
        """
        return TextCondition(*self.text_encoder.features(texts))

    def condition_of_ids(self, ids_BL: Tensor, mask_BL: Tensor) -> TextCondition:
        """The condition of texts given as token ids; the mask is true on real tokens."""
        return TextCondition(self.text_encoder.encode(ids_BL, mask_BL), mask_BL.bool())

    def null_condition(self, num_tokens: int) -> TextCondition:
        """The condition ``(1, num_tokens, D)`` of the empty text."""
        return TextCondition(*self.text_encoder.features([""], num_tokens=num_tokens))

    def velocity(
        self,
        condition: TextCondition,
        duration_B: Tensor,
        *,
        guidance_scale: float,
        guidance_interval: tuple[float, float] = EVERYWHERE,
    ) -> Velocity:
        """The velocity under guidance against the empty text; at a scale of 1, without.

        Raises:
            ShapeError: if there is not one duration per text.
        """
        tokens_BLD, counted_BL = condition.tokens_BLD, condition.counted_BL
        if len(duration_B) != len(tokens_BLD):
            raise ShapeError(
                f"need one duration per text ({len(tokens_BLD)}), got {len(duration_B)}"
            )
        null = self.null_condition(tokens_BLD.shape[1])
        return guided_velocity(
            self.dit,
            tokens_BLD,
            duration_B,
            null_condition_1SD=null.tokens_BLD,
            guidance_scale=guidance_scale,
            guidance_interval=guidance_interval,
            counted_2BS=torch.stack([null.counted_BL.expand_as(counted_BL), counted_BL]),
        )

    def latents(
        self,
        condition: TextCondition,
        duration_B: Tensor,
        noise_BTC: Tensor,
        flow: FlowConfig = TANGOFLUX_FLOW,
    ) -> Tensor:
        """Clean latents ``(B, T, C)``: the noise walked back under the texts.

        Raises:
            ShapeError: if there is not one duration per text.
        """
        velocity = self.velocity(
            condition,
            duration_B,
            guidance_scale=flow.guidance_scale,
            guidance_interval=flow.guidance_interval,
        )
        with foretold_velocities(self.dit, flow.cache_interval):
            return solve(
                velocity,
                noise_BTC,
                steps=flow.steps,
                solver=flow.solver,
                sigma_shift=flow.sigma_shift,
            )

    def loss(
        self,
        condition: TextCondition,
        duration_B: Tensor,
        latents_BTC: Tensor,
        noise_BTC: Tensor,
        sigma_B: Tensor,
    ) -> Tensor:
        """Mean squared error of the velocity at these noise levels: what TangoFlux learns from.

        Raises:
            ShapeError: if texts, durations, latents, noise and levels do not fit together.
        """
        return denoising_loss(
            lambda noisy_BTC, sigma_B: self.dit(
                noisy_BTC,
                sigma_B,
                condition.tokens_BLD,
                duration_B,
                counted_BS=condition.counted_BL,
            ),
            latents_BTC,
            noise_BTC,
            sigma_B,
        )
