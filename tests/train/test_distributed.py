"""Processes of which each computes a part end where one does that computes all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from audiostory.curate.compose import compose_stories
from audiostory.errors import ConfigError
from audiostory.train.distributed import blocks_of, launched, own_bytes, whole
from audiostory.train.execution import Execution
from audiostory.train.trainer import Trainer
from tests.data.corpus import write_corpus
from tests.tiny import tiny_model
from tests.train.tiny_run import (
    ALONE,
    both_ways,
    mixed_both_ways,
    run_mixed,
    run_stage,
    stage_both_ways,
    together,
    trainer,
    weights_of,
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    trained = trainer(tmp_path_factory.mktemp("alone"))
    trained.train()
    return trained


def assert_same_course(folder: Path, alone: Trainer) -> None:
    """One process reads what many left, and finds the numbers of one."""
    own = trainer(folder)
    assert own.resume()
    assert own.step == alone.step
    for name, value in weights_of(alone).items():
        torch.testing.assert_close(own.parameters[name].detach(), value, rtol=1e-3, atol=2e-5)
        average = alone.averaged.values[name]
        torch.testing.assert_close(own.averaged.values[name], average, rtol=1e-3, atol=2e-5)
    rows, expected = own.run.rows(), alone.run.rows()
    assert len(rows) == len(expected) == alone.step
    for row, other in zip(rows, expected, strict=True):
        for name in ("total", "norm", "semantic", "text", "flow"):
            assert row[name] == pytest.approx(other[name], rel=1e-4), (row["step"], name)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_many_processes_take_the_course_of_one(tmp_path: Path, alone: Trainer, count: int) -> None:
    for way in ("replicas", "shares"):
        (tmp_path / way).mkdir()
    together(count, both_ways, tmp_path)
    assert_same_course(tmp_path / "replicas", alone)
    assert_same_course(tmp_path / "shares", alone)
    total = sum(value.numel() for value in alone.parameters.values())
    shares = [json.loads(path.read_text())["own"] for path in tmp_path.glob("shares/share-*.json")]
    assert sum(shares) == total
    assert max(shares) < 1.5 * total / count


@pytest.mark.slow
def test_a_stage_of_two_processes_leaves_the_weights_of_one(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    expected = run_stage(corpus, tmp_path / "alone")
    assert expected is not None
    together(2, stage_both_ways, corpus, tmp_path)
    weights = load_file(expected)
    assert "bridge.null_condition" in weights
    for way in ("replicas", "shares"):
        found = load_file(tmp_path / way / "dit" / "weights.safetensors")
        assert found.keys() == weights.keys()
        for name, value in weights.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=2e-5, msg=name)


@pytest.mark.slow
def test_two_processes_take_the_same_kind_of_data_at_every_step(tmp_path: Path) -> None:
    corpus, stories = write_corpus(tmp_path / "corpus"), tmp_path / "stories.jsonl"
    compose_stories(stories, 20, 0, corpus)
    expected = run_mixed(corpus, stories, tmp_path / "alone")
    assert expected is not None
    together(2, mixed_both_ways, corpus, stories, tmp_path)
    weights, course = load_file(expected), rows_of(expected.parent)
    assert {frozenset(row) & {"flow", "understanding"} for row in course} == {
        frozenset({"flow"}),
        frozenset({"understanding"}),
    }
    for way in ("replicas", "shares"):
        folder = tmp_path / way / "stage2"
        for row, alone in zip(rows_of(folder), course, strict=True):
            assert row.keys() == alone.keys()
            for name in row.keys() - {"seconds", "step_s"}:
                assert row[name] == pytest.approx(alone[name], rel=1e-3), (way, row["step"], name)
        found = load_file(folder / "weights.safetensors")
        assert found.keys() == weights.keys()
        for name, value in weights.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=5e-5, msg=name)


def rows_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_one_process_without_a_launcher_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    found = launched(Execution())
    assert (found.rank, found.count, found.is_first) == (0, 1, True)


def test_shares_need_someone_to_share_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(ConfigError, match="torchrun"):
        launched(Execution(shard=True))


def test_alone_everything_is_agreed_and_summed_at_once() -> None:
    assert ALONE.agreed(True, False) == [True, False]
    assert torch.equal(ALONE.sum(torch.ones(2)), torch.ones(2))
    with ALONE.first_alone():
        ALONE.wait()


def test_blocks_are_those_of_networks_that_learn() -> None:
    model = tiny_model()
    model.train_only(("dit",))
    assert {type(block).__name__ for block in blocks_of(model)} == {
        "FluxTransformerBlock",
        "FluxSingleTransformerBlock",
    }
    model.train_only(("llm",))
    assert [type(block).__name__ for block in blocks_of(model)] == 2 * ["Qwen2DecoderLayer"]


def test_a_plain_tensor_is_whole_and_all_ones_own() -> None:
    value = torch.ones(3, 2)
    assert whole(value) is value
    assert own_bytes([value, value]) == 48
