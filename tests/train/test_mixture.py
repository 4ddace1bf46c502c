"""Batches of several kinds: how often each comes, and whose losses it has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from audiostory.errors import TrainingError
from audiostory.train.mixture import KIND, MixedBatches, MixedObjective, shares_of_steps
from audiostory.train.splitting import Batch, Losses, parts_of
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


@dataclass(frozen=True)
class Times:
    """The mean of a batch's values, times a number and what is drawn."""

    loss: str
    number: float

    def __call__(self, batch: Batch, generator: torch.Generator) -> Losses:
        return self.losses({**batch, **self.draw(batch, generator)})

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"drawn_B": torch.full((len(batch["value_B"]),), 2.0)}

    def spans(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {f"{self.loss}_B": torch.ones(len(batch["value_B"]))}

    def losses(self, batch: Batch) -> Losses:
        return {self.loss: self.number * (batch["value_B"] * batch["drawn_B"]).mean()}


def test_a_batch_has_the_losses_of_its_kind_whole_and_in_parts() -> None:
    objective = MixedObjective.of([Times("flow", 1.0), Times("understanding", 10.0)])
    generator = torch.Generator()
    for kind, (loss, number) in enumerate((("flow", 1.0), ("understanding", 10.0))):
        batch = {"value_B": torch.tensor([1.0, 2.0, 6.0]), KIND: torch.tensor(kind)}
        assert objective(batch, generator) == {loss: torch.tensor(6.0 * number)}
        made = parts_of(objective, batch, generator, count=2, chosen=(0, 1))
        summed = sum(part.share(loss) * objective.losses(part.batch)[loss] for part in made)
        assert summed == pytest.approx(6.0 * number)


def test_an_objective_that_takes_only_whole_batches_cannot_be_mixed() -> None:
    with pytest.raises(TrainingError, match="function cannot be mixed"):
        MixedObjective.of([Times("flow", 1.0), lambda *_: {}])
