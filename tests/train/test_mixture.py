"""Batches of several kinds: how often each comes, and whose losses it has."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audiostory.train.mixture import KIND, MixedBatches, MixedObjective, shares_of_steps
from audiostory.train.stages import MixedSource, StageConfig

STAGE = StageConfig(
    name="ours/one",
    objective="story",
    data="story_clips",
    trainable=(),
    weights={},
    steps=1,
    batch_size=8,
    mixed=(MixedSource(name="understanding", objective="-", ratio=0.5, batch_size=16),),
)


def mixed(seed: int = 0) -> MixedBatches:
    sources = [lambda step, kind=kind: {"value": torch.tensor([kind, step])} for kind in (10, 20)]
    return MixedBatches(sources, shares_of_steps(STAGE), seed)


def test_samples_come_in_the_ratio_whatever_the_batch_sizes() -> None:
    shares = shares_of_steps(STAGE)
    assert sum(shares) == pytest.approx(1.0)
    assert shares[1] * 16 == pytest.approx(0.5 * shares[0] * 8)
    assert shares_of_steps(replace(STAGE, mixed=())) == [1.0]


def test_kinds_are_drawn_by_their_shares_from_seed_and_step_alone() -> None:
    kinds = [mixed().kind_at(step) for step in range(400)]
    assert sum(kinds) / 400 == pytest.approx(shares_of_steps(STAGE)[1], abs=0.05)
    assert kinds[::-1] == [mixed().kind_at(step) for step in reversed(range(400))]
    assert kinds != [mixed(1).kind_at(step) for step in range(400)]


def test_a_batch_is_its_sources_batch_of_that_step() -> None:
    batches = mixed()
    for step in range(8):
        kind = batches.kind_at(step)
        assert batches.batch_at(step)["value"].tolist() == [(10, 20)[kind], step]


def test_a_batch_has_the_losses_of_its_kind() -> None:
    objective = MixedObjective(
        [lambda batch, generator: {"flow": 2 * batch["value"]}, lambda *_: {"understanding": 1}]
    )
    generator = torch.Generator()
    first = {"value": torch.tensor(3.0), KIND: torch.tensor(0)}
    assert objective(first, generator) == {"flow": torch.tensor(6.0)}
    assert objective({KIND: torch.tensor(1)}, generator) == {"understanding": 1}
