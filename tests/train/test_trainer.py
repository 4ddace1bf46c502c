"""The loop: exact resume, averaged weights, rates, and a stop at bad numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from audiostory.errors import TrainingError
from audiostory.models.seeding import seeded
from audiostory.train.stages import OptimConfig, StageConfig
from audiostory.train.trainer import Run, Trainer, rate_at

STAGE = StageConfig(
    name="line",
    objective="-",
    data="-",
    trainable=("line",),
    weights={"error": 1.0},
    optim=OptimConfig(learning_rate=0.05, warmup_steps=2),
    steps=12,
)


def trainer(folder: Path, stage: StageConfig = STAGE, *, target: float = 3.0) -> Trainer:
    with seeded(torch.Generator().manual_seed(0)):
        line = nn.Linear(2, 1)

    def batch_at(step: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(step)
        return {"x": torch.randn(8, 2, generator=generator)}

    def losses(batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        noise = 0.01 * torch.randn(8, generator=generator)
        wanted = target * batch["x"].sum(1) + noise
        return {"error": (line(batch["x"])[:, 0] - wanted).square().mean()}

    return Trainer({"line": dict(line.named_parameters())}, losses, batch_at, Run(folder, stage))


def weights(trained: Trainer) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in trained.parameters.values()])


def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.train()
    for _ in range(2):
        part = trainer(tmp_path / "parts")
        part.resume()
        for _ in range(6):
            part.train_step(part.batch_at(part.step))
        part.run.save(part.state())
    assert part.step == whole.step
    assert torch.equal(weights(part), weights(whole))
    assert all(
        torch.equal(part.averaged.values[k], whole.averaged.values[k]) for k in part.parameters
    )


def test_a_fresh_folder_has_nothing_to_resume(tmp_path: Path) -> None:
    assert not trainer(tmp_path).resume()


def test_the_loss_falls(tmp_path: Path) -> None:
    run = trainer(tmp_path, replace(STAGE, steps=60))
    first = run.train_step(run.batch_at(0))["total"]
    run.train()
    assert run.train_step(run.batch_at(0))["total"] < first / 4


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    good = trainer(tmp_path)
    good.train_step(good.batch_at(0))
    good.run.save(good.state())
    bad = trainer(tmp_path, target=float("nan"))
    bad.resume()
    with pytest.raises(TrainingError, match="step 1"):
        bad.train()
    again = trainer(tmp_path)
    assert again.resume()
    assert again.step == 1


def test_a_checkpoint_of_another_stage_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run.save({"step": torch.tensor(3)})
    with pytest.raises(TrainingError, match="another stage"):
        run.resume()


def test_rates_rise_then_fall() -> None:
    optim = OptimConfig(warmup_steps=10, final_rate=0.1)
    rates = [rate_at(step, 100, optim) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_a_weight_of_zero_leaves_the_gradients_unchanged(tmp_path: Path) -> None:
    with_other = trainer(tmp_path / "a")
    compute = with_other.compute_losses
    with_other.compute_losses = lambda batch, generator: {
        **(losses := compute(batch, generator)),
        "other": 100 * losses["error"],
    }
    plain = trainer(tmp_path / "b")
    with_other.train_step(with_other.batch_at(0))
    plain.train_step(plain.batch_at(0))
    assert torch.equal(weights(with_other), weights(plain))


def test_worker_processes_change_no_number(tmp_path: Path) -> None:
    alone, helped = trainer(tmp_path / "a"), trainer(tmp_path / "b")
    helped.num_workers = 2
    alone.train()
    helped.train()
    assert torch.equal(weights(alone), weights(helped))
