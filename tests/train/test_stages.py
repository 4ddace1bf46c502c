"""Stages are plain values."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from audiostory.train.recipes import RECIPES


def test_a_stage_can_be_written_down() -> None:
    for stage in RECIPES.values():
        assert json.loads(json.dumps(asdict(stage)))["name"] == stage.name


def test_an_experiment_is_a_stage_with_a_field_replaced() -> None:
    stage = RECIPES["nano/stage3"]
    ablated = replace(stage, weights={**stage.weights, "semantic": 0.0})
    assert ablated != stage
    assert ablated.trainable == stage.trainable
