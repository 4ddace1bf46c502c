"""What one training run does, as data: trainable groups, losses, data, optimiser, length.

Source: AudioStory Sec. 4.3, Eq. 6-8, and Table 10, whose rows are fields here. Only
``objective.py`` knows how a loss is computed, only ``parameter_groups`` knows the modules, only
``sources.SOURCES`` knows the batches. Stages are put together in ``recipes/``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from audiostory.errors import ConfigError

NEVER_NULL = frozenset({"released", "preference"})
"""Objectives whose flow loss sees no null condition."""


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
    """Decoupled decay of matrices, TangoFlux's own value; vectors are not decayed."""
    warmup_steps: int = 200
    """Steps of linear warm-up."""
    final_rate: float = 0.05
    """Share of the peak rate left at the last step."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    ema_decay: float = 0.999
    """Decay of the averaged weights that are kept at the end; 0 keeps the last weights."""


@dataclass(frozen=True, kw_only=True)
class MixedSource:
    """Data that a run learns from beside its own: understanding in Stages II and III."""

    name: str
    """Entry of ``sources.SOURCES``."""
    objective: str
    """Entry of ``sources.OBJECTIVES``: what is computed on its batches."""
    ratio: float
    """Samples of it for each sample of the stage's own data; 2 is two to one."""
    batch_size: int
    """Samples in one of its batches; a batch holds one kind of data. Of understanding, questions
    with their answers."""
    num_questions: int | None = None
    """Questions asked about each recording, where samples are questions; None is the default of
    ``data/understanding/sequences.py``."""
    datasets: tuple[str, ...] = ()
    """What the source trained on, by name."""


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One run of the one loop.

    Raises:
        ConfigError: if the run has no length, ``null_share`` is no share, or its objective does not
            heed ``training_divides``.
    """

    name: str
    """The recipe's name, a slash, and the stage's, as in the paper where it has one."""
    objective: str
    """Entry of ``sources.OBJECTIVES``."""
    data: str
    """Entry of ``sources.SOURCES``."""
    trainable: tuple[str, ...]
    """Parameter groups that learn; all others are frozen (Table 10, "Trainable", "Frozen")."""
    weights: Mapping[str, float]
    """Weight of each loss in the sum (lambda of Eq. 6-8); 0 means not computed. The names are the
    objectives'; ``reason.event_count``, ``reason.content`` and ``reason.caption`` are the terms of
    Eq. 2, each with lambda_3 times its own weight."""
    initial: str = "random"
    """Entry of ``workbench.STARTS``: the weights before ``starts_from``."""
    starts_from: tuple[str, ...] = ()
    """Stages whose weights the run begins with, later ones over earlier ones."""
    optim: OptimConfig = OptimConfig()
    """The optimiser (Table 10, "lr")."""
    steps: int = 0
    """Steps of the whole run; 0 leaves it to ``epochs``."""
    epochs: float = 0.0
    """Times that as many samples are drawn of the stage's own data as there are, where ``steps``
    does not say how long (Table 10, "epoch")."""
    batch_size: int = 32
    """Samples of the stage's own data in a batch, over all GPUs (Table 10, "batch size"): clips,
    four-second ones where their length varies, stories, or questions with their answers."""
    num_questions: int | None = None
    """As in ``MixedSource``, of the stage's own data."""
    num_gpus: int = 1
    """GPUs that the batch was spread over where the values come from; any number will do."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What is computed in, unless a run is told otherwise; weights stay float32."""
    noise_levels: Literal["uniform", "logit_normal"] | None = None
    """How t of Eq. 5 is drawn; None leaves it to the model's own ``flow.noise_levels``."""
    preference_beta: float | None = None
    """How closely preference tuning holds to its beginning: beta of DPO (arXiv:2305.18290), here
    for mean squared errors of velocities; None where no preference is learnt."""
    null_share: float = 0.1
    """How often the flow loss sees the null condition instead of a clip's, for guidance; 0 leaves
    that to a null condition that was never trained, as the released code does. Those of
    ``NEVER_NULL`` take no other number."""
    training_divides: Literal["once", "twice"] | None = None
    """How often the objective ``released`` divides by ``feature_scale`` on the way to the DiT; None
    leaves it to the model's ``bridge.training_divides``."""
    datasets: tuple[str, ...] = ()
    """What the source trained on, by name (Table 10, "Dataset"); what a run here learns from is
    what the command is given."""
    mixed: tuple[MixedSource, ...] = ()
    """Further kinds of data in the same run."""
    size: str | None = None
    """Entry of ``models.audiostory.SIZES``: the size it is meant for, where that is another than
    the recipe's."""
    seed: int = 0
    """Seeds data order, noise levels and noise."""
    cited: Mapping[str, str] = field(default_factory=dict)
    """Where values come from, by dotted field name; what is not here is our choice."""

    def __post_init__(self) -> None:
        """Refuse a run without end, a share that is none, and a choice that would do nothing."""
        if self.steps <= 0 and self.epochs <= 0:
            raise ConfigError(f"{self.name} has no length: give steps or epochs")
        if not 0 <= self.null_share <= 1:
            raise ConfigError(f"{self.name}: null_share is {self.null_share}, give 0 to 1")
        if self.null_share and self.objective in NEVER_NULL:
            raise ConfigError(
                f"{self.name}: the objective '{self.objective}' leaves no condition out: give "
                "null_share 0"
            )
        if self.training_divides and self.objective != "released":
            raise ConfigError(
                f"{self.name}: the objective '{self.objective}' divides as the model does: set "
                "bridge.training_divides of its size instead of the stage's"
            )

    @property
    def own_share(self) -> float:
        """Share of all steps whose batch is of the stage's own data."""
        own, others = 1 / self.batch_size, (one.ratio / one.batch_size for one in self.mixed)
        return own / (own + sum(others))

    def lasting(self, num_samples: int) -> StageConfig:
        """The stage with its number of steps, for so many samples of its own data."""
        if self.steps:
            return self
        own_steps = self.epochs * num_samples / self.batch_size
        return replace(self, steps=max(1, math.ceil(own_steps / self.own_share)))

    def resized(self, batch_size: int) -> StageConfig:
        """The stage with another batch; those of mixed data change in proportion."""
        mixed = tuple(
            replace(one, batch_size=max(1, round(one.batch_size * batch_size / self.batch_size)))
            for one in self.mixed
        )
        return replace(self, batch_size=batch_size, mixed=mixed)

    def learning_from(self, source: MixedSource) -> StageConfig:
        """The stage as its data would be that source alone: what builds its batches and losses."""
        return replace(
            self,
            data=source.name,
            objective=source.objective,
            batch_size=source.batch_size,
            num_questions=source.num_questions,
            datasets=source.datasets,
            mixed=(),
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named course of stages, in the order they are run.

    Raises:
        ConfigError: if a stage is not named after the recipe, or starts from one that comes later.
    """

    name: str
    """Name of the recipe, and of the folder its runs are kept in."""
    about: str
    """What it is, in a line."""
    size: str
    """Entry of ``models.audiostory.SIZES``: the size it is meant for."""
    language_model: str
    """What the language model begins as."""
    stages: tuple[StageConfig, ...]
    """The stages; their names are the recipe's, a slash, and their own."""

    def __post_init__(self) -> None:
        """Refuse stages that do not make a course."""
        known: list[str] = []
        for stage in self.stages:
            if stage.name.rpartition("/")[0] != self.name:
                raise ConfigError(f"stage '{stage.name}' of recipe '{self.name}': name it after it")
            if strange := [name for name in stage.starts_from if name not in known]:
                raise ConfigError(f"'{stage.name}' starts from '{strange[0]}': put that before it")
            known.append(stage.name)
