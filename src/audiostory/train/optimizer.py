"""AdamW over parameter groups, and the course of its learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from audiostory.errors import TrainingError
from audiostory.train.stages import OptimConfig

Groups = Mapping[str, Mapping[str, nn.Parameter]]
"""Parameters by their names in the model, by the name of their group."""


def rate_at(step: int, steps: int, optim: OptimConfig) -> float:
    """Share of the peak learning rate at ``step``: linear warm-up, then half a cosine."""
    if step < optim.warmup_steps:
        return (step + 1) / optim.warmup_steps
    progress = (step - optim.warmup_steps) / max(1, steps - optim.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return optim.final_rate + (1 - optim.final_rate) * cosine


def build_optimizer(groups: Groups, optim: OptimConfig) -> torch.optim.AdamW:
    """AdamW with one learning rate per parameter group; vectors are not decayed.

    Raises:
        TrainingError: if there is no parameter.
    """
    options: list[dict[str, object]] = []
    for group, parameters in groups.items():
        rate = optim.group_rates.get(group, optim.learning_rate)
        for decays in (True, False):
            chosen = [value for value in parameters.values() if (value.ndim > 1) == decays]
            decay = optim.weight_decay if decays else 0.0
            if chosen:
                options.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": decay})
    if not options:
        raise TrainingError("nothing to train: the stage names no parameter group with parameters")
    return torch.optim.AdamW(options, betas=optim.betas)


def set_rates(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Give each group this share of its peak rate."""
    for options in optimizer.param_groups:
        options["lr"] = options["peak"] * share
