"""What a run will take of a device's memory, before its first step.

For a parameter of ``b`` bytes that learns, one process holds ``b`` of weights, ``b`` of gradients,
``2b`` of AdamW's moments (arXiv:1711.05101) and ``b`` of averages; a frozen one takes ``b``. Where
they are shared out (FSDP2), each of P processes holds a P-th.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from audiostory.errors import DeviceMemoryError
from audiostory.models.audiostory import AudioStoryConfig
from audiostory.models.weights import ROOM, free_memory, without_weights
from audiostory.train.distributed import blocks_of, own_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes that one process holds through all steps; activations are not among them."""

    parameters: int
    """Weights, frozen ones and lasting buffers included."""
    gradients: int
    """As many as learn."""
    moments: int
    """AdamW's two."""
    averages: int
    """The moving average of the weights."""

    @property
    def to_come(self) -> int:
        """What is not there yet when the model is on its device."""
        return self.gradients + self.moments + self.averages

    def __str__(self) -> str:
        """One line, with what is not counted."""
        total = self.parameters + self.to_come
        return (
            f"{_size(total)} of memory in each process: weights {_size(self.parameters)}, "
            f"gradients {_size(self.gradients)}, AdamW's moments {_size(self.moments)}, averages "
            f"{_size(self.averages)}. Not counted: activations (they grow with the batch; "
            "--accumulate and --checkpoint-activations lower them), the batch itself, what the "
            "optimiser needs within a step, blocks gathered by --shard, and the libraries"
        )


def estimate(model: nn.Module, parameters: Mapping[str, nn.Parameter]) -> MemoryEstimate:
    """The estimate for a model on its device, of which ``parameters`` learn."""
    learning = own_bytes(list(parameters.values()))
    return MemoryEstimate(
        parameters=own_bytes([*model.parameters(), *model.buffers()]),
        gradients=learning,
        moments=2 * learning,
        averages=learning,
    )


def planned(
    config: AudioStoryConfig, trainable: Sequence[str], *, processes: int = 1, shard: bool = False
) -> MemoryEstimate:
    """The estimate for a model that need not be there, in float32.

    Args:
        config: its sizes.
        trainable: parameter groups that learn.
        processes: how many there are to be.
        shard: whether they share out weights, gradients and moments.

    Raises:
        ConfigError: as ``AudioStoryModel.parameter_groups``.
    """
    model = without_weights(config)
    groups = model.train_only(trainable)
    shares = processes if shard else 1
    learning = {value for group in groups.values() for value in group.values()}
    spread = learning | {each for block in blocks_of(model) for each in block.parameters()}
    held = own_bytes([*model.parameters(), *model.buffers()])
    own = -(-own_bytes(list(learning)) // shares)
    shared = own_bytes(list(spread))
    return MemoryEstimate(
        parameters=held - shared + -(-shared // shares),
        gradients=own,
        moments=2 * own,
        averages=own,
    )


def check_room(needed: MemoryEstimate, device: torch.device) -> None:
    """Say what a run takes, and refuse one that cannot fit.

    Raises:
        DeviceMemoryError: if less is free than what does not depend on the batch.
    """
    log.info("%s", needed)
    free = free_memory(device)
    if free is not None and needed.to_come > ROOM * free:
        raise DeviceMemoryError(
            f"gradients, moments and averages take {_size(needed.to_come)} beside the weights, but "
            f"{_size(free)} are free on {device}, and activations come on top: train fewer groups, "
            "use more processes with --shard, or a larger device"
        )


def _size(num_bytes: int) -> str:
    """Bytes in megabytes or gigabytes."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"
