"""What runs learn from: clips, latents, text features, stories, tokens; each made when needed.

Everything costly is made once and kept in the cache folder of the model's runs, under a key that
changes with what it was made from.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, cycle
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from audiostory.data.blocks import Teacher, collate, lone_story, packed
from audiostory.data.cache import (
    Parts,
    Ragged,
    cached,
    key_of,
    key_of_tensors,
    pack,
    write_tensors,
    written,
)
from audiostory.data.latents import clip_latents, event_latents
from audiostory.data.manifest import SoundRow
from audiostory.data.preferences import PreferencePairs
from audiostory.data.sounds import (
    SIXTEEN_BIT,
    SoundSampler,
    check_lengths,
    contents_of,
    encode_all,
    load_rows,
    load_waveforms,
    step_generator,
)
from audiostory.data.stories import StoryFile, story_of
from audiostory.data.targets import KeptTargets, text_targets
from audiostory.data.understanding.catalogue import rows_of_lists
from audiostory.data.understanding.continuation import Continuation, continuations
from audiostory.data.understanding.corpus import heard_rows
from audiostory.data.understanding.features import Heard, beginning_features, row_features
from audiostory.data.understanding.rows import HeardRow
from audiostory.data.wordings import wordings
from audiostory.errors import TrainingError
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.codec import NanoCodec
from audiostory.models.model_folder import Pretrained
from audiostory.models.targets import PooledSpans, SemanticTarget, build_target
from audiostory.models.text_encoder import TextEncoder
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.models.vae import Autoencoder
from audiostory.story.format import target_text
from audiostory.train.objective import read_blocks
from audiostory.train.paths import Paths
from audiostory.train.teachers import check_teacher, text_encoder_of, token_meanings
from audiostory.train.vocabulary import learned_vocabulary

log = logging.getLogger(__name__)

FIT_CLIPS = 1500
"""Clips whose patches the codec's principal axes are taken from."""
FIT_LOWEST_DB = -18.0
"""Lowest random gain of those clips."""
BRIDGE_BATCH = 64
"""Captions the LLM reads at once."""
LONE_DURATIONS_S = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Lengths that captions read alone are given in turn."""


class Materials:
    """The data of one model's runs."""

    def __init__(self, model: AudioStoryModel, paths: Paths, *, seed: int) -> None:
        self.model, self.paths, self.seed = model, paths, seed
        self.device = torch.device("cpu")
        """Where costly things are computed; they are kept, and returned, on the CPU."""

    @contextmanager
    def moved(self, module: nn.Module) -> Iterator[None]:
        """Within the block, a module computes where costly things do."""
        module.to(self.device)
        try:
            yield
        finally:
            module.to("cpu")

    def adopt(self, given: Pretrained) -> None:
        """Learn with the vocabulary and the latents of a finished model.

        Raises:
            TrainingError: if these runs have begun with others.
        """
        vocabulary, encoder = self.paths.runs / "tokenizer.json", self.encoder_path
        tensors = {f"codec.{name}": value for name, value in encoder_of(given.model.codec).items()}
        if vocabulary.exists() and vocabulary.read_text() != given.tokenizer.to_str():
            raise TrainingError(f"{vocabulary} is another vocabulary: use a fresh --runs folder")
        known = load_file(encoder) if encoder.exists() else tensors
        if tensors and any(not torch.equal(known[name], value) for name, value in tensors.items()):
            raise TrainingError(f"{encoder} is another encoder: use a fresh --runs folder")
        with written(vocabulary) as partial:
            partial.write_text(given.tokenizer.to_str())
        if tensors:
            write_tensors(tensors, encoder)

    @property
    def encoder_path(self) -> Path:
        """Where the runs keep the fitted encoder of nano's codec."""
        return self.paths.run("codec") / "encoder.safetensors"

    @cached_property
    def rows(self) -> list[SoundRow]:
        """The corpus' train split, without share-alike clips."""
        return load_rows(self.paths.need("corpus"), split="train")

    @cached_property
    def contents(self) -> list[str]:
        """Of each clip, a name that changes with its sound."""
        return contents_of(self.paths.need("corpus"), self.rows)

    @cached_property
    def waveforms(self) -> Ragged:
        """The clips, decoded."""
        corpus, cache = self.paths.need("corpus"), self.paths.cache
        waveforms = load_waveforms(corpus, self.rows, cache, contents=self.contents)
        check_lengths(self.rows, waveforms, self.model.codec.sample_rate_hz)
        return waveforms

    @property
    def codec(self) -> Autoencoder:
        """The model's codec: pretrained, or nano's with its fitted encoder."""
        codec = self.model.codec
        return self.nano_codec if isinstance(codec, NanoCodec) else codec

    @cached_property
    def nano_codec(self) -> NanoCodec:
        """The nano codec with its encoder fitted to the corpus, once for all runs.

        Raises:
            TrainingError: for a model whose codec comes with weights.
        """
        codec = self.model.codec
        if not isinstance(codec, NanoCodec):
            raise TrainingError(
                f"'{self.model.config.name}' has a pretrained codec: there is nothing to fit"
            )
        path = self.encoder_path
        if not path.exists():
            share_C = codec.fit(self.example_patches(codec))
            log.info("%d axes keep %.4f of the variance", len(share_C), float(share_C.sum()))
            fitted = {f"codec.{name}": value for name, value in encoder_of(codec).items()}
            write_tensors(fitted, path)
        self.model.load_state_dict(load_file(path), strict=False)
        return codec

    def example_patches(self, codec: NanoCodec) -> Tensor:
        """Log-mel patches of random clips at random gains."""
        generator, sampler = step_generator(self.seed, 0), SoundSampler(self.rows)
        patches: list[Tensor] = []
        for _ in range(FIT_CLIPS):
            samples = self.waveforms[sampler.draw(generator)].float()[None] / SIXTEEN_BIT
            gain = 10 ** (FIT_LOWEST_DB * float(torch.rand(1, generator=generator)) / 20)
            padded = functional.pad(samples * gain, (0, -samples.shape[1] % codec.hop))
            patches.append(codec.patches(padded)[0])
        return torch.cat(patches)

    @cached_property
    def codec_key(self) -> str:
        """A name that changes with what decides the latents."""
        codec = self.codec
        fitted = encoder_of(codec)
        return key_of_tensors(fitted or codec.state_dict())

    @cached_property
    def latents(self) -> Ragged | Parts:
        """Latents of every clip, or what they are drawn from (``Autoencoder.posterior``)."""
        if isinstance(self.codec, NanoCodec):
            key = key_of(self.codec_key, self.contents)
            return encode_all(self.waveforms, self.codec.encode, self.paths.cache, key=key)
        with self.moved(self.codec):
            return clip_latents(
                self.paths.need("corpus"),
                self.rows,
                self.codec,
                self.paths.cache,
                key=self.codec_key,
                contents=self.contents,
            )

    @cached_property
    def heard_rows(self) -> list[HeardRow]:
        """The recordings that questions are asked about: of the lists given, or the corpus."""
        return (
            rows_of_lists(self.paths.questions) if self.paths.questions else heard_rows(self.rows)
        )

    @cached_property
    def heard(self) -> Heard:
        """What the model's frozen ears make of these recordings.

        Raises:
            ShapeError: if the model is deaf.
        """
        self.model.codec = self.codec  # ears may hear through nano's: it is fitted now
        folder = Path() if self.paths.questions else self.paths.need("corpus")
        with self.moved(self.model):
            return row_features(self.model, folder, self.heard_rows, self.paths.cache)

    @cached_property
    def continuations(self) -> list[Continuation]:
        """The sounding stories of two events or more, each cut where it is to be told on from."""
        rows = (self.sounding[index] for index in range(len(self.sounding)))
        return continuations(rows, self.seed)

    @cached_property
    def beginnings(self) -> Heard:
        """What the model's frozen ears make of what is heard of each of ``continuations``.

        Raises:
            ShapeError: if the model is deaf.
        """
        self.model.codec = self.codec
        corpus, cache = self.paths.need("corpus"), self.paths.cache
        with self.moved(self.model):
            return beginning_features(self.model, corpus, self.continuations, cache)

    @property
    def frames_per_s(self) -> float:
        """Latent frames of one second."""
        return self.codec.sample_rate_hz / self.codec.hop

    def silence(self) -> Tensor:
        """The latent of digital silence, or what it is drawn from."""
        with torch.no_grad():
            silence_1CN = torch.zeros(1, self.codec.audio_channels, self.codec.hop)
            return self.codec.posterior(silence_1CN)[0, 0]

    @cached_property
    def texts(self) -> list[str]:
        """All wordings of all clips, each once."""
        return sorted({text for row in self.rows for text in wordings(row)})

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The frozen text encoder."""
        return text_encoder_of(self.paths.need("teacher"), self.model.config.bridge.target)

    def token_meanings(self) -> Tensor:
        """What the text encoder makes of each token of the vocabulary by itself, ``(V, F)``."""
        return token_meanings(self.text_encoder, self.tokenizer, self.model.config.llm.vocab_size)

    @cached_property
    def teacher(self) -> SemanticTarget:
        """What the semantic tokens learn; pooled spans are standardised over the corpus' wordings.

        Raises:
            TrainingError: if the text encoder is not as wide as the bridge, or not the one whose
                features of the empty text are the model's null condition.
        """
        config = self.model.config.bridge
        target = build_target(config.target, self.text_encoder, config.num_semantic)
        check_teacher(target, self.model.bridge, self.paths.need("teacher"))
        if isinstance(target, PooledSpans):
            path = self.paths.runs / "teacher.safetensors"
            if not path.exists():
                target.fit(self.texts)
                write_tensors({"mean_D": target.mean_D, "deviation_D": target.deviation_D}, path)
            target.load_state_dict(load_file(path), strict=False)
        return target

    def wording_features(self) -> Parts:
        """The teacher's features ``(S, D)`` of each of ``texts``, in half precision."""
        with self.moved(self.teacher):
            return text_targets(self.teacher, self.texts, self.paths.cache)

    def sounding_teacher(self) -> Teacher:
        """The teacher of the stories that sound: one that has read them all, if it is large."""
        if not self.teacher.is_kept:
            return self.teacher
        rows = (self.sounding[index] for index in range(len(self.sounding)))
        tokens = self.model.config.tokens
        texts = [target_text(clip, tokens) for row in rows for clip in story_of(row).clips]
        with self.moved(self.teacher):
            return KeptTargets.of(self.teacher, texts, self.paths.cache)

    def bridged_features(self) -> Tensor:
        """What the model's bridge says of each of ``texts`` now, ``(X, S, D)``, in half precision.

        Each wording is read as the caption of a story of that one sound.
        """
        model = self.model.eval()
        stories = [
            packed(lone_story(text, duration_s), self.tokenizer, model.config.tokens)
            for text, duration_s in zip(self.texts, cycle(LONE_DURATIONS_S), strict=False)
        ]

        @torch.no_grad()
        def compute() -> Ragged:
            batches = (
                collate(stories[start : start + BRIDGE_BATCH])
                for start in range(0, len(stories), BRIDGE_BATCH)
            )
            return pack(
                tokens_SD
                for batch in batches
                for tokens_SD in model.bridge.fuse(read_blocks(model, batch)).tokens_BSD.half()
            )

        weights = key_of_tensors({**model.llm.state_dict(), **model.bridge.state_dict()})
        key = key_of([story.ids for story in stories], weights)
        features = cached(self.paths.cache, "bridged", key, compute).values
        return features.view(len(stories), -1, model.config.bridge.width)

    def wording_indices(self) -> list[list[int]]:
        """For each clip, the rows of ``wording_features`` that describe it."""
        at = {text: index for index, text in enumerate(self.texts)}
        return [[at[text] for text in wordings(row)] for row in self.rows]

    @cached_property
    def stories(self) -> StoryFile:
        """The composed stories."""
        return StoryFile(self.paths.need("stories"))

    @cached_property
    def pairs(self) -> PreferencePairs:
        """The ranked sounds."""
        return PreferencePairs(self.paths.need("pairs"))

    @cached_property
    def sounding(self) -> StoryFile:
        """The composed stories that can be heard."""
        return StoryFile(self.paths.need("stories"), sounding=True)

    @cached_property
    def story_latents(self) -> Parts:
        """Latents of every clip of every sounding story, in order, or what they are drawn from."""
        corpus, cache = self.paths.need("corpus"), self.paths.cache
        with self.moved(self.codec):
            return event_latents(self.sounding, corpus, self.codec, cache, key=self.codec_key)

    def first_clips(self) -> list[int]:
        """Index in ``story_latents`` of each sounding story's first clip."""
        counts = (len(self.sounding[index].events) for index in range(len(self.sounding)))
        return list(accumulate(counts, initial=0))

    @cached_property
    def tokenizer(self) -> StoryTokenizer:
        """The tokenizer of the model's runs, learned from stories and texts if there is none."""
        path = self.paths.runs / "tokenizer.json"
        if not path.exists():
            learned = learned_vocabulary(self.model.config, self.stories, self.paths.texts)
            with written(path) as partial:
                partial.write_text(learned.to_str())
        return StoryTokenizer.from_file(path)


def encoder_of(codec: Autoencoder) -> dict[str, Tensor]:
    """The tensors that decide what latents mean, where the codec was fitted and not pretrained."""
    fitted = ("patch_mean_P", "axes_PC", "back_CP") if isinstance(codec, NanoCodec) else ()
    return {name: getattr(codec, name).detach().cpu().contiguous() for name in fitted}
