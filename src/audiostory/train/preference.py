"""Preference tuning of the DiT: the loss of pairs of sounds that one caption was given.

The policy is the model's DiT, the reference a frozen copy of what it was when the run began. Both
see the winner and the loser under the same condition, at the same noise and noise level. Beside the
preference stands the flow loss of the winner, so that being better than the reference at telling
two sounds apart is not bought with being worse at both.

Source: TangoFlux, arXiv:2412.21037, CLAP-ranked preference optimisation (CRPO).

Shapes: ``B`` pairs, ``T`` latent frames, ``C`` latent channels, ``S`` condition tokens, ``D``
condition width, ``2`` winner and loser, all winners first.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from audiostory.errors import ConfigError
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.dit import DiffusionTransformer
from audiostory.models.flow import clip_errors, interpolate, sample_sigmas, velocity_target
from audiostory.train.preference_loss import PairErrors, preference_loss, preference_margins
from audiostory.train.splitting import Batch
from audiostory.train.stages import StageConfig

REPORTED = ("margin", "preferred")
"""Numbers beside the losses, which no stage weighs."""


@dataclass(frozen=True)
class PreferenceObjective:
    """The losses of pairs.

    A batch holds ``winner_BTC`` and ``loser_BTC``, ``condition_BSD`` (what the DiT was told),
    ``duration_B`` and, where clips differ in length, ``frame_mask_BT``.
    """

    model: AudioStoryModel
    reference: DiffusionTransformer
    """Frozen."""
    beta: float
    """How closely the model is held to the reference."""
    noise_levels: str | None = None
    """How t of Eq. 5 is drawn; None is the model's own way."""

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """As ``losses``, at draws of its own."""
        return self.losses({**batch, **self.draw(batch, generator)})

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Noise levels and noise, one for both sounds of a pair."""
        latents_BTC = batch["winner_BTC"]
        levels = self.noise_levels or self.model.config.flow.noise_levels
        sigma_B = sample_sigmas(levels, len(latents_BTC), generator).to(latents_BTC.device)
        noise_BTC = torch.randn(latents_BTC.shape, generator=generator).to(latents_BTC)
        return {"sigma_B": sigma_B, "noise_BTC": noise_BTC}

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """Every pair counts the same."""
        pairs_B = torch.ones(len(batch["winner_BTC"]))
        return {f"{name}_B": pairs_B for name in ("preference", "flow", *REPORTED)}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``preference`` (L_DPO-FM) and ``flow`` (L_FM of the winner) at what was drawn.

        Beside them ``margin``, the mean of the margins, and ``preferred``, the share of pairs whose
        margin is positive. 0 and 0 where the model is its own reference.
        """
        self.reference.to(batch["winner_BTC"].device)
        policy = pair_errors(self.model.dit, batch)
        with torch.no_grad():
            reference = pair_errors(self.reference, batch)
        margins_B = preference_margins(policy, reference, self.beta)
        return {
            "preference": preference_loss(margins_B),
            "flow": policy.winner_B.mean(),
            "margin": margins_B.detach().mean(),
            "preferred": (margins_B.detach() > 0).float().mean(),
        }


def pair_errors(dit: DiffusionTransformer, batch: Batch) -> PairErrors:
    """Errors of a DiT's velocities on both sounds of each pair, at what was drawn for it.

    Raises:
        ShapeError: if the entries of the batch do not fit together.
    """
    clean_2TC = torch.cat([batch["winner_BTC"], batch["loser_BTC"]])
    noise_2TC, sigma_2 = batch["noise_BTC"].repeat(2, 1, 1), batch["sigma_B"].repeat(2)
    mask_BT = batch.get("frame_mask_BT")
    mask_2T = None if mask_BT is None else mask_BT.repeat(2, 1)
    velocity_2TC = dit(
        interpolate(clean_2TC, noise_2TC, sigma_2),
        sigma_2,
        batch["condition_BSD"].repeat(2, 1, 1),
        batch["duration_B"].repeat(2),
        mask_2T,
    )
    error_2 = clip_errors(velocity_2TC, velocity_target(clean_2TC, noise_2TC), mask_2T)
    return PairErrors(*error_2.chunk(2))


def preference_objective(model: AudioStoryModel, stage: StageConfig) -> PreferenceObjective:
    """The objective of a stage, whose reference is the model's DiT as it is now.

    Raises:
        ConfigError: if the stage has no beta above 0.
    """
    beta = stage.preference_beta
    if beta is None or not 0 < beta < float("inf"):
        raise ConfigError(f"{stage.name} has preference_beta {beta}: give a number above 0")
    reference = deepcopy(model.dit).eval().requires_grad_(requires_grad=False)
    return PreferenceObjective(model, reference, beta, stage.noise_levels)
