"""Pairs of sounds that one caption was given, one preferred to the other: the folder, and batches.

::

    PAIRS/about.json                     which model made them, who ranked them, and how
    PAIRS/captions/KEY.safetensors       all scores of a caption; latents of the best and the worst
    PAIRS/pairs.jsonl                    the pairs, a line each; written when the last one is made

Files appear whole or not at all, and a caption's key is a digest of all that decides its sounds:
what a kill leaves is gone on with. ``curate/preferences.py`` makes them.

Shapes: ``B`` pairs, ``T`` latent frames, ``C`` latent channels, ``S`` condition tokens, ``D``
condition width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from audiostory.config import differences, from_json, to_dict, to_json
from audiostory.data.cache import key_of, write_tensors, written
from audiostory.data.sounds import draw, step_generator
from audiostory.errors import ConfigError, CorpusError, OutputError
from audiostory.models.audiostory import AudioStoryModel

ABOUT, PAIRS, CAPTIONS = "about.json", "pairs.jsonl", "captions"
RECORD = "record"
"""What a file's metadata keeps a caption's ``Ranking`` under."""


@dataclass(frozen=True, kw_only=True)
class PairsAbout:
    """What is the same for all pairs of a folder."""

    model: str
    """What the model that made the sounds was called when they were begun."""
    model_key: str
    """Digest of what tells and makes them (``key_of_model``)."""
    ears: str
    """Who ranked them, as a report describes it."""
    preferred_by: tuple[str, ...]
    """The networks that ranked them, each with the digest of its weights."""
    num_candidates: int
    """Sounds made of each caption."""
    seed: int
    """Their noise derives from it and from the caption."""
    sampling: Mapping[str, str]
    """How noise became latents."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What came of one caption."""

    caption: str
    duration_s: float
    outcome: Literal["pair", "tie", "too_few", "unread"]
    """A pair; or none, as the best and the worst have the same score, fewer than two candidates
    have one, or the ears cannot read the caption."""
    seeds: tuple[int, ...] = ()
    """Of the candidates' noise."""
    scores: tuple[float | None, ...] = ()
    """Theirs, in order; None of one that is silent, or has no score that is a number."""
    num_silent: int = 0
    """Candidates that generation would make again."""
    winner: int | None = None
    """Index of the best candidate, where there is a pair."""
    loser: int | None = None
    """Index of the worst."""

    @property
    def num_unscored(self) -> int:
        """Candidates that sound and have no score."""
        return sum(score is None for score in self.scores) - self.num_silent


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """A line of ``pairs.jsonl``."""

    key: str
    caption: str
    duration_s: float
    winner_score: float
    loser_score: float


@dataclass(frozen=True)
class PairsFolder:
    """A folder that pairs are written to."""

    path: Path

    def open(self, about: PairsAbout) -> None:
        """Begin a folder, or go on with it.

        Raises:
            OutputError: naming what differs, if it holds pairs that were made otherwise; or if it
                cannot be written.
        """
        place = self.path / ABOUT
        if place.exists():
            kept = read_about(self.path)
            if differing := differences(kept, replace(about, model=kept.model)):
                told = "; ".join(f"{name} is {a} there, here {b}" for name, a, b in differing)
                raise OutputError(f"{self.path} holds other pairs ({told}): name a new folder")
            return
        with written(place) as partial:
            partial.write_text(to_json(about), encoding="utf-8")

    def find(self, key: str) -> Ranking | None:
        """What came of a caption, if it is finished.

        Raises:
            CorpusError: if its file is damaged.
        """
        path = self._at(key)
        return read_ranking(path) if path.exists() else None

    def keep(self, key: str, ranking: Ranking, tensors: Mapping[str, Tensor]) -> None:
        """Write what came of a caption, and of a pair the latents and what the DiT was told.

        Raises:
            OutputError: if it cannot be written.
        """
        kept = {name: value.detach().cpu().half().contiguous() for name, value in tensors.items()}
        write_tensors(kept, self._at(key), {RECORD: json.dumps(to_dict(ranking))})

    def finish(self, rankings: Mapping[str, Ranking]) -> int:
        """Write the list of pairs; how many there are.

        Raises:
            OutputError: if it cannot be written.
        """
        rows = [
            PairRow(
                key=key,
                caption=one.caption,
                duration_s=one.duration_s,
                winner_score=_score(one, one.winner),
                loser_score=_score(one, one.loser),
            )
            for key, one in rankings.items()
            if one.outcome == "pair"
        ]
        with written(self.path / PAIRS) as partial:
            lines = (json.dumps(asdict(row), ensure_ascii=False) for row in rows)
            partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return len(rows)

    def _at(self, key: str) -> Path:
        return self.path / CAPTIONS / f"{key}.safetensors"


