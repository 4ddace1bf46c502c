from __future__ import annotations

import pytest
from torch import nn

from audiostory.errors import TrainingError
from audiostory.train.optimizer import build_optimizer, rate_at, set_rates
from audiostory.train.stages import OptimConfig


def test_rates_rise_then_fall() -> None:
    optim = OptimConfig(warmup_steps=10, final_rate=0.1)
    rates = [rate_at(step, 100, optim) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_groups_have_their_own_rates_and_vectors_do_not_decay() -> None:
    line, other = nn.Linear(2, 3), nn.Linear(3, 1)
    groups = {"line": dict(line.named_parameters()), "other": dict(other.named_parameters())}
    optim = OptimConfig(learning_rate=0.5, group_rates={"other": 0.25}, weight_decay=0.1)
    optimizer = build_optimizer(groups, optim)
    set_rates(optimizer, 0.5)
    found = {
        (options["lr"], options["weight_decay"]): options["params"]
        for options in optimizer.param_groups
    }
    assert found[0.25, 0.1] == [line.weight]
    assert found[0.25, 0.0] == [line.bias]
    assert found[0.125, 0.1] == [other.weight]


def test_moments_decay_as_the_stage_says() -> None:
    line = nn.Linear(2, 3)
    optimizer = build_optimizer(
        {"line": dict(line.named_parameters())}, OptimConfig(betas=(0.5, 0.75))
    )
    assert {options["betas"] for options in optimizer.param_groups} == {(0.5, 0.75)}


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(TrainingError, match="nothing to train"):
        build_optimizer({"none": {}}, OptimConfig())
