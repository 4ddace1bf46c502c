"""Several kinds of data in one run: each step's batch is of one kind, drawn by the step's number.

The kind of a step is a function of the run's seed and the step alone, as the batches are, so a
resumed run and every process of a distributed one draw the same. Source: AudioStory Sec. 5.1 (the
ratio of understanding and generation), Table 10 (a batch size of each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audiostory.data.sounds import step_generator
from audiostory.train.objective import Batch
from audiostory.train.stages import StageConfig
from audiostory.train.trainer import BatchAt, ComputeLosses, Losses

KIND = "kind"
"""Name in a batch of the number that says which kind of data it is."""
OWN_STREAM = 7_907
"""Added to the seed: the sources draw from generators of the seed itself."""


@dataclass(frozen=True)
class MixedBatches:
    """Batches of several sources."""

    sources: Sequence[BatchAt]
    shares: Sequence[float]
    """How often each is drawn, among all steps."""
    seed: int

    def kind_at(self, step: int) -> int:
        """Which source the batch of one step is of."""
        generator = step_generator(self.seed + OWN_STREAM, step)
        return int(torch.multinomial(torch.tensor(self.shares), 1, generator=generator))

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """The batch of one step, marked with its kind."""
        kind = self.kind_at(step)
        return {**self.sources[kind](step), KIND: torch.tensor(kind)}


@dataclass(frozen=True)
class MixedObjective:
    """The losses of a batch by the objective of its kind."""

    objectives: Sequence[ComputeLosses]

    def __call__(self, batch: Batch, generator: torch.Generator) -> Losses:
        """What that kind's objective computes, and nothing of the others."""
        return self.objectives[int(batch[KIND])](batch, generator)


def shares_of_steps(stage: StageConfig) -> list[float]:
    """Share of the steps of the stage's own data, then of each of its mixed data.

    By samples they are as their ratios say, whatever the batch sizes.
    """
    own = stage.own_share
    return [own, *(own * one.ratio * stage.batch_size / one.batch_size for one in stage.mixed)]
