"""Preference of one sound over another as a loss of velocities: DPO for flow matching.

A model likes a clip better than a reference does by how much smaller the error of its velocity is,
at the same noise and noise level. The loss asks that it gain more on the winner of a pair than on
the loser. A model that is its own reference has the loss log 2.

Sources: TangoFlux, arXiv:2412.21037 (CRPO: L_DPO-FM + L_FM of the winner); direct preference
optimisation, arXiv:2305.18290; for errors of denoising, arXiv:2311.12908.

Shapes: ``B`` pairs.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from audiostory.errors import ShapeError


class PairErrors(NamedTuple):
    """Errors ``(B,)`` of one model's velocities on pairs (``flow.clip_errors``)."""

    winner_B: Tensor
    """On the sound that is preferred."""
    loser_B: Tensor
    """On the other, at the same noise and noise level."""


def preference_margins(policy: PairErrors, reference: PairErrors, beta: float) -> Tensor:
    """How much more the policy gained on the winner than on the loser, times beta: ``(B,)``.

    Args:
        policy: of the model that learns.
        reference: of the model that it began as; no gradient flows into it.
        beta: how closely the policy is held to the reference.

    Raises:
        ShapeError: if there is not one error for each sound of each pair.
    """
    shapes = {each.shape for each in (*policy, *reference)}
    if len(shapes) > 1 or policy.winner_B.ndim != 1:
        raise ShapeError(
            f"need one error for each sound of each pair, got {sorted(map(list, shapes))}"
        )
    gained_on_winner_B = reference.winner_B.detach().float() - policy.winner_B.float()
    gained_on_loser_B = reference.loser_B.detach().float() - policy.loser_B.float()
    return beta * (gained_on_winner_B - gained_on_loser_B)


def preference_loss(margins_B: Tensor) -> Tensor:
    """Mean of minus the log of the chance that the winner is preferred: ``-log sigmoid``."""
    return -functional.logsigmoid(margins_B.float()).mean()
