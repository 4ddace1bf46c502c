"""How a run is computed, as data: what changes its speed, its memory or its reports.

None of it is part of a recipe. A run may go on under another execution: with another number of
processes or parts its curve is the same to the rounding of floats, dropout's draws aside.
"""

from __future__ import annotations

from dataclasses import dataclass

from audiostory.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Device, processes, memory savers, checkpoints and reports of one run."""

    device: str = "cpu"
    """Where to compute; of many processes on GPUs, each takes the GPU of its local rank."""
    bf16: bool | None = None
    """Compute in bfloat16 (autocast); weights, moments and averages stay as they are. None does as
    the stage says."""
    num_workers: int = 0
    """Processes that make batches ahead."""
    accumulate: int = 1
    """Parts of a step's batch that a process computes one after another, to save memory."""
    checkpoint_activations: bool = False
    """Compute activations within blocks of the LLM and the DiT again in the backward pass."""
    shard: bool = False
    """Share out weights, gradients and moments over the processes (FSDP2); else each holds them
    all (DDP)."""
    save_every_s: float = 180.0
    """Seconds between checkpoints: what a kill can cost at most."""
    stop_after_s: float | None = None
    """Stop and checkpoint after so many seconds; None runs to the last step."""
    samples_every: int = 0
    """Render a few captions to wav after every so many steps; 0 never does."""
    tensorboard: bool = False
    """Write the numbers for TensorBoard, too."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: for fewer than one part, or samples of weights that are shared out.
        """
        if self.accumulate < 1:
            raise ConfigError(f"accumulate is {self.accumulate}: 1 computes a batch at once")
        if self.shard and self.samples_every:
            raise ConfigError(
                "weights that are shared out cannot render samples: leave --samples-every out and "
                "listen to the exported model"
            )
