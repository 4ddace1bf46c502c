"""Latents of clips and of stories' events by a pretrained autoencoder, computed once.

Sounds are read one after another, so a corpus need not fit memory; what was made is kept by what it
was made from, in parts, and read where it lies. Where an encoder gives a distribution (the Oobleck
VAE), means and deviations are kept and training draws anew at every step, as TangoFlux's did.

Shapes: ``N`` samples, ``C`` channels (of sound, or of latents), ``T`` latent frames, ``X`` latent
channels, or twice as many with deviations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from audiostory.audio.waveform import load
from audiostory.data.cache import Parts, cached_parts, key_of, sha256_of
from audiostory.data.manifest import SoundRow, StoryRow
from audiostory.data.mixing import Mixer
from audiostory.data.sounds import check_length
from audiostory.data.stories import StoryFile
from audiostory.errors import AudioError, CorpusError
from audiostory.models.vae import Autoencoder


def clip_latents(
    corpus: Path,
    rows: Sequence[SoundRow],
    codec: Autoencoder,
    cache: Path,
    *,
    key: str,
    contents: Sequence[str],
) -> Parts:
    """Posteriors ``(T, X)`` of every clip, in half precision, on the CPU.

    Args:
        corpus: what the rows' files are relative to; other rates are converted, and a mono file is
            heard from both sides.
        rows: the clips.
        codec: computes where its weights are.
        cache: folder where they are kept.
        key: a name that changes with the codec.
        contents: of each clip, a name that changes with its sound (``sounds.contents_of``).

    Raises:
        CorpusError: naming a file that cannot be read, is not as long as its row says, or has
            other channels than the codec.
    """

    def made(indices: range) -> Iterator[Tensor]:
        for index in indices:
            row = rows[index]
            samples_CN = samples_of(corpus / row.file, codec)
            check_length(row, samples_CN.shape[1] / codec.sample_rate_hz, codec.sample_rate_hz)
            yield encoded(codec, samples_CN, row.file)

    return cached_parts(cache, "latents", key, contents, made)


def samples_of(path: Path, codec: Autoencoder) -> Tensor:
    """Samples ``(C, N)`` of a file as a codec takes them.

    Raises:
        CorpusError: if it cannot be read, or has neither one channel nor the codec's.
    """
    try:
        waveform = load(path, codec.sample_rate_hz, mono=codec.audio_channels == 1)
    except AudioError as error:
        raise CorpusError(str(error)) from error
    samples_CN = torch.from_numpy(waveform.samples.copy())
    if len(samples_CN) not in (1, codec.audio_channels):
        raise CorpusError(
            f"{path} has {len(samples_CN)} channels, the codec takes {codec.audio_channels}: mix it"
        )
    return samples_CN.expand(codec.audio_channels, -1)


def event_latents(
    stories: StoryFile,
    corpus: Path,
    codec: Autoencoder,
    cache: Path,
    *,
    key: str,
) -> Parts:
    """Posteriors ``(T, X)`` of every event of sounding stories, in order, in half precision.

    Args:
        stories: all with sounds.
        corpus: what their files are relative to.
        codec: computes where its weights are.
        cache: folder where they are kept.
        key: a name that changes with the codec.

    Raises:
        CorpusError: if a clip cannot be used.
    """
    mixer, digests = Mixer(corpus, codec.sample_rate_hz), Digests(corpus)
    places = [
        (index, event)
        for index in range(len(stories))
        for event in range(len(stories[index].events))
    ]

    def made(indices: range) -> Iterator[Tensor]:
        for place in indices:
            index, event = places[place]
            mixed_N = torch.from_numpy(mixer.event(stories[index], event))
            yield encoded(codec, mixed_N.expand(codec.audio_channels, -1), stories[index].id)

    contents = [key_of(digests.of(stories[index]), event) for index, event in places]
    return cached_parts(cache, "story-latents", key, contents, made)


class Digests:
    """Names of stories that change with their rows and with the files that sound in them."""

    def __init__(self, corpus: Path) -> None:
        self.corpus = corpus
        self._files: dict[str, str] = {}

    def of(self, row: StoryRow) -> str:
        """The name of one story.

        Raises:
            CorpusError: if one of its files cannot be read.
        """
        return key_of(row.to_json(), [self._digest(file) for file in sorted(row.files)])

    def _digest(self, file: str) -> str:
        if file not in self._files:
            self._files[file] = sha256_of(self.corpus / file)
        return self._files[file]


@torch.no_grad()
def encoded(codec: Autoencoder, samples_CN: Tensor, name: str) -> Tensor:
    """The posterior ``(T, X)`` of one sound, in half precision, on the CPU.

    Raises:
        CorpusError: if it is not finite.
    """
    weight = next(codec.parameters())
    posterior_TX = codec.posterior(samples_CN[None].to(weight))[0].half().cpu()
    if not posterior_TX.isfinite().all():
        raise CorpusError(f"latents of {name} are not finite: is it sound?")
    return posterior_TX
