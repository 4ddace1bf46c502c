from __future__ import annotations

import pytest
import torch
from torch import nn

from audiostory.errors import CheckpointError
from audiostory.models import weights
from audiostory.models.weights import (
    check_memory,
    fill,
    finished,
    free_memory,
    listed,
    misfits,
    shapes_of,
    stored,
    without_numbers,
    without_weights,
)
from tests.tiny import tiny_config, tiny_model

GIGABYTE = 10**9


def test_a_model_without_weights_has_the_names_and_shapes_of_one_with_them():
    empty = without_weights(tiny_config())
    assert all(parameter.is_meta for parameter in empty.parameters())
    assert shapes_of(empty) == shapes_of(tiny_model())


def test_after_the_block_modules_get_numbers_again():
    with without_numbers():
        assert nn.Linear(2, 2).weight.is_meta
    assert not nn.Linear(2, 2).weight.is_meta
    with pytest.raises(TypeError), without_numbers():
        nn.Linear("two", 2)  # type: ignore[arg-type]
    assert not nn.Linear(2, 2).weight.is_meta


def test_a_filled_model_computes_what_the_first_one_does():
    model, copy = tiny_model(), without_weights(tiny_config())
    for name, value in stored(model).items():
        fill(copy, name, value, device="cpu", dtype=torch.float32)
    copy = finished(copy, device="cpu")
    ids_BL = torch.tensor([[1, 2, 3]])
    assert torch.equal(copy.llm.hidden_states(ids_BL), model.llm.hidden_states(ids_BL))
    assert not copy.training


def test_tied_weights_are_stored_once_and_stay_tied():
    assert "llm.network.lm_head.weight" not in stored(tiny_model())
    copy = without_weights(tiny_config())
    for name, value in stored(tiny_model()).items():
        fill(copy, name, value, device="cpu", dtype=torch.float32)
    network = finished(copy, device="cpu").llm.network
    assert network.lm_head.weight is network.model.embed_tokens.weight


def test_filling_copies_and_converts():
    module = nn.Linear(3, 2)
    numbers = torch.arange(6.0).view(3, 2)
    fill(module, "weight", numbers.t(), device="cpu", dtype=torch.bfloat16)
    assert module.weight.dtype == torch.bfloat16
    assert module.weight.is_contiguous()
    numbers.zero_()
    assert module.weight[1, 2] == 5.0


def test_a_buffer_of_whole_numbers_keeps_its_type():
    module = nn.BatchNorm1d(2)
    name = "num_batches_tracked"
    fill(module, name, torch.tensor(7), device="cpu", dtype=torch.float16)
    assert module.num_batches_tracked.dtype == torch.int64
    assert module.num_batches_tracked == 7


def test_a_model_with_a_hole_is_not_finished():
    copy = without_weights(tiny_config())
    for name, value in stored(tiny_model()).items():
        if name != "bridge.semantic_head.0.bias":
            fill(copy, name, value, device="cpu", dtype=torch.float32)
    with pytest.raises(CheckpointError, match=r"got no bridge\.semantic_head\.0\.bias"):
        finished(copy, device="cpu")


def test_every_kind_of_misfit_is_put_in_words():
    wanted, found = {"a": (2,), "b": (3, 4)}, {"b": (4, 3), "c": (1,)}
    assert misfits(wanted, found) == [
        "a is missing",
        "c is unknown",
        "b is [4, 3], needs [3, 4]",
    ]
    assert misfits(wanted, dict(wanted)) == []


def test_an_error_names_every_misfit():
    problems = [f"t{index} is missing" for index in range(500)]
    assert listed(problems).split("; ") == problems


def test_a_model_that_does_not_fit_the_memory_is_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr(weights, "free_memory", lambda _: 2 * GIGABYTE)
    check_memory(GIGABYTE, "cpu")
    with pytest.raises(CheckpointError, match=r"takes 3\.0 GB, 2\.0 GB are free on cpu"):
        check_memory(3 * GIGABYTE, "cpu")


def test_where_nobody_knows_the_memory_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(weights, "free_memory", lambda _: None)
    check_memory(10**15, "cpu")
    assert free_memory(torch.device("meta")) is None


def test_what_linux_could_give_is_available(tmp_path):
    meminfo = tmp_path / "meminfo"
    assert weights._available(meminfo) is None
    meminfo.write_text("MemTotal:  4000 kB\nMemAvailable:  3000 kB\n")
    assert weights._available(meminfo) == 3000 * 1024


@pytest.mark.parametrize(
    ("limit", "used", "stat", "share"),
    [
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "memory/memory.stat",
            "total_inactive_file",
        ),
    ],
    ids=["cgroup 2", "cgroup 1"],
)
def test_a_control_group_bounds_the_memory(tmp_path, limit, used, stat, share):
    (tmp_path / "memory").mkdir()
    for name, text in ((limit, "9000\n"), (used, "7000\n"), (stat, f"anon 5\n{share} 500\n")):
        (tmp_path / name).write_text(text)
    assert weights._left_of_group(tmp_path) == 9000 - 7000 + 500


def test_a_control_group_without_a_limit_bounds_nothing(tmp_path):
    assert weights._left_of_group(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    assert weights._left_of_group(tmp_path) is None
