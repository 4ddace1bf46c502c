"""Clips to be heard: real ones, the same through a codec, and generated ones."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from audiostory.audio.waveform import SUFFIXES, Waveform, load
from audiostory.data.manifest import SoundRow, read_sounds
from audiostory.errors import CorpusError

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""
Render = Callable[[str, int], Waveform]
"""Sounds a caption with a seed."""
Reconstruct = Callable[[Waveform], Waveform]
"""A clip through the codec and back."""


@dataclass(frozen=True)
class Sample:
    """A clip and what it should be heard as."""

    waveform: Waveform
    group: str
    source: str
    """Key of the recording or rendering; clips that share one do not count as variety."""


def real_samples(
    corpus: Path, groups: Sequence[str], reconstruct: Reconstruct | None = None
) -> Iterator[Sample]:
    """The test clips of ``groups``, as they are or through ``reconstruct``.

    Raises:
        CorpusError: if the corpus cannot be read or has no test clip of the groups.
    """
    rows = _test_rows(corpus, groups)
    for row in rows:
        waveform = load(corpus / row.file)
        waveform = waveform if reconstruct is None else reconstruct(waveform)
        yield Sample(waveform, row.group, row.recording)


def _test_rows(corpus: Path, groups: Sequence[str]) -> list[SoundRow]:
    rows = [row for row in read_sounds(corpus / "metadata.jsonl") if row.split == "test"]
    rows = [row for row in rows if row.group in groups]
    if not rows:
        raise CorpusError(f"{corpus}: no test clip is of the groups {', '.join(groups)}")
    return rows


def group_captions(
    corpus: Path | None, groups: Sequence[str], per_group: int = 8
) -> dict[str, list[str]]:
    """``per_group`` captions for each group, always the same ones.

    Up to half are captions of the corpus' test clips (without one, none), spread evenly over
    their alphabetical order; the others are plain ones of ``assets/group_captions.json``.
    """
    asset = files("audiostory.evaluate") / "assets" / "group_captions.json"
    plain = json.loads(asset.read_text(encoding="utf-8"))
    own: dict[str, set[str]] = defaultdict(set)
    for row in _test_rows(corpus, groups) if corpus is not None else ():
        own[row.group].add(row.caption)
    captions = {}
    for group in groups:
        found = sorted(own[group])
        picks = np.linspace(0, len(found) - 1, min(len(found), per_group // 2)).round().astype(int)
        chosen = [found[index] for index in picks]
        chosen += [one for one in plain.get(group, ()) if one not in chosen]
        if len(chosen) < per_group:
            raise CorpusError(f"only {len(chosen)} captions are known for {group}: ask for fewer")
        captions[group] = chosen[:per_group]
    return captions


def rendered_samples(
    captions: dict[str, list[str]], render: Render, progress: Progress | None = None
) -> Iterator[Sample]:
    """Every caption sounded with a seed of its own (0, 1, 2... in order)."""
    jobs = [(group, caption) for group, texts in captions.items() for caption in texts]
    for seed, (group, caption) in enumerate(jobs):
        yield Sample(render(caption, seed), group, f"{group}:{seed}")
        if progress:
            progress("sounding captions", (seed + 1) / len(jobs))


def folder_samples(folder: Path, groups: Sequence[str]) -> Iterator[Sample]:
    """Generated clips on disk, in one folder per group.

    Raises:
        CorpusError: if no group has a folder with clips.
    """
    paths = [
        (group, path)
        for group in groups
        for path in sorted((folder / group).glob("*"))
        if path.suffix in SUFFIXES
    ]
    if not paths:
        raise CorpusError(f"{folder} holds no clips: put them into folders named after the groups")
    for group, path in paths:
        yield Sample(load(path), group, str(path))
