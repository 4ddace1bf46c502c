"""A model under training: earlier weights, a recipe's data and objective, the run, the export.

A run's folder ends up with ``weights.safetensors``: the averaged weights of what it trained,
under their names in ``AudioStoryModel``. The runs of one model share a folder; each starts from
what the earlier ones left there, and ``export`` joins them into a model folder.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from audiostory.data.cache import write_tensors
from audiostory.errors import TrainingError
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.copying import start_copying
from audiostory.models.foreign.tangoflux_checkpoint import start_dit_from_tangoflux
from audiostory.models.model_folder import from_pretrained, read_config, save_pretrained
from audiostory.models.seeding import seeded
from audiostory.models.tensor_files import opened_tensors
from audiostory.models.weights import stored
from audiostory.train.activations import checkpoint_activations
from audiostory.train.distributed import launched, whole
from audiostory.train.execution import Execution
from audiostory.train.materials import Materials
from audiostory.train.mixture import MixedBatches, MixedObjective, shares_of_steps
from audiostory.train.origins import origins_of
from audiostory.train.paths import Paths
from audiostory.train.readiness import missing_parts
from audiostory.train.run_folder import NOTE, WEIGHTS, Run
from audiostory.train.samples import CaptionSamples, SamplesEvery
from audiostory.train.sources import OBJECTIVES, SOURCES
from audiostory.train.splitting import ComputeLosses
from audiostory.train.stages import StageConfig
from audiostory.train.trainer import BatchAt, Trainer
from audiostory.train.watchers import LossPicture, TensorBoard, Watcher

log = logging.getLogger(__name__)

PREFERRED_BY = "preferred_by"
"""What a run's weights remember ``AudioStoryConfig.preferred_by`` under, in their metadata."""


