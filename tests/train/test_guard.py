from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from audiostory.errors import TrainingError
from audiostory.train.guard import check_gradients, check_losses


def test_the_losses_that_are_no_numbers_are_named() -> None:
    losses = {"text": 1.0, "flow": float("nan"), "semantic": float("inf")}
    told = "'flow' is nan, the loss 'semantic' is inf at step 4; .* is run/checkpoint-3"
    with pytest.raises(TrainingError, match=told):
        check_losses(losses, 4, Path("run/checkpoint-3"))


def test_numbers_pass() -> None:
    check_losses({"text": 1.0}, 4, None)


def test_the_groups_whose_gradients_are_no_numbers_are_named() -> None:
    good, bad = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    good.grad, bad.grad = torch.ones(2), torch.tensor([1.0, float("nan")])
    groups = {"llm": {"llm.w": good}, "dit": {"dit.w": good, "dit.v": bad}}
    with pytest.raises(TrainingError, match=r"of 'dit' \(first in dit.v\) is .* no checkpoint yet"):
        check_gradients(groups, 4, None)


def test_a_norm_that_overflows_without_such_a_gradient_is_told() -> None:
    good = nn.Parameter(torch.ones(2))
    good.grad = torch.ones(2)
    with pytest.raises(TrainingError, match="all parameters together"):
        check_gradients({"llm": {"w": good}}, 4, None)
