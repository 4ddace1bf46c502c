"""A model under training: earlier weights, a recipe's data and objective, the run, the export.

A run's folder ends up with ``weights.safetensors``: the averaged weights of what it trained,
under their names in ``AudioStoryModel``. The runs of one model share a folder; each starts from
what the earlier ones left there, and ``export`` joins them into a model folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from audiostory.data.blocks import CaptionClips, StoryClips
from audiostory.data.sounds import SoundLatents, SoundSampler, SoundSegments
from audiostory.data.stories import StoryTexts
from audiostory.errors import TrainingError
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.codec import NanoCodec
from audiostory.models.copying import start_copying
from audiostory.models.foreign.tangoflux_checkpoint import start_dit_from_tangoflux
from audiostory.models.model_folder import from_pretrained, save_pretrained
from audiostory.models.seeding import seeded
from audiostory.models.weights import stored
from audiostory.train.activations import checkpoint_activations
from audiostory.train.distributed import launched, whole
from audiostory.train.execution import Execution
from audiostory.train.materials import Materials, Paths
from audiostory.train.objective import (
    CodecObjective,
    FlowObjective,
    StoryObjective,
    TextObjective,
)
from audiostory.train.run_folder import Run
from audiostory.train.samples import CaptionSamples, SamplesEvery
from audiostory.train.splitting import ComputeLosses
from audiostory.train.stages import StageConfig
from audiostory.train.trainer import BatchAt, Trainer
from audiostory.train.watchers import LossPicture, TensorBoard, Watcher

log = logging.getLogger(__name__)


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
            TrainingError: if an earlier stage or a material is missing, or the loss is no number.
            CheckpointError: if ``start`` holds no sound model, or TangoFlux's DiT does not fit.
            DeviceMemoryError: if the run cannot fit its device.
            OutputError: if the disk is full; the last checkpoint is kept.
        """
        execution = execution or Execution()
        processes = launched(execution)
        with processes.first_alone():
            batch_at, compute_losses = self.begin(stage, start=start, tangoflux=tangoflux)
        run = Run(self.paths.run(stage.name), stage, processes)
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

    def begin(
        self, stage: StageConfig, *, start: Path | None, tangoflux: Path | None
    ) -> tuple[BatchAt, ComputeLosses]:
        """Give the model a stage's first weights; the stage's batches and its objective."""
        if start is None:
            STARTS[stage.initial](self)
            self.load(stage.starts_from)
        else:
            self.adopt(start)
        if tangoflux is not None:
            start_dit_from_tangoflux(self.model.dit, tangoflux)
        batch_at = SOURCES[stage.data](self.materials, stage)
        return batch_at, OBJECTIVES[stage.objective](self.model, stage)

    def watchers(self, run: Run, execution: Execution) -> list[Watcher]:
        """Those that an execution names."""
        watchers: list[Watcher] = [LossPicture()]
        if execution.tensorboard:
            watchers.append(TensorBoard(run.folder / "tensorboard"))
        if execution.samples_every:
            samples = CaptionSamples(self.model, self.materials, run.stage.objective)
            watchers.append(SamplesEvery(execution.samples_every, samples))
        return watchers

    def adopt(self, folder: Path) -> None:
        """Take over a finished model: weights, vocabulary, and the encoder its latents come from.

        Raises:
            CheckpointError: if the folder holds no sound model.
            TrainingError: if the model has other sizes, or these runs have begun with another
                vocabulary or encoder.
        """
        given = from_pretrained(folder)
        if given.model.config != self.config:
            raise TrainingError(f"{folder} holds a '{given.model.config.name}' of other sizes")
        self.materials.adopt(given)
        self.model.load_state_dict(given.model.state_dict())

    def load(self, names: Sequence[str]) -> None:
        """Take over the weights that earlier runs of these recipes left, in this order.

        Raises:
            TrainingError: if a run has left none yet, or weights of another model.
        """
        for name in names:
            path = self.paths.run(name) / "weights.safetensors"
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

    def keep(self, stage: StageConfig, trainer: Trainer) -> Path:
        """Write the averaged weights of what a stage trained, and the buffers beside them."""
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
        path = self.paths.run(stage.name) / "weights.safetensors"
        temporary = path.with_suffix(".partial")
        if trainer.processes.is_first:
            save_file(weights, temporary)
            temporary.replace(path)
        trainer.processes.wait()
        return path

    def export(self, folder: Path, *, recipes: Sequence[str], dtype: torch.dtype) -> None:
        """Join the weights of runs into a model folder (``checkpoint.save_pretrained``)."""
        self.load(recipes)
        save_pretrained(self.model, self.materials.tokenizer, folder, dtype=dtype)


