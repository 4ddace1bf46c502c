"""What a run begins with and learns from, as digests: it goes on with nothing else.

A digest is of contents, so folders may be moved between two starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from audiostory.data.cache import key_of, key_of_tensors, sha256_of
from audiostory.models.foreign.tangoflux_checkpoint import WEIGHTS as TANGOFLUX
from audiostory.models.shards import INDEX
from audiostory.train.materials import Materials
from audiostory.train.readiness import asks
from audiostory.train.run_folder import WEIGHTS
from audiostory.train.sources import SOURCES
from audiostory.train.stages import StageConfig

CHANCE = ("random", "copying")
"""Kinds of first weights that are drawn."""


def origins_of(
    stage: StageConfig,
    materials: Materials,
    *,
    start: Path | None = None,
    tangoflux: Path | None = None,
) -> dict[str, str]:
    """A digest of each thing that the first weights and the batches of a run come from.

    Args:
        stage: what is run.
        materials: with the model's weights, after all of them were read once.
        start: the model folder that it begins with, instead of what the stage begins with.
        tangoflux: the folder whose DiT it begins with.

    Raises:
        CorpusError: if a file cannot be read.
    """
    return {
        **dict(_beginnings(stage, materials, start, tangoflux)),
        **dict(_data(stage, materials)),
    }


def _beginnings(
    stage: StageConfig, materials: Materials, start: Path | None, tangoflux: Path | None
) -> Iterator[tuple[str, str]]:
    """What the first weights come from."""
    if tangoflux is not None:
        yield "--tangoflux", sha256_of(tangoflux / TANGOFLUX)
    if start is not None:
        yield "--from", sha256_of(start / INDEX)  # which lists digests of all else
        return
    if stage.initial == "foundation":
        yield "--foundation", sha256_of(materials.paths.need("foundation") / INDEX)
    if stage.initial in CHANCE:
        yield "the seed of the first weights", str(materials.seed)
    for name in stage.starts_from:
        yield f"the weights of {name}", sha256_of(materials.paths.run(name) / WEIGHTS)


def _data(stage: StageConfig, materials: Materials) -> Iterator[tuple[str, str]]:
    """What the batches come from."""
    kinds = [stage, *map(stage.learning_from, stage.mixed)]
    needs = {need for kind in kinds for need in SOURCES[kind.data].reads(kind)}
    for need in sorted(needs):
        digest = DIGESTS.get(need)
        yield f"--{need}", digest(materials) if digest else _contents(materials.paths.need(need))
    if materials.paths.questions and asks(stage):
        yield "--questions", _questions(materials)
    if "corpus" in needs:
        yield "the codec's encoder", materials.codec_key
    if any(SOURCES[kind.data].is_told for kind in kinds) or stage.initial == "copying":
        vocabulary = materials.tokenizer.to_str()
        yield "the tokenizer", hashlib.sha256(vocabulary.encode()).hexdigest()


def _corpus(materials: Materials) -> str:
    """Of the rows that are learned from, and of their sounds."""
    return key_of([asdict(row) for row in materials.rows], materials.contents)


def _teacher(materials: Materials) -> str:
    """Of what decides its targets."""
    return key_of_tensors(materials.teacher.frozen())


def _questions(materials: Materials) -> str:
    """Of what published lists say of their recordings, and of the recordings."""
    rows = materials.heard_rows
    said = [asdict(replace(row, file="", place="")) for row in rows]
    return key_of(said, [sha256_of(Path(row.file)) for row in rows])


DIGESTS: dict[str, Callable[[Materials], str]] = {"corpus": _corpus, "teacher": _teacher}
"""Digests of what is not simply read whole, by fields of ``Paths``."""


def _contents(path: Path) -> str:
    """Of a file, or of all files in a folder."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return key_of([[str(file.relative_to(path)), sha256_of(file)] for file in files])
