"""Checkpoints that are whole or not there, and the numbers of a run."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from audiostory.errors import CheckpointError, OutputError, TrainingError
from audiostory.train.recipes.catalogue import STAGES
from audiostory.train.run_folder import Run, described, differences
from tests.disk import disk_full
from tests.train.tiny_run import ALONE, STAGE

STATE = {"model/w": torch.arange(6.0).view(2, 3), "step": torch.tensor(7)}


def run(folder: Path) -> Run:
    return Run(folder, STAGE, ALONE)


def read(folder: Path) -> torch.Tensor:
    state = {name: torch.zeros_like(value) for name, value in STATE.items()}
    run(folder).load(state)
    return state["model/w"]


def test_what_was_saved_is_read_bit_for_bit(tmp_path: Path) -> None:
    run(tmp_path).save(7, STATE)
    assert run(tmp_path).about()["step"] == 7
    assert run(tmp_path).shapes() == {"model/w": (2, 3), "step": ()}
    assert torch.equal(read(tmp_path), STATE["model/w"])


def test_a_new_checkpoint_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    run(tmp_path).save(7, STATE)
    (tmp_path / "checkpoint-000000008.part").mkdir()  # what a kill left
    run(tmp_path).save(9, {**STATE, "model/w": torch.ones(2, 3)})
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-000000009"]
    assert torch.equal(read(tmp_path), torch.ones(2, 3))


def test_a_checkpoint_of_the_same_step_is_never_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path).save(7, STATE)
    found: list[float] = []

    def watched(move: Callable[..., object]) -> Callable[..., None]:
        def moved(*arguments: object, **options: object) -> None:
            move(*arguments, **options)
            found.append(read(tmp_path)[0, 1].item())

        return moved

    monkeypatch.setattr(Path, "rename", watched(Path.rename))
    monkeypatch.setattr(shutil, "rmtree", watched(shutil.rmtree))
    run(tmp_path).save(7, {**STATE, "model/w": torch.full((2, 3), 5.0)})
    assert set(found) == {1, 5}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000007"]
    assert read(tmp_path)[0, 1] == 5


def test_a_half_written_checkpoint_is_none(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-000000008.part").mkdir()
    assert run(tmp_path).checkpoint is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run(tmp_path).save(7, STATE)

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    told = f"checkpoint-000000009: {os.strerror(number)}; .*000000007 is whole and is kept.*room"
    with pytest.raises(OutputError, match=told):
        run(tmp_path).save(9, {**STATE, "model/w": torch.ones(2, 3)})
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-000000007"]
    assert torch.equal(read(tmp_path), STATE["model/w"])


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    run(tmp_path).save(7, STATE)
    (data,) = (tmp_path / "checkpoint-000000007").glob("*.distcp")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="000000007 cannot be read"):
        read(tmp_path)
    (tmp_path / "checkpoint-000000007" / "about.json").unlink()
    with pytest.raises(CheckpointError, match="damaged"):
        run(tmp_path).about()


def test_numbers_of_undone_steps_are_forgotten(tmp_path: Path) -> None:
    own = run(tmp_path)
    for step in (1, 2, 3):
        own.log({"step": step, "total": 0.5})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "tot')
    own.begin(2)
    assert own.rows() == [{"step": 1, "total": 0.5}, {"step": 2, "total": 0.5}]


def test_a_run_that_cannot_be_noted_is_told_and_keeps_its_numbers(tmp_path: Path) -> None:
    own = run(tmp_path)
    own.log({"step": 1})
    with disk_full(), pytest.raises(OutputError, match=r"stage\.json: .*make room"):
        own.begin(1)
    assert own.rows() == [{"step": 1}]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_numbers_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    own = run(tmp_path)
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        own.log({"step": 1})


def test_a_checkpoint_from_before_null_shares_was_made_with_a_tenth(tmp_path: Path) -> None:
    run(tmp_path).save(7, STATE)
    (about,) = tmp_path.glob("checkpoint-*/about.json")
    kept = json.loads(about.read_text())
    del kept["stage"]["null_share"]
    about.write_text(json.dumps(kept))
    assert run(tmp_path).about()["step"] == 7
    other = Run(tmp_path, replace(STAGE, null_share=0.0), ALONE)
    with pytest.raises(TrainingError, match=r"null_share is 0\.1 there and 0\.0 here"):
        other.about()


@pytest.mark.parametrize("name", sorted(STAGES))
def test_recipes_from_before_null_shares_are_what_they_were(name: str) -> None:
    noted = described(STAGES[name])
    del noted["null_share"]
    told = differences(noted, described(STAGES[name]))
    is_another = name.startswith(("paper-", "release/detokenizer"))
    assert told == (["null_share is 0.1 there and 0.0 here"] if is_another else [])


def test_differences_name_the_fields() -> None:
    kept = {"steps": 3, "optim": {"rate": 1, "decay": 2}}
    given = {"steps": 3, "optim": {"rate": 2}}
    assert differences(kept, given) == [
        "optim.decay is 2 there and None here",
        "optim.rate is 1 there and 2 here",
    ]


def test_where_a_value_comes_from_may_be_told_in_other_words(tmp_path: Path) -> None:
    run(tmp_path).save(7, STATE)
    retold = replace(STAGE, cited={"steps": "Sec. 5.1"})
    assert Run(tmp_path, retold, ALONE).about()["step"] == 7
