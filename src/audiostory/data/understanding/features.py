"""Features of the frozen audio encoder, computed once and kept by content.

The key of a file is what was heard and what heard it: other sounds under the same names, another
codec or another encoder make new files. They are made in parts, so that what an interrupted run
has made is there for the next one, and are read where they lie.

Shapes: ``N`` samples, ``V`` windows, ``P`` positions of one, ``E`` width of a feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from audiostory.audio.waveform import load
from audiostory.config import to_dict
from audiostory.data.cache import Parts, cached_parts, key_of, key_of_tensors, sha256_of
from audiostory.data.latents import Digests
from audiostory.data.mixing import Mixer
from audiostory.data.understanding.continuation import Continuation
from audiostory.data.understanding.rows import HeardRow
from audiostory.errors import AudioError, CorpusError
from audiostory.models.audiostory import AudioStoryModel

PART = 1024
"""Recordings whose features share a file."""


class Heard(Parts):
    """Features ``(V, P, E)`` of many recordings, by index."""

    def __getitem__(self, index: int) -> Tensor:
        """Features of one recording, in single precision."""
        return super().__getitem__(index).float()


@torch.no_grad()
def heard_features(
    model: AudioStoryModel,
    contents: Sequence[str],
    samples_of: Callable[[int], Tensor],
    cache: Path,
) -> Heard:
    """What the model's frozen ears make of recordings.

    Args:
        model: with ears.
        contents: of each recording, a name that changes with its sound.
        samples_of: samples ``(N,)`` of a recording, at the rate of the ears.
        cache: folder where they are kept, in half precision.

    Raises:
        CorpusError: if a recording cannot be read, or its features are not finite.
        ShapeError: if the model is deaf.
    """
    frozen = key_of_tensors(dict(model.ears.frozen(model.codec)))
    key = key_of(to_dict(model.ears.config), to_dict(model.config.codec), frozen)

    def features(indices: range) -> Iterator[Tensor]:
        for index in indices:
            heard_VPE = model.hear(samples_of(index)[None].to(model.device)).half().cpu()
            if not heard_VPE.isfinite().all():
                raise CorpusError(f"features of {contents[index]} are not finite: is it sound?")
            yield heard_VPE

    return Heard(cached_parts(cache, "heard", key, contents, features, size=PART).parts)


def row_features(
    model: AudioStoryModel, folder: Path, rows: Sequence[HeardRow], cache: Path
) -> Heard:
    """What the model's frozen ears make of the files of rows; each file is read to know its key.

    Args:
        model: with ears.
        folder: what the rows' files are relative to.
        rows: the recordings.
        cache: folder where features are kept.

    Raises:
        CorpusError: naming a file that cannot be read.
        ShapeError: if the model is deaf.
    """
    rate_hz = model.ears.sample_rate_hz

    def samples_of(index: int) -> Tensor:
        try:
            waveform = load(folder / rows[index].file, rate_hz, mono=True)
        except AudioError as error:
            raise CorpusError(f"{rows[index].place}: {error}") from error
        return torch.from_numpy(waveform.samples[0].copy())

    return heard_features(model, [sha256_of(folder / row.file) for row in rows], samples_of, cache)


def beginning_features(
    model: AudioStoryModel, corpus: Path, cut: Sequence[Continuation], cache: Path
) -> Heard:
    """What the model's frozen ears make of what is heard of stories that are to be told on.

    Args:
        model: with ears.
        corpus: what the files that sound in them are relative to.
        cut: the stories.
        cache: folder where features are kept.

    Raises:
        CorpusError: if a clip cannot be used.
        ShapeError: if the model is deaf.
    """
    mixer, digests = Mixer(corpus, model.ears.sample_rate_hz), Digests(corpus)
    contents = [key_of(one.content, digests.of(one.row)) for one in cut]
    return heard_features(model, contents, lambda index: cut[index].heard(mixer), cache)
