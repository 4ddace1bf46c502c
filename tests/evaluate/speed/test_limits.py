from __future__ import annotations

import torch

from audiostory.evaluate.speed.limits import (
    arithmetic,
    bandwidth,
    best_time,
    bytes_per_token,
    operations,
)
from tests.tiny import tiny_config, tiny_model


def test_a_token_reads_every_weight_but_an_embedding_of_its_own():
    llm = tiny_model().llm
    assert bytes_per_token(llm) == sum(p.nbytes for p in llm.parameters())


def test_more_frames_take_more_operations():
    model = tiny_model()
    few, many = (operations(model, frames, 4) for frames in (8, 80))
    assert 0 < few < many


def test_the_operations_of_the_blocks_are_all_counted():
    model, config = tiny_model(), tiny_config().dit
    width, frames = config.num_heads * config.head_dim, 40
    least = 2 * frames * 4 * width * width * (config.num_joint_blocks + config.num_single_blocks)
    assert operations(model, frames, 4) > least


def test_the_hardware_is_measured_in_plausible_numbers():
    weight = torch.zeros(1)
    assert 1e8 < bandwidth(10**6, weight) < 1e13
    assert 1e8 < arithmetic(weight) < 1e15


def test_the_best_of_several_times_is_taken():
    calls = []
    assert best_time(lambda: calls.append(1), torch.device("cpu"), repeats=3) < 1.0
    assert len(calls) == 4
