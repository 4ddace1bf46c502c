"""Several kinds of data in one run: each step's batch is of one kind, drawn by the step's number.

The kind of a step is a function of the run's seed and the step alone, as the batches are, so a
resumed run and every process of a distributed one draw the same; a step is split within its kind.
Source: AudioStory Sec. 5.1 (the ratio of understanding and generation), Table 10 (a batch size of
each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audiostory.data.sounds import step_generator
from audiostory.errors import TrainingError
from audiostory.train.splitting import Batch, ComputeLosses, Losses, Splittable
from audiostory.train.stages import StageConfig
from audiostory.train.trainer import BatchAt

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
    """The losses of a batch by the objective of its kind, and nothing of the others."""

    objectives: Sequence[Splittable]

    @classmethod
    def of(cls, objectives: Sequence[ComputeLosses]) -> MixedObjective:
        """Those objectives, in the order of the kinds.

        Raises:
            TrainingError: if one takes only whole batches, and so cannot be mixed with those that
                are split.
        """
        splittable = [each for each in objectives if isinstance(each, Splittable)]
        if len(splittable) < len(objectives):
            whole = next(each for each in objectives if not isinstance(each, Splittable))
            raise TrainingError(
                f"{type(whole).__name__} cannot be mixed: give it a stage of its own"
            )
        return cls(splittable)

    def __call__(self, batch: Batch, generator: torch.Generator) -> Losses:
        """What that kind's objective computes."""
        return self.losses({**batch, **self.draw(batch, generator)})

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """What chance decides for that kind."""
        return self.of_kind(batch).draw(batch, generator)

    def spans(self, batch: Batch) -> dict[str, Tensor]:
        """What that kind's losses are means over."""
        return self.of_kind(batch).spans(batch)

    def losses(self, batch: Batch) -> Losses:
        """That kind's losses at what was drawn."""
        return self.of_kind(batch).losses(batch)

    def of_kind(self, batch: Batch) -> Splittable:
        """The objective of a batch's kind."""
        return self.objectives[int(batch[KIND])]


def shares_of_steps(stage: StageConfig) -> list[float]:
    """Share of the steps of the stage's own data, then of each of its mixed data.

    By samples they are as their ratios say, whatever the batch sizes.
    """
    own = stage.own_share
    return [own, *(own * one.ratio * stage.batch_size / one.batch_size for one in stage.mixed)]