@dataclass(frozen=True)
class PreferencePairs:
    """The finished pairs of a folder."""

    path: Path

    @cached_property
    def about(self) -> PairsAbout:
        """How they were made.

        Raises:
            CorpusError: if this is no folder of pairs.
        """
        return read_about(self.path)

    @cached_property
    def rows(self) -> list[PairRow]:
        """The pairs, in order.

        Raises:
            CorpusError: if they are not finished, there is none, or the list is damaged.
        """
        text = self._listed()
        try:
            rows = [from_json(PairRow, line) for line in text.splitlines()]
        except ConfigError as error:
            raise CorpusError(f"{self.path / PAIRS} is damaged ({error}): make it anew") from error
        if not rows:
            raise CorpusError(f"{self.path} holds no pair: rank more captions or candidates")
        return rows

    @cached_property
    def digest(self) -> str:
        """What tells this list of pairs from all others."""
        return hashlib.sha256(self._listed().encode()).hexdigest()[:16]

    def check_made_by(self, model: AudioStoryModel) -> None:
        """Nothing, if this very model, as it is now, made the sounds.

        Raises:
            CorpusError: if another one did.
        """
        if (key := key_of_model(model)) != self.about.model_key:
            raise CorpusError(
                f"the sounds in {self.path} were made by another model ({self.about.model}, "
                f"{self.about.model_key}) than the run begins with ({key}): begin with that one "
                "(--from), or make pairs of this one ('audiostory preferences')"
            )

    def pair(self, index: int) -> dict[str, Tensor]:
        """``winner_TC``, ``loser_TC`` and ``condition_SD`` of a pair, in float32.

        Raises:
            CorpusError: if its file is missing or damaged.
        """
        path = self.path / CAPTIONS / f"{self.rows[index].key}.safetensors"
        try:
            return {name: value.float() for name, value in load_file(path).items()}
        except (OSError, SafetensorError) as error:
            raise CorpusError(_damaged(path, error)) from error

    def _listed(self) -> str:
        try:
            return (self.path / PAIRS).read_text(encoding="utf-8")
        except OSError as error:
            raise CorpusError(
                f"{self.path} has no {PAIRS}, its pairs are not finished: give the same "
                "'audiostory preferences' command again"
            ) from error


@dataclass(frozen=True)
class PairBatches:
    """Batches of pairs by step, all pairs equally likely."""

    pairs: PreferencePairs
    seed: int
    batch_size: int

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """``winner_BTC``, ``loser_BTC``, ``condition_BSD``, ``duration_B``.

        Where the sounds differ in length, also ``frame_mask_BT``; what is masked is zero.
        """
        generator = step_generator(self.seed, step)
        chosen = [draw(len(self.pairs.rows), generator) for _ in range(self.batch_size)]
        found = [self.pairs.pair(index) for index in chosen]
        frames_B = torch.tensor([len(one["winner_TC"]) for one in found])
        batch = {
            "winner_BTC": padded(one["winner_TC"] for one in found),
            "loser_BTC": padded(one["loser_TC"] for one in found),
            "condition_BSD": torch.stack([one["condition_SD"] for one in found]),
            "duration_B": torch.tensor([self.pairs.rows[index].duration_s for index in chosen]),
        }
        if (frames_B != frames_B[0]).any():
            batch["frame_mask_BT"] = torch.arange(int(frames_B.max())) < frames_B[:, None]
        return batch


def padded(latents: Iterable[Tensor]) -> Tensor:
    """Latents ``(B, T, C)``, the shorter ones followed by zeros."""
    return torch.nn.utils.rnn.pad_sequence(list(latents), batch_first=True)


def key_of_caption(about: PairsAbout, caption: str, duration_s: float) -> str:
    """A name for a caption's file, of all that decides its sounds and their scores."""
    return key_of(to_dict(replace(about, model="")), caption, duration_s)


def key_of_model(model: AudioStoryModel) -> str:
    """A name for what decides a caption's latents: language model, bridge and DiT.

    Weights count as they are in half precision, in which models are exported by default: a run and
    the model exported from it have the same name.
    """
    digest = hashlib.sha256()
    for part in ("llm", "bridge", "dit"):
        for name, value in sorted(getattr(model, part).state_dict().items()):
            kept = value.detach().cpu()
            kept = kept.half() if kept.is_floating_point() else kept
            digest.update(f"{part}.{name}".encode())
            digest.update(kept.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def read_about(folder: Path) -> PairsAbout:
    """How the pairs of a folder were made.

    Raises:
        CorpusError: if this is no folder of pairs.
    """
    try:
        return from_json(PairsAbout, (folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ConfigError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{folder} is no folder of pairs ({error}): make one with 'audiostory preferences'"
        ) from error


def read_ranking(path: Path) -> Ranking:
    """What came of a caption, from its file.

    Raises:
        CorpusError: if the file is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return from_json(Ranking, (file.metadata() or {}).get(RECORD, ""))
    except (OSError, SafetensorError, ConfigError) as error:
        raise CorpusError(_damaged(path, error)) from error


def counts_of(rankings: Sequence[Ranking]) -> dict[str, int]:
    """How many captions came to which end, and how many candidates were left out."""
    outcomes = ("pair", "tie", "too_few", "unread")
    return {
        **{name: sum(one.outcome == name for one in rankings) for name in outcomes},
        "silent": sum(one.num_silent for one in rankings),
        "unscored": sum(one.num_unscored for one in rankings),
    }


def _score(ranking: Ranking, index: int | None) -> float:
    score = None if index is None else ranking.scores[index]
    assert score is not None
    return score


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"{path} is missing or damaged ({error}): remove it, and give the same "
        "'audiostory preferences' command again"
    )
