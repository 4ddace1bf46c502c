"""The loss of preferences, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from audiostory.errors import ShapeError
from audiostory.train.preference_loss import PairErrors, preference_loss, preference_margins


def errors(winner: list[float], loser: list[float]) -> PairErrors:
    return PairErrors(torch.tensor(winner), torch.tensor(loser))


def test_the_margin_is_what_was_gained_on_the_winner_beyond_the_loser() -> None:
    policy, reference = errors([0.50], [0.90]), errors([0.56], [0.92])
    margins_B = preference_margins(policy, reference, beta=100.0)
    assert margins_B.tolist() == pytest.approx([100 * (0.06 - 0.02)])
    by_hand = math.log(1 + math.exp(-4.0))
    assert preference_loss(margins_B).item() == pytest.approx(by_hand, rel=1e-5)


def test_the_loss_is_a_mean_over_pairs() -> None:
    loss = preference_loss(torch.tensor([1.0, -2.0])).item()
    by_hand = (math.log(1 + math.exp(-1.0)) + math.log(1 + math.exp(2.0))) / 2
    assert loss == pytest.approx(by_hand)


def test_a_model_that_is_its_own_reference_has_the_loss_log_2() -> None:
    same = errors([0.3, 0.7], [0.4, 0.1])
    assert preference_loss(preference_margins(same, same, 2000.0)).item() == pytest.approx(
        math.log(2)
    )


def test_the_gradient_lowers_the_winners_error_and_raises_the_losers() -> None:
    policy = PairErrors(
        torch.tensor([0.5], requires_grad=True), torch.tensor([0.5], requires_grad=True)
    )
    reference = PairErrors(
        torch.tensor([0.5], requires_grad=True), torch.tensor([0.5], requires_grad=True)
    )
    preference_loss(preference_margins(policy, reference, beta=10.0)).backward()
    assert policy.winner_B.grad is not None
    assert policy.loser_B.grad is not None
    assert policy.winner_B.grad.item() == pytest.approx(10 * 0.5)  # beta times sigmoid(-margin)
    assert policy.loser_B.grad.item() == pytest.approx(-10 * 0.5)
    assert reference.winner_B.grad is None


def test_large_margins_stay_finite_and_half_precision_becomes_float32() -> None:
    policy = PairErrors(torch.zeros(1, dtype=torch.float16), torch.ones(1, dtype=torch.float16))
    margins_B = preference_margins(policy, PairErrors(policy.loser_B, policy.winner_B), 5000.0)
    assert margins_B.dtype == torch.float32
    assert preference_loss(margins_B).item() == pytest.approx(0.0)
    assert preference_loss(-margins_B).item() == pytest.approx(10_000.0)


def test_errors_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ShapeError, match="one error for each sound of each pair"):
        preference_margins(errors([0.1], [0.1]), errors([0.1, 0.2], [0.1, 0.2]), 1.0)
    scalar = PairErrors(torch.tensor(0.1), torch.tensor(0.1))
    with pytest.raises(ShapeError, match="one error for each sound"):
        preference_margins(scalar, scalar, 1.0)
