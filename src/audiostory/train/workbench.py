"""What a recipe needs, put together: the model, earlier weights, data, objective.

A run's folder ends up with ``weights.safetensors``: the averaged weights of what it trained,
under their names in ``AudioStoryModel``. The runs of one model share a folder; each starts from
what the earlier ones left there, and ``export`` joins them into a model folder.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from audiostory.data.blocks import StoryClips
from audiostory.data.cache import Ragged, cached, key_of, key_of_tensors, pack
from audiostory.data.manifest import SoundRow
from audiostory.data.mixing import Mixer
from audiostory.data.sounds import (
    SIXTEEN_BIT,
    SoundLatents,
    SoundSampler,
    SoundSegments,
    check_lengths,
    encode_all,
    load_rows,
    load_waveforms,
    step_generator,
)
from audiostory.data.stories import StoryFile, StoryTexts, story_of
from audiostory.data.wordings import wordings
from audiostory.errors import TrainingError
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.checkpoint import save_pretrained, stored
from audiostory.models.codec import NanoCodec
from audiostory.models.seeding import seeded
from audiostory.models.targets import PooledSpans
from audiostory.models.text_encoder import ALL_MINILM_L6_V2_SHA256, TextEncoder
from audiostory.models.tokenizer import StoryTokenizer, train_byte_bpe
from audiostory.story.format import render
from audiostory.train.objective import (
    CodecObjective,
    FlowObjective,
    StoryObjective,
    TextObjective,
)
from audiostory.train.stages import StageConfig
from audiostory.train.trainer import BatchAt, ComputeLosses, Run, Trainer

log = logging.getLogger(__name__)

FIT_CLIPS = 1500
"""Clips whose patches the codec's principal axes are taken from."""
TOKENIZER_STORIES = 12_000
"""Stories whose text the tokenizer's merges are learned from."""


@dataclass(frozen=True, kw_only=True)
class Materials:
    """Where runs find what they learn from, and where they keep what they make."""

    folder: Path
    """Folder of the model's runs; each recipe has one of its own in it."""
    corpus: Path | None = None
    """Folder of captioned clips with a ``metadata.jsonl``."""
    stories: Path | None = None
    """JSON Lines of composed stories."""
    texts: Path | None = None
    """Folder of ``*.txt`` whose lines the tokenizer also learns from."""
    teacher: Path | None = None
    """Folder of the text encoder whose features semantic tokens learn."""

    def need(self, name: str) -> Path:
        """The path called ``name``, or an error that says how to give it."""
        path: Path | None = getattr(self, name)
        if path is None:
            raise TrainingError(f"this recipe needs {name}: give --{name} (docs/nano.md)")
        return path


