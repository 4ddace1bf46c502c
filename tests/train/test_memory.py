from __future__ import annotations

from pathlib import Path

import pytest
import torch

from audiostory.errors import DeviceMemoryError
from audiostory.train import memory
from audiostory.train.memory import check_room, estimate, planned
from tests.tiny import tiny_config, tiny_model
from tests.train.tiny_run import STAGE, trainer

CPU = torch.device("cpu")


def test_the_estimate_is_what_a_step_leaves_behind(tmp_path: Path) -> None:
    own = trainer(tmp_path)
    needed = estimate(own.model, own.parameters)
    own.backward(own.batch_at(0))
    gradients = sum(each.grad.nbytes for each in own.parameters.values())
    own.optimizer.step()
    moments = sum(
        value.nbytes
        for state in own.optimizer.state.values()
        for key, value in state.items()
        if key != "step"
    )
    averages = sum(value.nbytes for value in own.averaged.values.values())
    assert (needed.gradients, needed.moments, needed.averages) == (gradients, moments, averages)
    assert needed.parameters > averages  # the codec is frozen


def test_a_run_that_cannot_fit_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 100_000)
    with pytest.raises(DeviceMemoryError, match="0.1 MB are free on cpu.*--shard"):
        trainer(tmp_path)


def test_a_plan_is_what_the_run_will_be(tmp_path: Path) -> None:
    own = trainer(tmp_path)
    assert planned(tiny_config(), STAGE.trainable) == estimate(own.model, own.parameters)


def test_shares_of_a_plan_divide_all_but_what_is_still(tmp_path: Path) -> None:
    alone = planned(tiny_config(), STAGE.trainable)
    fourth = planned(tiny_config(), STAGE.trainable, processes=4, shard=True)
    assert fourth.to_come == pytest.approx(alone.to_come / 4, abs=4)
    assert alone.parameters / 4 < fourth.parameters < alone.parameters
    assert planned(tiny_config(), STAGE.trainable, processes=4) == alone


def test_the_estimate_is_logged_with_what_it_leaves_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = tiny_model()
    with caplog.at_level("INFO"):
        check_room(estimate(model, dict(model.named_parameters())), CPU)
    assert "Not counted: activations" in caplog.text
