"""Who follows a run: means for its log, TensorBoard, the picture of its losses."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from audiostory.optional import require
from audiostory.train.plots import draw_losses

if TYPE_CHECKING:
    from audiostory.train.trainer import Trainer

LOG_EVERY_S = 20.0
"""Most seconds between two rows of numbers."""
ROWS = 400
"""Rows of a run, where its steps are quick."""


class Watcher(Protocol):
    """Something that is told how a run goes.

    Each process tells its own watchers; they must leave weights and random numbers as they are.
    """

    def stepped(self, trainer: Trainer) -> None:
        """A step is done."""
        ...

    def logged(self, row: Mapping[str, float]) -> None:
        """A row of numbers is due."""
        ...

    def finished(self, trainer: Trainer) -> None:
        """The run is complete, or stops for now."""
        ...


class Means:
    """Means of the steps' numbers since the last row, each over the steps that have it.

    With mixed data a loss is absent in steps of another kind, and in a row without one of its own.
    """

    def __init__(self, steps: int) -> None:
        self.every = -(-steps // ROWS)
        self.started = self.last = time.monotonic()
        self.sums: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self.num_steps = 0

    def add(self, numbers: Mapping[str, float]) -> None:
        """Count one step."""
        self.num_steps += 1
        self.counts.update(numbers.keys())
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def is_due(self, step: int, steps: int) -> bool:
        """Whether the numbers of this step end a row."""
        is_late = time.monotonic() - self.last > LOG_EVERY_S
        return step % self.every == 0 or step == steps or is_late

    def row(self, step: int) -> dict[str, float]:
        """The row that ends here."""
        now = time.monotonic()
        row = {name: value / self.counts[name] for name, value in self.sums.items()}
        pace_s = (now - self.last) / self.num_steps
        row |= {"step": step, "seconds": now - self.started, "step_s": pace_s}
        self.sums, self.counts, self.num_steps, self.last = {}, Counter(), 0, now
        return row


class TensorBoard:
    """The numbers as TensorBoard reads them.

    Raises:
        MissingExtraError: if tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        require("tensorboard", extra="train")
        self.writer = require("torch.utils.tensorboard", extra="train").SummaryWriter(str(folder))

    def stepped(self, trainer: Trainer) -> None:
        """Nothing."""

    def logged(self, row: Mapping[str, float]) -> None:
        """Each number under its name."""
        for name, value in row.items():
            if name != "step":
                self.writer.add_scalar(name, value, int(row["step"]))

    def finished(self, trainer: Trainer) -> None:
        """Write what is left."""
        self.writer.close()


class LossPicture:
    """A picture of the losses, drawn when a run ends or stops."""

    def stepped(self, trainer: Trainer) -> None:
        """Nothing."""

    def logged(self, row: Mapping[str, float]) -> None:
        """Nothing."""

    def finished(self, trainer: Trainer) -> None:
        """Draw ``losses.png`` into the run's folder."""
        run = trainer.run
        if rows := run.rows():
            draw_losses(rows, run.folder / "losses.png", title=run.stage.name)
