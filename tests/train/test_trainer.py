"""The loop: exact resume, averaged weights, rates, and a stop at bad numbers."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from audiostory.errors import OutputError, TrainingError
from audiostory.models.seeding import seeded
from audiostory.train.execution import Execution
from audiostory.train.run_folder import Run
from audiostory.train.stages import OptimConfig, StageConfig
from audiostory.train.trainer import Trainer, dropout_generator
from tests.train import tiny_run

STAGE = StageConfig(
    name="line",
    objective="-",
    data="-",
    trainable=("line",),
    weights={"error": 1.0},
    optim=OptimConfig(learning_rate=0.05, warmup_steps=2),
    steps=12,
)


def trainer(
    folder: Path,
    stage: StageConfig = STAGE,
    *,
    target: float = 3.0,
    execution: Execution | None = None,
) -> Trainer:
    with seeded(torch.Generator().manual_seed(0)):
        line = nn.Linear(2, 1)

    def batch_at(step: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(step)
        return {"x": torch.randn(8, 2, generator=generator)}

    def losses(batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        noise = 0.01 * torch.randn(8, generator=generator)
        wanted = target * batch["x"].sum(1) + noise
        return {"error": (line(batch["x"])[:, 0] - wanted).square().mean()}

    groups = {"line": dict(line.named_parameters())}
    run = Run(folder, stage, tiny_run.ALONE)
    return Trainer(line, groups, losses, batch_at, run, execution=execution)


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
        part.save()
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
    good.save()
    bad = trainer(tmp_path, target=float("nan"))
    bad.resume()
    with pytest.raises(TrainingError, match="step 1"):
        bad.train()
    again = trainer(tmp_path)
    assert again.resume()
    assert again.step == 1


def test_a_gradient_that_is_no_number_is_named_before_it_reaches_the_weights(
    tmp_path: Path,
) -> None:
    bad = trainer(tmp_path)
    compute = bad.compute_losses

    def spoilt(batch, generator):
        losses = compute(batch, generator)
        losses["error"].register_hook(lambda gradient: gradient * float("inf"))
        return losses

    bad.losses_of.compute_losses = spoilt
    before = weights(bad)
    with pytest.raises(TrainingError, match="gradient of 'line' .*weight.* at step 0"):
        bad.train()
    assert torch.equal(weights(bad), before)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run.save(3, {"step": torch.tensor(3), "model/weight": torch.zeros(1, 5)})
    with pytest.raises(TrainingError, match="another model"):
        run.resume()


def test_a_checkpoint_of_another_schedule_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.save()
    optim = replace(STAGE.optim, warmup_steps=3)
    longer = trainer(tmp_path, replace(STAGE, steps=24, optim=optim))
    told = "optim.warmup_steps is 2 there and 3 here; steps is 12 there and 24 here"
    with pytest.raises(TrainingError, match=told):
        longer.resume()


def test_a_run_killed_at_any_step_ends_bit_for_bit_where_another_does(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", execution=Execution(save_every_s=0))
    whole.train()
    stopped = trainer(tmp_path / "stopped", execution=Execution(stop_after_s=0))
    stopped.train()
    assert stopped.step == 1
    again = trainer(tmp_path / "stopped")
    again.resume()
    again.train()
    assert torch.equal(weights(again), weights(whole))
    assert [row["step"] for row in again.run.rows()] == list(range(1, 13))


@pytest.mark.slow
def test_after_kill_9_the_weights_are_those_of_an_uninterrupted_run(tmp_path: Path) -> None:
    execution = Execution(save_every_s=0)
    kept = tmp_path / "killed"
    running = tiny_run.started(tiny_run.run_alone, kept, execution)
    wanted = 2 + secrets.randbelow(5)
    metrics = kept / "metrics.jsonl"
    while not metrics.exists() or metrics.read_text().count("\n") < wanted:
        assert running.is_alive()
        time.sleep(0.001)
    os.kill(running.pid, signal.SIGKILL)
    running.join()
    assert running.exitcode == -signal.SIGKILL
    whole = tiny_run.trainer(tmp_path / "whole", tiny_run.LORA)
    whole.train()
    resumed = tiny_run.trainer(kept, tiny_run.LORA)
    assert resumed.resume()
    assert 0 < resumed.step < tiny_run.LORA.steps
    resumed.train()
    for name, value in resumed.state().items():
        assert torch.equal(value, whole.state()[name]), name


def test_dropout_is_drawn_anew_at_every_step_and_in_every_part() -> None:
    drawn = {
        int(dropout_generator(0, step, part).initial_seed()) for step in (0, 1) for part in (0, 1)
    }
    assert len(drawn) == 4


@pytest.mark.parametrize("accumulate", [2, 4])
def test_parts_of_a_batch_give_the_gradients_of_the_whole(tmp_path: Path, accumulate: int) -> None:
    whole = tiny_run.trainer(tmp_path)
    parts = tiny_run.trainer(tmp_path, execution=Execution(accumulate=accumulate))
    expected, found = whole.backward(whole.batch_at(0)), parts.backward(parts.batch_at(0))
    assert found == pytest.approx(expected, rel=1e-5)
    for name, value in whole.parameters.items():
        torch.testing.assert_close(parts.parameters[name].grad, value.grad, rtol=1e-4, atol=1e-6)


def test_the_whole_in_bfloat16_is_near_the_whole(tmp_path: Path) -> None:
    exact, rough = (
        tiny_run.trainer(tmp_path),
        tiny_run.trainer(tmp_path, execution=Execution(bf16=True)),
    )
    expected, found = exact.train_step(exact.batch_at(0)), rough.train_step(rough.batch_at(0))
    assert found != expected
    assert found["total"] == pytest.approx(expected["total"], rel=0.03)
    assert all(value.dtype is torch.float32 for value in rough.state().values() if value.ndim)


def test_a_full_disk_keeps_the_run_at_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path)
    run.train_step(run.batch_at(0))
    run.save()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def begin(step: int) -> None:
        monkeypatch.setattr(os, "fsync", full)

    monkeypatch.setattr(run.run, "begin", begin)
    with pytest.raises(
        OutputError, match="No space left on device; .*000000001 is whole.*make room"
    ):
        run.train()
    monkeypatch.undo()
    again = trainer(tmp_path)
    assert again.resume()
    assert again.step == 1


def test_a_worker_that_dies_is_told_with_the_way_out(tmp_path: Path) -> None:
    run = trainer(tmp_path, execution=Execution(num_workers=1))

    def dying(step: int) -> dict[str, torch.Tensor]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    run.batch_at = dying
    with pytest.raises(TrainingError, match="died at step 0 .*fewer --workers"):
        run.train()


def test_a_weight_of_zero_leaves_the_gradients_unchanged(tmp_path: Path) -> None:
    with_other = trainer(tmp_path / "a")
    compute = with_other.compute_losses
    with_other.losses_of.compute_losses = lambda batch, generator: {
        **(losses := compute(batch, generator)),
        "other": 100 * losses["error"],
    }
    plain = trainer(tmp_path / "b")
    with_other.train_step(with_other.batch_at(0))
    plain.train_step(plain.batch_at(0))
    assert torch.equal(weights(with_other), weights(plain))


def test_worker_processes_change_no_number(tmp_path: Path) -> None:
    alone = trainer(tmp_path / "a")
    helped = trainer(tmp_path / "b", execution=Execution(num_workers=2))
    alone.train()
    helped.train()
    assert torch.equal(weights(alone), weights(helped))


def test_a_finished_run_that_is_given_again_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(tmp_path).train()
    again = trainer(tmp_path)
    assert again.resume()
    monkeypatch.setattr(Run, "save", lambda *_: pytest.fail("written again"))
    again.train()
    assert again.step == STAGE.steps


def test_a_step_moves_weights_at_the_rate_of_its_time(tmp_path: Path) -> None:
    run = trainer(tmp_path, replace(STAGE, optim=replace(STAGE.optim, warmup_steps=5)))
    bias = run.parameters["bias"]
    before = bias.detach().clone()
    told = run.train_step(run.batch_at(0))
    assert told["rate"] == pytest.approx(1 / 5)
    assert (bias - before).abs().item() == pytest.approx(0.05 / 5, rel=1e-4)  # AdamW's first step


def test_chance_is_drawn_anew_at_every_step_and_alike_at_the_same_one(tmp_path: Path) -> None:
    def drawn(folder: Path) -> list[tuple[float, float]]:
        run, draws = trainer(folder), []
        compute = run.compute_losses

        def recorded(batch, generator):
            noise, dropout = torch.rand(1, generator=generator), torch.rand(1)
            draws.append((noise.item(), dropout.item()))
            return compute(batch, generator)

        run.losses_of.compute_losses = recorded
        for _ in range(3):
            run.train_step(run.batch_at(0))
        return draws

    noise, dropout = zip(*drawn(tmp_path / "a"), strict=True)
    assert len(set(noise)) == 3
    assert len(set(dropout)) == 3
    assert drawn(tmp_path / "b") == list(zip(noise, dropout, strict=True))


def test_the_average_follows_closely_at_first_and_then_ever_less(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    expected = weights(run)
    for step in range(1, 7):
        run.train_step(run.batch_at(step))
        expected = expected.lerp(weights(run), 1 - (1 + step) / (10 + step))
    averaged = torch.cat([value.flatten() for value in run.averaged.values.values()])
    torch.testing.assert_close(averaged, expected)


def test_gradients_are_scaled_down_to_the_stage_s_norm_and_never_up(tmp_path: Path) -> None:
    limited = replace(STAGE, optim=replace(STAGE.optim, max_grad_norm=0.25))
    run, free = trainer(tmp_path / "a", limited), trainer(tmp_path / "b")
    free.stage = replace(STAGE, optim=replace(STAGE.optim, max_grad_norm=1e6))
    told, untold = run.train_step(run.batch_at(0)), free.train_step(free.batch_at(0))
    assert told["norm"] == untold["norm"] > 1
    share = 1 - STAGE.optim.betas[0]
    for trained, norm in ((run, 0.25), (free, untold["norm"])):
        moments = [
            trained.optimizer.state[value]["exp_avg"] for value in trained.groups["line"].values()
        ]
        found = torch.cat([moment.flatten() for moment in moments]).norm() / share
        assert found.item() == pytest.approx(norm, rel=1e-3)