class Workbench:
    """One model, its runs, and the data they learn from."""

    def __init__(self, config: AudioStoryConfig, paths: Paths, *, seed: int = 0) -> None:
        self.config, self.paths, self.seed = config, paths, seed
        with seeded(torch.Generator().manual_seed(seed)):
            self.model = AudioStoryModel(config)
        self.materials = Materials(self.model, paths, seed=seed)

    def train(
        self,
        stage: StageConfig,
        *,
        execution: Execution | None = None,
        watchers: Sequence[Watcher] = (),
        start: Path | None = None,
        tangoflux: Path | None = None,
    ) -> Path | None:
        """Run a stage, or go on with it; the path of its weights once it is complete.

        Args:
            stage: what to do.
            execution: how to compute it, and what to tell of it.
            watchers: told how it goes, besides those the execution names.
            start: a model folder to begin with, instead of what the stage begins with.
            tangoflux: folder of declare-lab/TangoFlux, whose DiT ours begins with (Sec. 5.1).

        Raises:
            TrainingError: if the stage needs what there is no code for, an earlier stage or a
                material is missing, its run was begun with others, or the loss is no number.
            CheckpointError: if ``start`` holds no sound model, or TangoFlux's DiT does not fit.
            DeviceMemoryError: if the run cannot fit its device.
            OutputError: if the disk is full; the last checkpoint is kept.
        """
        if missing := missing_parts(stage):
            raise TrainingError(f"{stage.name} cannot run yet: {'; '.join(missing)}")
        execution = execution or Execution()
        processes = launched(execution)
        self.materials.device = processes.device
        with processes.first_alone():
            batch_at, compute_losses = self.begin(stage, start=start, tangoflux=tangoflux)
            stage = stage.lasting(SOURCES[stage.data].num_samples(self.materials, stage))
            stage = self.marked(stage)
            origins = origins_of(stage, self.materials, start=start, tangoflux=tangoflux)
        run = Run(self.folder_of(stage.name), stage, processes, origins)
        if processes.is_first:
            watchers = [*watchers, *self.watchers(run, execution)]
        if execution.checkpoint_activations:
            checkpoint_activations(self.model)
        groups = self.model.to(processes.device).train().train_only(stage.trainable)
        trainer = Trainer(
            self.model,
            groups,
            compute_losses,
            batch_at,
            run,
            execution=execution,
            watchers=watchers,
        )
        if trainer.resume():
            log.info("%s goes on from step %d", stage.name, trainer.step)
        trainer.train()
        return self.keep(stage, trainer) if trainer.step == stage.steps else None

    def prepare(
        self,
        stage: StageConfig,
        *,
        device: str = "cpu",
        start: Path | None = None,
        tangoflux: Path | None = None,
    ) -> int:
        """Make and keep what a stage learns from, and train nothing; the number of its samples.

        Args:
            stage: whose data it is.
            device: where latents and features are computed.
            start: as in ``train``.
            tangoflux: as in ``train``.

        Raises:
            TrainingError: as ``train``.
            CorpusError: if something cannot be learned from.
        """
        self.materials.device = torch.device(device)
        self.begin(stage, start=start, tangoflux=tangoflux)
        return SOURCES[stage.data].num_samples(self.materials, stage)

    def begin(
        self, stage: StageConfig, *, start: Path | None, tangoflux: Path | None
    ) -> tuple[BatchAt, ComputeLosses]:
        """Give the model a stage's first weights; the stage's batches and its objective."""
        check_beginning(stage, self.config, self.paths, start=start, tangoflux=tangoflux)
        if start is None:
            STARTS[stage.initial](self)
            self.load(stage.starts_from)
        else:
            self.adopt(start)
        if tangoflux is not None:
            start_dit_from_tangoflux(self.model.dit, tangoflux)
        return self.batches(stage), self.losses(stage)

    def marked(self, stage: StageConfig) -> StageConfig:
        """The stage with what it learns from by name; the model remembers whose taste it learns."""
        marks = SOURCES[stage.data].marks(self.materials)
        self.remember(marks.preferred_by)
        return replace(stage, datasets=marks.datasets or stage.datasets)

    def remember(self, preferred_by: Sequence[str]) -> None:
        """Note networks that ranked what the model was tuned on, beside those it knows."""
        known = dict.fromkeys((*self.model.config.preferred_by, *preferred_by))
        self.model.config = replace(self.model.config, preferred_by=tuple(known))

    def watchers(self, run: Run, execution: Execution) -> list[Watcher]:
        """Those that an execution names."""
        watchers: list[Watcher] = [LossPicture()]
        if execution.tensorboard:
            watchers.append(TensorBoard(run.folder / "tensorboard"))
        if execution.samples_every:
            samples = CaptionSamples(self.model, self.materials, run.stage.objective)
            watchers.append(SamplesEvery(execution.samples_every, samples))
        return watchers

    def batches(self, stage: StageConfig) -> BatchAt:
        """The stage's batches by step; with mixed data, each step's of one kind."""
        kinds = [stage, *map(stage.learning_from, stage.mixed)]
        sources = [SOURCES[kind.data].build(self.materials, kind) for kind in kinds]
        if not stage.mixed:
            return sources[0]
        return MixedBatches(sources, shares_of_steps(stage), stage.seed).batch_at

    def losses(self, stage: StageConfig) -> ComputeLosses:
        """The stage's losses of a batch, whatever its kind."""
        kinds = [stage, *map(stage.learning_from, stage.mixed)]
        objectives = [OBJECTIVES[kind.objective].build(self.model, kind) for kind in kinds]
        return MixedObjective.of(objectives) if stage.mixed else objectives[0]

    def adopt(self, folder: Path) -> None:
        """Take over a finished model: weights, vocabulary, and the encoder its latents come from.

        A deaf one can learn to hear: ears that it lacks stay as they are.

        Raises:
            CheckpointError: if the folder holds no sound model.
            TrainingError: if the model has other sizes, or these runs have begun with another
                vocabulary or encoder.
        """
        check_sizes(folder, self.config)
        given = from_pretrained(folder)
        is_deaf = given.model.config.audio_encoder is None
        self.materials.adopt(given)
        self.model.load_state_dict(given.model.state_dict(), strict=not is_deaf)
        self.remember(given.model.config.preferred_by)

    def load(self, names: Sequence[str]) -> None:
        """Take over the weights that earlier runs of these stages left, in this order.

        Raises:
            TrainingError: if a run has left none yet, or weights of another model or recipe.
        """
        for name in names:
            path = self.folder_of(name) / WEIGHTS
            if not path.exists():
                raise TrainingError(f"no {path}: run 'audiostory train {name}' to its end first")
            try:
                result = self.model.load_state_dict(load_file(path), strict=False)
            except RuntimeError as error:
                raise TrainingError(f"{path} belongs to a model of other sizes: {error}") from error
            if result.unexpected_keys:
                raise TrainingError(
                    f"{path} holds weights this model does not have: {result.unexpected_keys[:3]}"
                )
            with safe_open(path, "pt") as file:
                self.remember(json.loads((file.metadata() or {}).get(PREFERRED_BY, "[]")))

    def folder_of(self, name: str) -> Path:
        """The folder of a stage's run.

        Raises:
            TrainingError: if it holds the run of a stage of another recipe.
        """
        folder = self.paths.run(name)
        described = folder / NOTE
        if described.exists() and (other := json.loads(described.read_text())["name"]) != name:
            raise TrainingError(
                f"{folder} holds a run of '{other}', not of '{name}': give another --runs folder"
            )
        return folder

    def keep(self, stage: StageConfig, trainer: Trainer) -> Path:
        """Write the averaged weights of what a stage trained, and the buffers beside them.

        Raises:
            OutputError: if they cannot be written; the last checkpoint has them, too.
        """
        trainer.averaged.copy_to(trainer.parameters)
        whole_weights = {name: whole(value.detach()) for name, value in stored(self.model).items()}
        modules = {name.partition(".")[0] for name in trainer.parameters}
        parameters = {name for name, _ in self.model.named_parameters()}
        weights = {
            name: value.cpu().contiguous()
            for name, value in whole_weights.items()
            if name in trainer.parameters
            or (name.partition(".")[0] in modules and name not in parameters)
        }
        path = self.paths.run(stage.name) / WEIGHTS
        if trainer.processes.is_first:
            known = self.model.config.preferred_by
            write_tensors(weights, path, {PREFERRED_BY: json.dumps(known)} if known else None)
        trainer.processes.wait()
        return path

    def export(
        self,
        folder: Path,
        *,
        stages: Sequence[str],
        dtype: torch.dtype,
        start: Path | None = None,
    ) -> None:
        """Join the weights of runs into a model folder (``checkpoint.save_pretrained``).

        Args:
            folder: where it goes.
            stages: whose weights, later over earlier ones.
            dtype: of what is stored.
            start: the finished model that these runs began with, for what they did not train.

        Raises:
            TrainingError: as ``load`` and ``adopt``.
            CheckpointError: if ``start`` holds no sound model.
        """
        if start is not None:
            self.adopt(start)
        self.load(stages)
        save_pretrained(self.model, self.materials.tokenizer, folder, dtype=dtype)


