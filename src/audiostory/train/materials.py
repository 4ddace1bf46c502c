"""What runs learn from: clips, latents, text features, stories, tokens; each made when needed.

Everything costly is made once and kept in the cache folder of the model's runs, under a key that
changes with what it was made from.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, cycle
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from audiostory.data.blocks import collate, lone_story, packed
from audiostory.data.cache import (
    Ragged,
    cached,
    key_of,
    key_of_tensors,
    pack,
    sha256_of,
    write_tensors,
    written,
)
from audiostory.data.manifest import SoundRow
from audiostory.data.mixing import Mixer
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
from audiostory.data.understanding.corpus import heard_rows
from audiostory.data.understanding.features import Heard, row_features
from audiostory.data.understanding.rows import HeardRow
from audiostory.data.wordings import wordings
from audiostory.errors import TrainingError
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.codec import NanoCodec
from audiostory.models.model_folder import Pretrained
from audiostory.models.targets import PooledSpans, span_means
from audiostory.models.text_encoder import ALL_MINILM_L6_V2_SHA256, TextEncoder
from audiostory.models.tokenizer import StoryTokenizer, train_byte_bpe
from audiostory.models.vae import Autoencoder
from audiostory.story.format import render
from audiostory.train.objective import read_blocks

log = logging.getLogger(__name__)

FIT_CLIPS = 1500
"""Clips whose patches the codec's principal axes are taken from."""
FIT_LOWEST_DB = -18.0
"""Lowest random gain of those clips."""
TOKENIZER_STORIES = 12_000
"""Stories whose text the tokenizer's merges are learned from."""
TEACHER_BATCH = 64
"""Texts the teacher reads at once."""
BRIDGE_BATCH = 64
"""Captions the LLM reads at once."""
LONE_DURATIONS_S = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Lengths that captions read alone are given in turn."""


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where runs find what they learn from, and where they keep what they make."""

    runs: Path
    """Folder of the model's runs; each recipe has one of its own in it."""
    corpus: Path | None = None
    """Folder of captioned clips with a ``metadata.jsonl``."""
    stories: Path | None = None
    """JSON Lines of composed stories."""
    texts: Path | None = None
    """Folder of ``*.txt`` whose lines the tokenizer also learns from."""
    teacher: Path | None = None
    """Folder of the text encoder whose features semantic tokens learn."""
    foundation: Path | None = None
    """Folder of a model whose parts are pretrained, for recipes that begin with one."""
    pairs: Path | None = None
    """Folder of sounds, one preferred to another (``audiostory preferences``)."""

    def need(self, name: str) -> Path:
        """The path called ``name``.

        Raises:
            TrainingError: saying which option gives it, if it was not given.
        """
        path: Path | None = getattr(self, name)
        if path is None:
            raise TrainingError(f"this recipe needs {name}: give --{name} (docs/nano.md)")
        return path

    @property
    def cache(self) -> Path:
        """Folder of decoded clips, latents and text features."""
        return self.runs / "cache"

    def run(self, recipe: str) -> Path:
        """Folder of one recipe's run."""
        return self.runs / recipe.rpartition("/")[2]


