from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.errors import MissingExtraError
from audiostory.train import watchers
from audiostory.train.watchers import LossPicture, Means, TensorBoard
from tests.train.tiny_run import STAGE, trainer


def test_a_row_is_the_mean_of_the_steps_since_the_last() -> None:
    means = Means(steps=800)
    for value in (1.0, 3.0):
        means.add({"total": value})
    assert means.is_due(2, 800)
    assert means.row(2)["total"] == 2.0
    means.add({"total": 7.0})
    assert not means.is_due(3, 800)
    assert means.is_due(800, 800)
    assert means.row(3)["total"] == 7.0


def test_a_loss_that_some_steps_lack_is_the_mean_of_those_that_have_it() -> None:
    means = Means(steps=3)
    means.add({"flow": 1.0, "norm": 1.0})
    means.add({"understanding": 5.0, "norm": 3.0})
    means.add({"understanding": 7.0, "norm": 5.0})
    row = means.row(3)
    assert (row["flow"], row["understanding"], row["norm"]) == (1.0, 6.0, 3.0)
    means.add({"flow": 2.0, "norm": 1.0})
    assert "understanding" not in means.row(4)


def test_slow_steps_have_rows_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    means = Means(steps=8000)
    now = time.monotonic()
    monkeypatch.setattr(watchers.time, "monotonic", lambda: now + 60)
    assert means.is_due(1, 8000)


def test_a_run_ends_with_a_picture_of_its_losses(tmp_path: Path) -> None:
    own = trainer(tmp_path, replace(STAGE, steps=2))
    own.watchers = [LossPicture()]
    own.train()
    assert (tmp_path / "losses.png").exists()


def test_tensorboard_gets_the_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    board = TensorBoard(tmp_path)
    board.logged({"step": 3, "flow": 0.5})
    board.writer.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    (event,) = events.Scalars("flow")
    assert (event.step, event.value) == (3, 0.5)


def test_without_tensorboard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(watchers.__dict__, "require", missing)
    with pytest.raises(MissingExtraError):
        TensorBoard(tmp_path)


def missing(module: str, *, extra: str) -> None:
    assert (module, extra) == ("tensorboard", "train")
    raise MissingExtraError(module)
