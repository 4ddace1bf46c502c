"""Batches of single sounds: segments for the codec, latents with captions for the DiT.

Every batch is a function of the run's seed and the step number alone, so a resumed run sees what
an uninterrupted one would have seen.

Shapes: ``B`` clips, ``N`` samples, ``T`` latent frames, ``C`` latent channels, ``S`` semantic
tokens, ``D`` width of a text feature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile
import torch
from torch import Tensor

from audiostory.data.cache import Parts, Ragged, cached, key_of, pack, sha256_of
from audiostory.data.manifest import SoundRow, read_sounds
from audiostory.errors import CorpusError

SIXTEEN_BIT = 32768.0


def step_generator(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step of one run."""
    return torch.Generator().manual_seed((seed + 1) * 1_000_003 + step)


def draw(count: int, generator: torch.Generator) -> int:
    """A whole number in [0, count), all equally likely."""
    return int(torch.randint(count, (1,), generator=generator))


def load_rows(corpus: Path, *, split: str, share_alike: bool = False) -> list[SoundRow]:
    """The clips of one split of a corpus, without share-alike licences unless asked for.

    Raises:
        CorpusError: if no clip is left.
    """
    rows = [
        row
        for row in read_sounds(corpus / "metadata.jsonl")
        if row.split == split and (share_alike or not row.is_share_alike)
    ]
    if not rows:
        raise CorpusError(f"{corpus} holds no usable clip of split '{split}'")
    return rows


def contents_of(corpus: Path, rows: Sequence[SoundRow]) -> list[str]:
    """Of each clip, a name that changes with its sound.

    Raises:
        CorpusError: naming a file that cannot be read.
    """
    return [sha256_of(corpus / row.file) for row in rows]


def load_waveforms(
    corpus: Path, rows: Sequence[SoundRow], cache: Path, *, contents: Sequence[str]
) -> Ragged:
    """The clips' samples as 16-bit whole numbers, mono, decoded once for each ``contents_of``."""

    def decode() -> Ragged:
        return pack(
            torch.from_numpy(soundfile.read(corpus / row.file, dtype="int16", always_2d=True)[0])
            .float()
            .mean(dim=1)
            .short()
            for row in rows
        )

    return cached(cache, "waveforms", key_of(list(contents)), decode)


class SoundSampler:
    """Draws clips so that large groups and long recordings do not crowd out the others."""

    def __init__(self, rows: Sequence[SoundRow]) -> None:
        self.recordings: dict[str, dict[str, list[int]]] = {}
        for index, row in enumerate(rows):
            group = self.recordings.setdefault(row.group, {})
            group.setdefault(row.recording, []).append(index)
        self.groups = list(self.recordings)
        counts = torch.tensor([float(len(self.recordings[group])) for group in self.groups])
        self.weights = counts.sqrt()

    def draw(self, generator: torch.Generator) -> int:
        """Index of a clip: a group by the root of its recordings, then a recording, then a clip."""
        group = self.groups[int(torch.multinomial(self.weights, 1, generator=generator))]
        recordings = list(self.recordings[group].values())
        clips = recordings[draw(len(recordings), generator)]
        return clips[draw(len(clips), generator)]


@dataclass(frozen=True)
class SoundSegments:
    """Segments of waveforms for the codec's decoder."""

    waveforms: Ragged
    sampler: SoundSampler
    seed: int
    batch_size: int
    num_samples: int = 24_000
    lowest_gain_db: float = -24.0

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """``waveform_BN`` of one step."""
        generator = step_generator(self.seed, step)
        segments = [self.segment(generator) for _ in range(self.batch_size)]
        return {"waveform_BN": torch.stack(segments)}

    def segment(self, generator: torch.Generator) -> Tensor:
        """``num_samples`` of a random clip at a random gain, silence around short clips."""
        samples = self.waveforms[self.sampler.draw(generator)].float() / SIXTEEN_BIT
        excess = len(samples) - self.num_samples
        start = draw(abs(excess) + 1, generator)
        gain_db = self.lowest_gain_db * float(torch.rand(1, generator=generator))
        samples = samples * 10 ** (gain_db / 20)
        if excess >= 0:
            return samples[start : start + self.num_samples]
        return torch.nn.functional.pad(samples, (start, -excess - start))