def random_start(bench: Workbench) -> None:
    """The weights are as they were drawn."""


def copying_start(bench: Workbench) -> None:
    """The LLM copies, and knows from the teacher which words are alike."""
    generator = torch.Generator().manual_seed(bench.seed)
    start_copying(bench.model.llm, generator, bench.materials.token_meanings())


STARTS: dict[str, Callable[[Workbench], None]] = {
    "random": random_start,
    "copying": copying_start,
}
"""Kinds of first weights, by the names stages use."""


def sound_segments(materials: Materials, stage: StageConfig) -> BatchAt:
    """Segments of waveforms."""
    return SoundSegments(
        materials.waveforms,
        SoundSampler(materials.rows),
        stage.seed,
        batch_size=stage.batch_size,
        num_samples=materials.codec.sample_rate_hz,  # fits the encoder, if no run has yet
    ).batch_at


def single_sounds(
    materials: Materials, stage: StageConfig, features_of: Callable[[Materials], Tensor]
) -> SoundLatents:
    """Latents of single sounds with features of their wordings."""
    return SoundLatents(
        latents=materials.latents,
        features=features_of(materials),
        wordings=materials.wording_indices(),
        silence_C=materials.silence(),
        sampler=SoundSampler(materials.rows),
        seed=stage.seed,
        frames_per_s=materials.frames_per_s,
        patch_frames=materials.model.config.dit.patch_frames,
        batch_size=stage.batch_size,
    )


def sound_latents(materials: Materials, stage: StageConfig) -> BatchAt:
    """Latents of single sounds with text features."""
    return single_sounds(materials, stage, Materials.wording_features).batch_at


def bridged_latents(materials: Materials, stage: StageConfig) -> BatchAt:
    """Latents of single sounds with what the model's own bridge says of their captions."""
    return single_sounds(materials, stage, Materials.bridged_features).batch_at


def caption_clips(materials: Materials, stage: StageConfig) -> BatchAt:
    """Bridge blocks of single sounds, and an eighth as many stories as text."""
    return CaptionClips(
        sounds=single_sounds(materials, stage, Materials.wording_features),
        texts=materials.texts,
        tokenizer=materials.tokenizer,
        tokens=materials.model.config.tokens,
        stories=told(materials, stage.seed, max(1, stage.batch_size // 8)),
    ).batch_at


def told(materials: Materials, seed: int, batch_size: int) -> StoryTexts:
    """Stories as text, sounding or not."""
    tokens = materials.model.config.tokens
    return StoryTexts(materials.stories, materials.tokenizer, tokens, seed, batch_size)


def story_texts(materials: Materials, stage: StageConfig) -> BatchAt:
    """Stories as text."""
    return told(materials, stage.seed, stage.batch_size).batch_at


def story_clips(materials: Materials, stage: StageConfig) -> BatchAt:
    """Bridge blocks with targets; with latents where the stage has a flow loss."""
    has_flow, config = bool(stage.weights.get("flow")), materials.model.config
    return StoryClips(
        stories=materials.sounding if has_flow else materials.stories,
        tokenizer=materials.tokenizer,
        tokens=config.tokens,
        teacher=materials.teacher,
        told=told(materials, stage.seed + 1, max(1, stage.batch_size // 2)),
        seed=stage.seed,
        batch_size=stage.batch_size,
        latents=materials.story_latents if has_flow else None,
        first_clips=materials.first_clips() if has_flow else (),
        frames_per_s=materials.frames_per_s,
        patch_frames=config.dit.patch_frames,
        max_frames=config.dit.max_frames,
    ).batch_at


SOURCES: dict[str, Callable[[Materials, StageConfig], BatchAt]] = {
    "sound_segments": sound_segments,
    "sound_latents": sound_latents,
    "bridged_latents": bridged_latents,
    "caption_clips": caption_clips,
    "story_texts": story_texts,
    "story_clips": story_clips,
}
"""Kinds of training data, by the names stages use."""


def codec_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Reconstruction of the waveform."""
    assert isinstance(model.codec, NanoCodec)  # materials.codec has refused others
    return CodecObjective(model.codec)


def text_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Eq. 2."""
    return TextObjective(model.llm)


def flow_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Eq. 5 on single sounds."""
    return FlowObjective(model)


def story_objective(model: AudioStoryModel, stage: StageConfig) -> ComputeLosses:
    """Eq. 6 to 8."""
    return StoryObjective(model, has_flow=bool(stage.weights.get("flow")))


OBJECTIVES: dict[str, Callable[[AudioStoryModel, StageConfig], ComputeLosses]] = {
    "codec": codec_objective,
    "text": text_objective,
    "flow": flow_objective,
    "story": story_objective,
}
"""Kinds of losses, by the names stages use."""
