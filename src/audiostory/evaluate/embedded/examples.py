"""Clips and scenes as YAMNet hears them: what both networks learn from; scenes are kept.

Shapes: ``X`` examples, ``K`` moments of the longest, ``D`` width of YAMNet's embedding, ``G``
groups, ``B`` examples of one step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from audiostory.audio.waveform import load
from audiostory.data.cache import Ragged, cached, key_of, key_of_tensors, pack
from audiostory.data.manifest import SoundRow
from audiostory.evaluate.embedded.moments import MomentHearing, is_sounding, levelled, mono
from audiostory.evaluate.embedded.scenes import SceneSampler
from audiostory.evaluate.encoders.encoder import Floats

BLOCK = 256
"""Scenes of one file."""
NO_CLIP = -1
"""Where a scene has fewer clips than another."""


@dataclass(frozen=True)
class Examples:
    """Stretches of sound, what is heard in them, and which clips they are made of."""

    features_XKD: Tensor
    """YAMNet's embeddings in half precision."""
    powers_XK: Tensor
    """Power of each moment."""
    exists_XK: Tensor
    """False beyond the end of a short clip."""
    heard_XKG: Tensor
    """Whether a kind is heard in a moment."""
    clips_XC: Tensor
    """Rows of the foreground's clips, as they were drawn; ``NO_CLIP`` where there are fewer."""

    def __len__(self) -> int:
        """X."""
        return len(self.features_XKD)

    def __getitem__(self, chosen_B: Tensor) -> Examples:
        """Some of them, features in single precision."""
        return Examples(
            self.features_XKD[chosen_B].float(),
            self.powers_XK[chosen_B],
            self.exists_XK[chosen_B],
            self.heard_XKG[chosen_B],
            self.clips_XC[chosen_B],
        )

    @property
    def is_sounding_XK(self) -> Tensor:  # noqa: N802 - its shape
        """Moments (X, K) that exist and are not quiet beside the loudest."""
        return is_sounding(self.powers_XK) & self.exists_XK

    def rows(self, index: int) -> list[int]:
        """Rows of the clips in an example's foreground."""
        return [row for row in self.clips_XC[index].tolist() if row != NO_CLIP]


def joined(one: Examples, other: Examples) -> Examples:
    """The examples of both, which are equally long, those of ``one`` first."""
    width = max(one.clips_XC.shape[1], other.clips_XC.shape[1])
    clips = [
        torch.nn.functional.pad(each.clips_XC, (0, width - each.clips_XC.shape[1]), value=NO_CLIP)
        for each in (one, other)
    ]
    return Examples(
        torch.cat([one.features_XKD, other.features_XKD]),
        torch.cat([one.powers_XK, other.powers_XK]),
        torch.cat([one.exists_XK, other.exists_XK]),
        torch.cat([one.heard_XKG, other.heard_XKG]),
        torch.cat(clips),
    )