@dataclass(frozen=True)
class SoundLatents:
    """Latents of single sounds with features of their captions (Stage I data)."""

    latents: Ragged | Parts
    features: Tensor | Parts
    """``(S, D)`` of each caption wording: what the DiT is told."""
    wordings: Sequence[Sequence[int]]
    """Rows of ``features`` that describe each clip."""
    silence_C: Tensor
    """The latent of digital silence."""
    sampler: SoundSampler
    seed: int
    frames_per_s: float
    patch_frames: int
    """Latent frames per DiT position; clips hold whole positions."""
    batch_size: int
    """Four-second clips in a batch; fewer of longer ones, more of shorter ones."""
    lengths_s: tuple[float, ...] = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
    repeat_share: float = 0.6
    """How often a sound shorter than the clip is heard again after a pause."""
    has_deviation: bool = False
    """Whether ``latents`` and ``silence_C`` hold means and deviations, to be drawn from."""

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """One step's sounds, all of one length.

        ``latents_BTC``, ``duration_B``, ``semantic_BSD`` and ``wording_B``: the rows of
        ``features`` that ``semantic_BSD`` are.
        """
        generator = step_generator(self.seed, step)
        length_s = self.lengths_s[draw(len(self.lengths_s), generator)]
        num_frames = round(length_s * self.frames_per_s / self.patch_frames) * self.patch_frames
        chosen = [
            self.sampler.draw(generator)
            for _ in range(max(1, round(self.batch_size * 4 / length_s)))
        ]
        latents = [self.stretch(index, num_frames, generator) for index in chosen]
        texts = [self.wordings[i][draw(len(self.wordings[i]), generator)] for i in chosen]
        stacked = torch.stack(latents)
        return {
            "latents_BTC": drawn(stacked, generator) if self.has_deviation else stacked,
            "semantic_BSD": torch.stack([self.features[text] for text in texts]).float(),
            "wording_B": torch.tensor(texts),
            "duration_B": torch.full((len(chosen),), num_frames / self.frames_per_s),
        }

    def stretch(self, index: int, num_frames: int, generator: torch.Generator) -> Tensor:
        """``num_frames`` of a clip: a part of a long one; a short one padded or heard again."""
        latents_TC = self.latents[index].float()
        excess = len(latents_TC) - num_frames
        if excess >= 0:
            start = draw(excess + 1, generator)
            return latents_TC[start : start + num_frames]
        pieces = [self.silence(draw(min(6, -excess) + 1, generator)), latents_TC]
        if float(torch.rand(1, generator=generator)) < self.repeat_share:
            longest = max(2, len(latents_TC) // 2 + 6)
            pause = draw(longest, generator)
            while sum(len(piece) for piece in pieces) < num_frames:
                pieces += [self.silence(max(0, pause + draw(3, generator) - 1)), latents_TC]
        pieces.append(self.silence(num_frames))
        return torch.cat(pieces)[:num_frames]

    def silence(self, num_frames: int) -> Tensor:
        """Latents of so many frames of silence."""
        return self.silence_C.expand(num_frames, -1)


def drawn(posterior_BTX: Tensor, generator: torch.Generator) -> Tensor:
    """Latents ``(..., T, C)`` drawn from means and deviations ``(..., T, 2C)``."""
    mean, deviation = posterior_BTX.chunk(2, dim=-1)
    return mean + deviation * torch.randn(mean.shape, generator=generator)


def encode_all(
    waveforms: Ragged, encode: Callable[[Tensor], Tensor], cache: Path, *, key: str
) -> Ragged:
    """Latents of every clip in half precision, made once per codec (``key``)."""

    def encode_each() -> Ragged:
        with torch.no_grad():
            return pack(
                encode(waveforms[index].float()[None, None] / SIXTEEN_BIT)[0].half()
                for index in range(len(waveforms))
            )

    return cached(cache, "latents", key, encode_each)


def check_lengths(rows: Sequence[SoundRow], waveforms: Ragged, sample_rate_hz: int) -> None:
    """Refuse a corpus whose files are not as long as its manifest says.

    Raises:
        CorpusError: naming the first clip that differs by more than 50 ms.
    """
    for index, row in enumerate(rows):
        check_length(row, waveforms.length(index) / sample_rate_hz, sample_rate_hz)


def check_length(row: SoundRow, seconds: float, sample_rate_hz: int) -> None:
    """Refuse a clip that is not as long as its manifest says.

    Raises:
        CorpusError: if it differs by more than 50 ms.
    """
    if abs(seconds - row.seconds) > 0.05:
        raise CorpusError(
            f"{row.file} lasts {seconds:.3f} s at {sample_rate_hz} Hz but its manifest says "
            f"{row.seconds:.3f} s: resample the corpus or mend the manifest"
        )