def check_sizes(folder: Path, config: AudioStoryConfig) -> None:
    """Refuse a finished model whose weights one of this configuration cannot take over.

    Raises:
        CheckpointError: if the folder holds no sound configuration.
        TrainingError: if the model has other sizes; one that only lacks ears is let pass.
    """
    given = read_config(folder)
    wanted = replace(config, preferred_by=given.preferred_by)
    if given.audio_encoder is None:
        wanted = replace(wanted, name=given.name, audio_encoder=None)
    if given != wanted:
        raise TrainingError(
            f"{folder} holds a '{given.name}' of other sizes than '{config.name}': "
            "give another --size, or begin with another model"
        )


def check_beginning(
    stage: StageConfig,
    config: AudioStoryConfig,
    paths: Paths,
    *,
    start: Path | None = None,
    tangoflux: Path | None = None,
) -> None:
    """Refuse first weights that do not fit, or fit together, before a model takes memory.

    Args:
        stage: what is to be run.
        config: the model it is to be run with.
        paths: what the run is given.
        start: the model folder that it is to begin with, instead of what the stage begins with.
        tangoflux: the folder whose DiT it is to begin with.

    Raises:
        CheckpointError: if a folder holds no sound configuration.
        TrainingError: if a model has other sizes, or TangoFlux's DiT would take the place of one
            that has learned.
    """
    if start is not None:
        check_sizes(start, config)
    elif stage.initial == "foundation":
        check_sizes(paths.need("foundation"), config)
    if tangoflux is None:
        return
    if start is not None:
        raise TrainingError(
            f"--tangoflux would overwrite the DiT of {start}: give it, or --from, not both"
        )
    for name in stage.starts_from:
        path = paths.run(name) / WEIGHTS
        if path.exists() and any(key.startswith("dit.") for key in opened_tensors(path).shapes):
            raise TrainingError(
                f"--tangoflux would overwrite the DiT that '{name}' has trained, which "
                f"'{stage.name}' begins with: leave it out"
            )


def random_start(bench: Workbench) -> None:
    """The weights are as they were drawn."""


def copying_start(bench: Workbench) -> None:
    """The LLM copies, and knows from the teacher which words are alike."""
    generator = torch.Generator().manual_seed(bench.seed)
    start_copying(bench.model.llm, generator, bench.materials.token_meanings())


def foundation_start(bench: Workbench) -> None:
    """The parts are pretrained, each by its maker (Sec. 5.1), and joined in a model's folder."""
    bench.adopt(bench.paths.need("foundation"))


STARTS: dict[str, Callable[[Workbench], None]] = {
    "random": random_start,
    "copying": copying_start,
    "foundation": foundation_start,
}
"""Kinds of first weights, by the names stages use."""