class Materials:
    """The data of one model's runs."""

    def __init__(self, model: AudioStoryModel, paths: Paths, *, seed: int) -> None:
        self.model, self.paths, self.seed = model, paths, seed

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
        if any(not torch.equal(known[name], value) for name, value in tensors.items()):
            raise TrainingError(f"{encoder} is another encoder: use a fresh --runs folder")
        with written(vocabulary) as partial:
            partial.write_text(given.tokenizer.to_str())
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

    @cached_property
    def codec(self) -> NanoCodec:
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
    def latents(self) -> Ragged:
        """Latents of every clip."""
        key = key_of(key_of_tensors(encoder_of(self.codec)), self.contents)
        return encode_all(self.waveforms, self.codec.encode, self.paths.cache, key=key)

    @cached_property
    def heard_rows(self) -> list[HeardRow]:
        """The clips, as recordings that questions are asked about."""
        return heard_rows(self.rows)

    @cached_property
    def heard(self) -> Heard:
        """What the model's frozen ears make of the clips.

        Raises:
            ShapeError: if the model is deaf.
        """
        if isinstance(self.model.codec, NanoCodec):
            self.model.codec = self.codec  # ears may hear through it: it is fitted now
        corpus, cache = self.paths.need("corpus"), self.paths.cache
        return row_features(self.model, corpus, self.heard_rows, cache)

    @property
    def frames_per_s(self) -> float:
        """Latent frames of one second."""
        return self.codec.sample_rate_hz / self.codec.hop

    def silence(self) -> Tensor:
        """The latent ``(C,)`` of digital silence."""
        with torch.no_grad():
            return self.codec.encode(torch.zeros(1, 1, self.codec.hop))[0, 0]

    @cached_property
    def texts(self) -> list[str]:
        """All wordings of all clips, each once."""
        return sorted({text for row in self.rows for text in wordings(row)})

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The frozen text encoder."""
        folder = self.paths.need("teacher")
        return TextEncoder.from_folder(folder, sha256=ALL_MINILM_L6_V2_SHA256)

    def token_meanings(self) -> Tensor:
        """What the text encoder makes of each token of the vocabulary by itself, ``(V, F)``."""
        num_tokens = self.model.config.llm.vocab_size
        known = range(min(num_tokens, self.tokenizer.vocab_size))
        words = [self.tokenizer.decode([index]).strip() for index in known]
        features_VF = torch.zeros(num_tokens, self.text_encoder.width)
        for start in range(0, len(words), TEACHER_BATCH):
            batch = words[start : start + TEACHER_BATCH]
            features_BLF, mask_BL = self.text_encoder.features(batch)
            features_VF[start : start + len(batch)] = span_means(features_BLF, mask_BL, 1)[:, 0]
        return features_VF

    @cached_property
    def teacher(self) -> PooledSpans:
        """The teacher of the semantic tokens, standardised over the corpus' wordings."""
        target = PooledSpans(self.text_encoder, self.model.config.bridge.num_semantic)
        path = self.paths.runs / "teacher.safetensors"
        if not path.exists():
            target.fit(self.texts)
            write_tensors({"mean_D": target.mean_D, "deviation_D": target.deviation_D}, path)
        target.load_state_dict(load_file(path), strict=False)
        return target

    def wording_features(self) -> Tensor:
        """The teacher's features ``(X, S, D)`` of ``texts``, in half precision."""

        def compute() -> Ragged:
            starts = range(0, len(self.texts), TEACHER_BATCH)
            batches = (self.texts[start : start + TEACHER_BATCH] for start in starts)
            return pack(chain.from_iterable(self.teacher(batch).half() for batch in batches))

        statistics = {"mean": self.teacher.mean_D, "deviation": self.teacher.deviation_D}
        key = key_of(self.texts, key_of_tensors(statistics))
        bridge = self.model.config.bridge
        features = cached(self.paths.cache, "wordings", key, compute).values
        return features.view(-1, bridge.num_semantic, bridge.width)

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
    def story_latents(self) -> Ragged:
        """Latents of every clip of every sounding story, in order."""
        corpus = self.paths.need("corpus")
        mixer = Mixer(corpus, self.codec.sample_rate_hz)

        @torch.no_grad()
        def compute() -> Ragged:
            rows = (self.sounding[index] for index in range(len(self.sounding)))
            return pack(
                self.codec.encode(torch.from_numpy(mixer.event(row, index))[None, None])[0].half()
                for row in rows
                for index in range(len(row.events))
            )

        told = hashlib.sha256(b"\n".join(self.sounding.lines)).hexdigest()
        rows = (self.sounding[index] for index in range(len(self.sounding)))
        files = sorted(frozenset[str]().union(*(row.files for row in rows)))
        sounds = {file: sha256_of(corpus / file) for file in files}
        key = key_of(told, sounds, key_of_tensors(encoder_of(self.codec)))
        return cached(self.paths.cache, "story-latents", key, compute)

    def first_clips(self) -> list[int]:
        """Index in ``story_latents`` of each sounding story's first clip."""
        counts = (len(self.sounding[index].events) for index in range(len(self.sounding)))
        return list(accumulate(counts, initial=0))

    @cached_property
    def tokenizer(self) -> StoryTokenizer:
        """The tokenizer of the model's runs, learned from stories and texts if there is none."""
        path = self.paths.runs / "tokenizer.json"
        if not path.exists():
            config = self.model.config
            learned = train_byte_bpe(
                self.tokenizer_texts(),
                config.llm.vocab_size,
                ["<|endoftext|>", *config.markers],
            )
            with written(path) as partial:
                partial.write_text(learned.to_str())
        return StoryTokenizer.from_file(path)

    def tokenizer_texts(self) -> Sequence[str]:
        """Instructions and stories as the model reads and writes them, and other captions."""
        texts: list[str] = []
        for index in range(min(TOKENIZER_STORIES, len(self.stories))):
            row = self.stories[index]
            texts += [row.instruction, render(story_of(row), self.model.config.tokens)]
        if self.paths.texts is not None:
            for path in sorted(self.paths.texts.glob("*.txt")):
                texts += path.read_text().splitlines()
        return texts


def encoder_of(codec: Autoencoder) -> dict[str, Tensor]:
    """The tensors that decide what latents mean, where the codec was fitted and not pretrained."""
    fitted = ("patch_mean_P", "axes_PC", "back_CP") if isinstance(codec, NanoCodec) else ()
    return {name: getattr(codec, name).detach().cpu().contiguous() for name in fitted}
