"""The one loop that both networks of the evaluator learn in: resumable, its weights averaged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from audiostory.errors import TrainingError

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


class Schedule(Protocol):
    """How long and how fast a network learns."""

    @property
    def steps(self) -> int:
        """Batches."""
        ...

    @property
    def learning_rate(self) -> float:
        """Peak of a one-cycle schedule."""
        ...

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""
        ...

    @property
    def average(self) -> float:
        """Decay of the running average of the weights, which is what is kept."""
        ...

    @property
    def save_every(self) -> int:
        """Steps between checkpoints."""
        ...


def learn(
    network: nn.Module,
    loss_at: Callable[[int], Tensor],
    schedule: Schedule,
    checkpoint: Path,
    progress: Progress | None = None,
    *,
    material: str,
) -> None:
    """Teach a network and leave the average of its weights in it; goes on from ``checkpoint``.

    Args:
        network: what learns: its parameters that want a gradient.
        loss_at: the loss of a step, a function of the step and the network alone.
        schedule: how long and how fast.
        checkpoint: a file that is written now and then, and read first if it is there.
        progress: called with what is being done and its share done.
        material: a name that changes with what is learnt from.

    Raises:
        TrainingError: if the checkpoint is of another schedule, or learnt from something else.
    """
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        learnt, lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, total_steps=schedule.steps, pct_start=0.1
    )
    average = {name: value.clone() for name, value in network.state_dict().items()}
    first, running, began = 0, math.nan, time.monotonic()
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        if kept.get("schedule") != str(schedule):
            raise TrainingError(
                f"{checkpoint} was begun as {kept.get('schedule')}, not as {schedule}: go on with "
                "that one, or choose another folder for the run"
            )
        if kept.get("material") != material:
            raise TrainingError(
                f"{checkpoint} learnt from other clips, kinds or words: choose another folder for "
                "the run"
            )
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        rates.load_state_dict(kept["rates"])
        average, first = kept["average"], kept["step"]
    for step in range(first, schedule.steps):
        network.train()
        loss = loss_at(step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
        rates.step()
        follow(average, network, min(schedule.average, (step + 1) / (step + 11)))
        running = loss.item() if math.isnan(running) else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % schedule.save_every == 0 or step + 1 == schedule.steps:
            state = {
                "schedule": str(schedule),
                "material": material,
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "rates": rates.state_dict(),
                "average": average,
                "step": step + 1,
            }
            torch.save(state, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
        if progress:
            pace_s = (time.monotonic() - began) / (step + 1 - first)
            said = f"{checkpoint.stem}: loss {running:.4f}, {pace_s:.2f} s a step"
            progress(said, (step + 1) / schedule.steps)
    network.load_state_dict(average)
    network.eval()


def follow(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """Move a running average of weights towards those of ``network``."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)