def clip_waves(corpus: Path, rows: Sequence[SoundRow], cache: Path) -> list[Floats]:
    """Samples of clips at 16 kHz, decoded once for files of these sizes and times."""

    def decode() -> Ragged:
        return pack(torch.from_numpy(mono(load(corpus / row.file))).half() for row in rows)

    stats = [(row.file, (corpus / row.file).stat()) for row in rows]
    key = key_of([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    kept = cached(cache, "waves", key, decode)
    return [kept[index].numpy() for index in range(len(kept))]


def clip_examples(
    waves: Sequence[Floats],
    rows: Sequence[SoundRow],
    groups: Sequence[str],
    hearing: MomentHearing,
    moments: int,
) -> Examples:
    """The clips as they are, the long ones in pieces: ``moments`` from each start.

    A clip's kind is heard in all of its moments that are not quiet.
    """
    features, powers, kinds, clips = [], [], [], []
    for index, (wave, row) in enumerate(zip(waves, rows, strict=True)):
        heard = hearing.of_samples(wave.astype(np.float32))
        for piece in heard.windows(moments, moments)[0]:
            features.append(piece.features_KD.half())
            powers.append(piece.powers_K)
            kinds.append(groups.index(row.group) if row.group in groups else len(groups))
            clips.append(index)
    lengths_X = torch.tensor([len(one) for one in powers])
    padded = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
    padded = torch.nn.functional.pad(padded, (0, 0, 0, moments - padded.shape[1]))
    power = torch.nn.utils.rnn.pad_sequence(powers, batch_first=True)
    power = torch.nn.functional.pad(power, (0, moments - power.shape[1]))
    exists_XK = torch.arange(moments) < lengths_X[:, None]
    one_hot_XG = torch.nn.functional.one_hot(torch.tensor(kinds), len(groups) + 1)[:, :-1].bool()
    heard_XKG = one_hot_XG[:, None] & (is_sounding(power) & exists_XK)[..., None]
    return Examples(padded, power, exists_XK, heard_XKG, torch.tensor(clips)[:, None])


def scene_examples(
    sampler: SceneSampler,
    hearing: MomentHearing,
    count: int,
    folder: Path,
    progress: Callable[[str, float], None] | None = None,
    *,
    is_levelled: bool = False,
) -> Examples:
    """The first ``count`` scenes, made and heard in blocks, each of which is kept in ``folder``.

    Args:
        sampler: what makes them.
        hearing: what they are heard through.
        count: how many.
        folder: where blocks are kept, under a name that changes with all they depend on.
        progress: called with what is being done and its share done.
        is_levelled: bring each to one level first, as tracks are; else they are heard as they are.
    """
    key = key_of(sampler.digest, hearing.digest, is_levelled)
    folder.mkdir(parents=True, exist_ok=True)
    blocks = []
    for first in range(0, count, BLOCK):
        path = folder / f"scenes-{key}-{first}-{min(first + BLOCK, count)}.safetensors"
        if not path.exists():
            numbers = range(first, min(first + BLOCK, count))
            _write_block(sampler, hearing, numbers, path, is_levelled=is_levelled)
        blocks.append(load_file(path))
        if progress:
            progress("scenes", min(first + BLOCK, count) / count)
    features_XKD, powers_XK, heard_XKG, clips_XC = (
        torch.cat([block[name] for block in blocks])
        for name in ("features", "powers", "heard", "clips")
    )
    exists_XK = torch.ones(powers_XK.shape, dtype=torch.bool)
    return Examples(features_XKD, powers_XK, exists_XK, heard_XKG, clips_XC)


def _write_block(
    sampler: SceneSampler,
    hearing: MomentHearing,
    numbers: range,
    path: Path,
    *,
    is_levelled: bool,
) -> None:
    scenes = [sampler.scene(number) for number in numbers]
    samples = [levelled(one.samples_N) if is_levelled else one.samples_N for one in scenes]
    heard = [hearing.of_samples(samples_N) for samples_N in samples]
    most = len(sampler.config.foregrounds)
    clips = [[*scene.clips, *[NO_CLIP] * (most - len(scene.clips))] for scene in scenes]
    tensors = {
        "features": torch.stack([one.features_KD for one in heard]).half(),
        "powers": torch.stack([one.powers_K for one in heard]),
        "heard": torch.from_numpy(np.stack([scene.heard_KG for scene in scenes])) > 0.5,
        "clips": torch.tensor(clips),
    }
    save_file(tensors, path.with_suffix(".partial"))
    path.with_suffix(".partial").replace(path)


def evened_weights(examples: Examples, rows: Sequence[SoundRow]) -> Tensor:
    """How often each clip (X,) is to be drawn: rare kinds, and recordings of few clips, more."""
    own = [rows[examples.rows(index)[0]] for index in range(len(examples))]
    of_recording = Counter(row.recording for row in own)
    shares = [of_recording[row.recording] ** -0.7 for row in own]
    of_group: dict[str, float] = defaultdict(float)
    for row, share in zip(own, shares, strict=True):
        of_group[row.group] += share
    weights = [share * of_group[row.group] ** -0.6 for row, share in zip(own, shares, strict=True)]
    return torch.tensor(weights)


@dataclass(frozen=True)
class Mixture:
    """Scenes, and clips as they are: what one step learns from is a function of the step."""

    scenes: Examples
    clips: Examples
    weights_X: Tensor
    """How often each of ``clips`` is drawn, not yet adding up to 1."""
    clip_share: float
    """Share of clips among the examples of a step."""

    @property
    def digest(self) -> str:
        """Changes with what is learnt from."""
        tensors = {"weights": self.weights_X}
        for name, each in (("scenes", self.scenes), ("clips", self.clips)):
            tensors[f"{name}.features"] = each.features_XKD
            tensors[f"{name}.heard"] = each.heard_XKG
        return key_of(key_of_tensors(tensors), self.clip_share)

    def at(self, batch: int, generator: torch.Generator) -> Examples:
        """``batch`` examples, drawn with repetition."""
        count = round(batch * self.clip_share)
        scenes_B = torch.randint(len(self.scenes), (batch - count,), generator=generator)
        clips_B = torch.multinomial(self.weights_X, count, replacement=True, generator=generator)
        return joined(self.scenes[scenes_B], self.clips[clips_B])
