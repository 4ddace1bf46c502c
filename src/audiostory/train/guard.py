"""Numbers that are none, found before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch

from audiostory.errors import TrainingError
from audiostory.train.distributed import whole
from audiostory.train.optimizer import Groups


def check_losses(losses: Mapping[str, float], step: int, kept: Path | None) -> None:
    """Refuse to go on from a loss that is no number.

    Raises:
        TrainingError: naming the step and every such loss.
    """
    bad = {name: value for name, value in losses.items() if not math.isfinite(value)}
    if bad:
        named = ", ".join(f"the loss '{name}' is {value}" for name, value in bad.items())
        raise TrainingError(f"{named} at step {step}; {way_out(kept)}")


def check_gradients(groups: Groups, step: int, kept: Path | None) -> None:
    """Name the gradients that are no numbers; call it once their norm is none.

    Raises:
        TrainingError: naming the step, the groups, and a parameter of each.
    """
    bad = []
    for group, parameters in groups.items():
        for name, value in parameters.items():
            if value.grad is not None and not torch.isfinite(whole(value.grad)).all():
                bad.append(f"'{group}' (first in {name})")
                break
    raise TrainingError(
        f"the gradient of {' and '.join(bad) or 'all parameters together'} is not finite at step "
        f"{step}, though the losses are; {way_out(kept)}"
    )


def way_out(kept: Path | None) -> str:
    """What is left of the run, and what to do."""
    left = f"the last good checkpoint is {kept}" if kept else "there is no checkpoint yet"
    return (
        f"{left}, the weights of this step were not touched: look at the batch of this step, "
        "or lower the learning rate"
    )