class Workbench:
    """A model under training and everything around it; parts are made when first needed."""

    def __init__(self, config: AudioStoryConfig, materials: Materials, *, seed: int = 0) -> None:
        self.config, self.materials, self.seed = config, materials, seed
        self.cache = materials.folder / "cache"
        with seeded(torch.Generator().manual_seed(seed)):
            self.model = AudioStoryModel(config)

    # ---- what earlier runs left -------------------------------------------------------------

    def load(self, names: Sequence[str]) -> None:
        """Take over the weights that earlier runs of these recipes left.

        Raises:
            TrainingError: if a run has left none yet, or weights of another shape.
        """
        for name in names:
            path = self.run_folder(name) / "weights.safetensors"
            if not path.exists():
                raise TrainingError(f"no {path}: run 'audiostory train {name}' to its end first")
            try:
                result = self.model.load_state_dict(load_file(path), strict=False)
            except RuntimeError as error:
                raise TrainingError(f"{path} belongs to a model of other sizes: {error}") from error
            if result.unexpected_keys:
                raise TrainingError(f"{path} holds unknown weights {result.unexpected_keys[:3]}")

    def run_folder(self, recipe: str) -> Path:
        """Folder of one recipe's run."""
        return self.materials.folder / recipe.rpartition("/")[2]

    def keep(self, stage: StageConfig, trainer: Trainer) -> Path:
        """Write the averaged weights of the modules a stage trained, with their buffers."""
        trainer.averaged.copy_to(trainer.parameters)
        modules = {name.partition(".")[0] for name in trainer.parameters}
        weights = {
            name: value.detach().cpu().contiguous()
            for name, value in stored(self.model).items()
            if name in trainer.parameters
            or (name.partition(".")[0] in modules and name not in self.parameter_names)
        }
        path = self.run_folder(stage.name) / "weights.safetensors"
        temporary = path.with_suffix(".partial")
        save_file(weights, temporary)
        temporary.replace(path)
        return path

    @cached_property
    def parameter_names(self) -> frozenset[str]:
        """Names of all parameters, as against buffers."""
        return frozenset(name for name, _ in self.model.named_parameters())

    def export(self, folder: Path, *, recipes: Sequence[str], dtype: torch.dtype) -> None:
        """Join the weights of runs into a model folder (``checkpoint.save_pretrained``)."""
        self.load(recipes)
        save_pretrained(self.model, self.tokenizer, folder, dtype=dtype)

    # ---- materials --------------------------------------------------------------------------

    @cached_property
    def rows(self) -> list[SoundRow]:
        """The corpus' train split, without share-alike clips."""
        return load_rows(self.materials.need("corpus"), split="train")

    @cached_property
    def waveforms(self) -> Ragged:
        """The clips, decoded."""
        corpus = self.materials.need("corpus")
        waveforms = load_waveforms(corpus, self.rows, self.cache)
        check_lengths(self.rows, waveforms, self.model.codec.sample_rate_hz)
        return waveforms

    @cached_property
    def codec(self) -> NanoCodec:
        """The nano codec with its encoder fitted to the corpus, once for all runs."""
        codec = self.model.codec
        if not isinstance(codec, NanoCodec):
            raise TrainingError(f"'{self.config.name}' has a pretrained codec: nothing to fit")
        path = self.run_folder("codec") / "encoder.safetensors"
        if not path.exists():
            share_C = codec.fit(self.example_patches(codec))
            log.info("%d axes keep %.4f of the variance", len(share_C), float(share_C.sum()))
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file({f"codec.{name}": value for name, value in encoder_of(codec).items()}, path)
        self.model.load_state_dict(load_file(path), strict=False)
        return codec

    def example_patches(self, codec: NanoCodec) -> Tensor:
        """Log-mel patches of random clips at random gains."""
        generator, sampler = step_generator(self.seed, 0), SoundSampler(self.rows)
        patches: list[Tensor] = []
        for _ in range(FIT_CLIPS):
            samples = self.waveforms[sampler.draw(generator)].float()[None] / SIXTEEN_BIT
            gain = 10 ** (-18 * float(torch.rand(1, generator=generator)) / 20)
            padded = functional.pad(samples * gain, (0, -samples.shape[1] % codec.hop))
            patches.append(codec.patches(padded)[0])
        return torch.cat(patches)

    @cached_property
    def latents(self) -> Ragged:
        """Latents of every clip."""
        key = key_of(key_of_tensors(encoder_of(self.codec)), [row.file for row in self.rows])
        return encode_all(self.waveforms, self.codec.encode, self.cache, key=key)

    @cached_property
    def silence_C(self) -> Tensor:  # noqa: N802
        """The latent of digital silence."""
        with torch.no_grad():
            return self.codec.encode(torch.zeros(1, 1, self.codec.hop))[0, 0]

    @cached_property
    def teacher(self) -> PooledSpans:
        """The teacher of the semantic tokens, standardised over the corpus' wordings."""
        folder = self.materials.need("teacher")
        encoder = TextEncoder.from_folder(folder, sha256=ALL_MINILM_L6_V2_SHA256)
        target = PooledSpans(encoder, self.config.bridge.num_semantic)
        path = self.materials.folder / "teacher.safetensors"
        if not path.exists():
            target.fit(self.texts)
            save_file({"mean_D": target.mean_D, "deviation_D": target.deviation_D}, path)
        target.load_state_dict(load_file(path), strict=False)
        return target

    @cached_property
    def texts(self) -> list[str]:
        """All wordings of all clips, each once."""
        return sorted({text for row in self.rows for text in wordings(row)})

    def features(self, texts: Sequence[str], name: str) -> Ragged:
        """The teacher's features of texts, one array ``(S, D)`` each, in half precision."""

        def compute() -> Ragged:
            batches = (texts[start : start + 64] for start in range(0, len(texts), 64))
            return pack(chain.from_iterable(self.teacher(batch).half() for batch in batches))

        statistics = {"mean": self.teacher.mean_D, "deviation": self.teacher.deviation_D}
        return cached(self.cache, name, key_of(texts, key_of_tensors(statistics)), compute)

    @cached_property
    def stories(self) -> StoryFile:
        """The composed stories."""
        return StoryFile(self.materials.need("stories"))

    @cached_property
    def sounding(self) -> StoryFile:
        """The composed stories that can be heard."""
        return StoryFile(self.materials.need("stories"), sounding=True)

    @cached_property
    def story_latents(self) -> Ragged:
        """Latents of every clip of every sounding story, in order."""
        mixer = Mixer(self.materials.need("corpus"), self.codec.sample_rate_hz)

        @torch.no_grad()
        def compute() -> Ragged:
            rows = (self.sounding[index] for index in range(len(self.sounding)))
            return pack(
                self.codec.encode(torch.from_numpy(mixer.event(row, index))[None, None])[0].half()
                for row in rows
                for index in range(len(row.events))
            )

        digest = hashlib.sha256(b"\n".join(self.sounding.lines)).hexdigest()
        key = key_of(digest, key_of_tensors(encoder_of(self.codec)))
        return cached(self.cache, "story-latents", key, compute)

    @cached_property
    def first_clips(self) -> list[int]:
        """Index in ``story_latents`` of each sounding story's first clip."""
        counts = [len(self.sounding[index].events) for index in range(len(self.sounding))]
        return list(accumulate(counts, initial=0))

    @cached_property
    def tokenizer(self) -> StoryTokenizer:
        """The tokenizer of the model's runs, learned from stories and texts where there is none."""
        path = self.materials.folder / "tokenizer.json"
        if not path.exists():
            learned = train_byte_bpe(
                self.tokenizer_texts(),
                self.config.llm.vocab_size,
                ["<|endoftext|>", *self.config.markers],
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(learned.to_str())
        return StoryTokenizer.from_file(path)

    def tokenizer_texts(self) -> list[str]:
        """Instructions and stories as the model reads and writes them, and other captions."""
        texts: list[str] = []
        for index in range(min(TOKENIZER_STORIES, len(self.stories))):
            row = self.stories[index]
            texts += [row.instruction, render(story_of(row), self.config.tokens)]
        for path in sorted((self.materials.texts or Path("/nowhere")).glob("*.txt")):
            texts += path.read_text().splitlines()
        return texts

    # ---- data sources and objectives, by the names stages use -------------------------------

    def sound_segments(self, stage: StageConfig) -> BatchAt:
        """Segments of waveforms."""
        data = SoundSegments(
            self.waveforms, SoundSampler(self.rows), stage.seed, batch_size=stage.batch_size
        )
        return data.batch_at

    def sound_latents(self, stage: StageConfig) -> BatchAt:
        """Latents of single sounds with text features."""
        at = {text: index for index, text in enumerate(self.texts)}
        shape = (-1, self.config.bridge.num_semantic, self.config.bridge.width)
        data = SoundLatents(
            latents=self.latents,
            features=self.features(self.texts, "wordings").values.view(shape),
            wordings=[[at[text] for text in wordings(row)] for row in self.rows],
            silence_C=self.silence_C,
            sampler=SoundSampler(self.rows),
            seed=stage.seed,
            frames_per_s=self.codec.sample_rate_hz / self.codec.hop,
            patch_frames=self.config.dit.patch_frames,
            batch_size=stage.batch_size,
        )
        return data.batch_at

    def story_texts(self, stage: StageConfig) -> BatchAt:
        """Stories as text."""
        data = StoryTexts(
            self.stories, self.tokenizer, self.config.tokens, stage.seed, stage.batch_size
        )
        return data.batch_at

    def story_clips(self, stage: StageConfig) -> BatchAt:
        """Bridge blocks with targets; with latents where the flow loss asks for them."""
        has_flow = bool(stage.weights.get("flow"))
        data = StoryClips(
            stories=self.sounding if has_flow else self.stories,
            tokenizer=self.tokenizer,
            tokens=self.config.tokens,
            teacher=self.teacher,
            seed=stage.seed,
            batch_size=stage.batch_size,
            latents=self.story_latents if has_flow else None,
            first_clips=self.first_clips if has_flow else (),
            frames_per_s=self.codec.sample_rate_hz / self.codec.hop,
            patch_frames=self.config.dit.patch_frames,
            max_frames=self.config.dit.max_frames,
        )
        return data.batch_at

    def codec_objective(self, stage: StageConfig) -> ComputeLosses:
        """Reconstruction of the waveform."""
        return CodecObjective(self.codec)

    def text_objective(self, stage: StageConfig) -> ComputeLosses:
        """Eq. 2."""
        return TextObjective(self.model.llm)

    def flow_objective(self, stage: StageConfig) -> ComputeLosses:
        """Eq. 5 under text features."""
        return FlowObjective(
            self.model.dit, self.model.bridge.null_condition, self.config.flow.noise_levels
        )

    def story_objective(self, stage: StageConfig) -> ComputeLosses:
        """Eq. 6 to 8."""
        return StoryObjective(self.model, has_flow=bool(stage.weights.get("flow")))

    # ---- the run ----------------------------------------------------------------------------

    def train(
        self,
        stage: StageConfig,
        *,
        device: str = "cpu",
        bf16: bool = False,
        stop_after_s: float | None = None,
    ) -> Path | None:
        """Run a stage, or go on with it; the path of its weights once it is complete.

        Raises:
            TrainingError: if an earlier stage or a material is missing, or the loss is no number.
        """
        self.load(stage.starts_from)
        batch_at, compute_losses = (
            SOURCES[stage.data](self, stage),
            OBJECTIVES[stage.objective](self, stage),
        )
        groups = self.model.to(device).train_only(stage.trainable)
        run = Run(self.run_folder(stage.name), stage)
        trainer = Trainer(groups, compute_losses, batch_at, run, device=device, bf16=bf16)
        if trainer.resume():
            log.info("%s goes on from step %d", stage.name, trainer.step)
        trainer.train(stop_after_s=stop_after_s)
        return self.keep(stage, trainer) if trainer.step == stage.steps else None


Maker = Callable[[Workbench, StageConfig], BatchAt]
SOURCES: dict[str, Maker] = {
    "sound_segments": Workbench.sound_segments,
    "sound_latents": Workbench.sound_latents,
    "story_texts": Workbench.story_texts,
    "story_clips": Workbench.story_clips,
}
"""Kinds of training data, by the names stages use."""

OBJECTIVES: dict[str, Callable[[Workbench, StageConfig], ComputeLosses]] = {
    "codec": Workbench.codec_objective,
    "text": Workbench.text_objective,
    "flow": Workbench.flow_objective,
    "story": Workbench.story_objective,
}
"""Kinds of losses, by the names stages use."""


def encoder_of(codec: NanoCodec) -> dict[str, Tensor]:
    """The tensors that decide what latents mean."""
    return {
        name: getattr(codec, name).detach().cpu().contiguous()
        for name in ("patch_mean_P", "axes_PC", "back_CP")
    }
