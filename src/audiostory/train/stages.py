"""What one training run does, as data: trainable groups, losses, optimiser, length.

Source: AudioStory Sec. 4.3 and Table 10. Only ``objective.py`` knows how a loss is computed, only
``parameter_groups`` knows the modules, only ``data/mixture.py`` knows the batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW, warm-up, cosine decay, gradient clipping, averaged weights."""

    learning_rate: float = 3e-4
    """Peak rate of every group that names none of its own."""
    group_rates: Mapping[str, float] = field(default_factory=dict)
    """Peak rate per parameter group, where it differs (Table 10, Stage III)."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Moment decays; TangoFlux's own values."""
    weight_decay: float = 1e-2
    """Decoupled decay of matrices; vectors are not decayed."""
    warmup_steps: int = 200
    """Steps of linear warm-up."""
    final_rate: float = 0.05
    """Share of the peak rate left at the last step."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    ema_decay: float = 0.999
    """Decay of the averaged weights that are kept at the end; 0 keeps the last weights."""


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One run of the one loop."""

    name: str
    """Name of the stage, as in the paper where it has one."""
    objective: str
    """Entry of ``objective.OBJECTIVES``."""
    data: str
    """Entry of ``workbench.SOURCES``."""
    trainable: tuple[str, ...]
    """Parameter groups that learn; all others are frozen."""
    weights: Mapping[str, float]
    """Weight of each loss in the sum (lambda of Eq. 6-8); 0 means not computed."""
    initial: str = "random"
    """Entry of ``workbench.STARTS``: the weights before ``starts_from``."""
    starts_from: tuple[str, ...] = ()
    """Recipes whose weights the run begins with, later ones over earlier ones."""
    optim: OptimConfig = OptimConfig()
    """The optimiser."""
    steps: int = 10_000
    """Steps of the whole run."""
    batch_size: int = 32
    """Clips or stories in a batch; four-second clips where their length varies."""
    seed: int = 0
    """Seeds data order, noise levels and noise."""
