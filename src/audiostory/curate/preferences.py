"""Preference data of a model's own sounds: several of each caption, ranked by ears, two kept.

One iteration of CLAP-ranked preference optimisation (TangoFlux, arXiv:2412.21037) begins so: the
model that is to be tuned makes candidates of each caption, CLAP scores them, the best is the
winner, the worst the loser. What is kept is what the candidates' ears heard: latents in half
precision, and the condition that the DiT was told.

A candidate that is silent is left out, for generation would make it again; so is one whose score is
no number. A caption gives no pair where fewer than two candidates have a score, or the best and
the worst have the same. All of it is counted.

Shapes: ``N`` candidates, ``T`` latent frames, ``C`` latent channels, ``D`` width of an embedding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from audiostory.audio.waveform import Waveform
from audiostory.data.blocks import lone_story
from audiostory.data.preferences import (
    PairsAbout,
    PairsFolder,
    Ranking,
    counts_of,
    key_of_caption,
    key_of_model,
)
from audiostory.data.stories import story_of
from audiostory.errors import AudioError, ConfigError, CorpusError, InstructionError, MeasureError
from audiostory.generate.conditions import ConditionReader, Window
from audiostory.generate.renderer import Renderer, SamplingSettings, Take, batches_of, is_silent
from audiostory.models.bridge import Condition
from audiostory.models.model_folder import Pretrained
from audiostory.story.plan import derive_seed
from audiostory.story.types import MIN_DURATION_S

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


class Ears(Protocol):
    """What ranks sounds by their fit to a caption (``evaluate.caption_fit``)."""

    @property
    def described(self) -> str:
        """Who they are, as a report describes a column."""
        ...

    @property
    def preferred_by(self) -> tuple[str, ...]:
        """Their networks, each with the digest of its weights."""
        ...

    def read(self, caption: str) -> Any:
        """What they make of a caption.

        Raises:
            InstructionError: if they cannot read it whole.
            MeasureError: if they know no word of it.
        """
        ...

    def fit(self, waveform: Waveform, text: Any) -> float:
        """How well a sound fits a caption that was read: more is better.

        Raises:
            AudioError: if there is nothing to hear.
            MeasureError: if what is heard is no number.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A caption that sounds are made of."""

    caption: str
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class CandidatesConfig:
    """How candidates are made.

    Raises:
        ConfigError: if there are too few to choose from.
    """

    num_candidates: int = 5
    """Sounds of each caption."""
    seed: int = 0
    """Their noise derives from it and from the caption, not from the caption's place."""

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to choose."""
        if self.num_candidates < 2:
            raise ConfigError(
                f"num_candidates is {self.num_candidates}: a pair needs two sounds at least"
            )


class Candidates:
    """Makes and ranks the sounds of captions with one model and one pair of ears."""

    def __init__(self, model: Pretrained, ears: Ears, config: CandidatesConfig) -> None:
        self.model, self.ears, self.config = model.model, ears, config
        self.reader = ConditionReader(model.model, model.tokenizer)
        self.renderer = Renderer(model.model)
        self.settings = SamplingSettings.of(model.model.config.flow)

    def about(self, name: str) -> PairsAbout:
        """What is the same for all pairs, made by a model of that name."""
        sampling = {key: str(value) for key, value in asdict(self.settings).items()}
        return PairsAbout(
            model=name,
            model_key=key_of_model(self.model),
            ears=self.ears.described,
            preferred_by=self.ears.preferred_by,
            num_candidates=self.config.num_candidates,
            seed=self.config.seed,
            sampling=sampling,
        )

    def check(self, asked: Sequence[Asked]) -> None:
        """Nothing, if one take holds each sound.

        Raises:
            CorpusError: if there is no caption.
            ConfigError: if a sound is too long or too short.
        """
        if not asked:
            raise CorpusError("there is no caption to make sounds of: give one a line")
        longest_s = self.renderer.max_take_s
        for one in asked:
            if not MIN_DURATION_S <= one.duration_s <= longest_s:
                raise ConfigError(
                    f"'{one.caption}' is asked for with {one.duration_s:g} s: this model makes "
                    f"sounds of {MIN_DURATION_S:g} to {longest_s:g} s at once; give another "
                    "--duration"
                )

    def ranked(self, asked: Asked, key: str) -> tuple[Ranking, dict[str, Tensor]]:
        """What comes of a caption, and of a pair its tensors.

        Args:
            asked: the caption.
            key: its name, from which its noise derives.
        """
        try:
            text = self.ears.read(asked.caption)
        except (InstructionError, MeasureError):
            return Ranking(**asdict(asked), outcome="unread"), {}
        first = derive_seed(self.config.seed, int(key[:15], 16))
        seeds = [derive_seed(first, number) for number in range(self.config.num_candidates)]
        takes = [self.renderer.takes(0, asked.duration_s, seed)[0] for seed in seeds]
        condition = self.condition(asked)
        latents = list(self.latents(takes, condition))
        heard = [self.heard(take, kept) for take, kept in zip(takes, latents, strict=True)]
        silent = [one is not None and is_silent(one) for one in heard]
        scores = tuple(
            None if one is None or is_quiet else self.score(one, text)
            for one, is_quiet in zip(heard, silent, strict=True)
        )
        ends = best_and_worst(scores)
        known = sum(score is not None for score in scores)
        ranking = Ranking(
            **asdict(asked),
            outcome="pair" if ends else "tie" if known > 1 else "too_few",
            seeds=tuple(seeds),
            scores=scores,
            num_silent=sum(silent),
            winner=ends[0] if ends else None,
            loser=ends[1] if ends else None,
        )
        if not ends:
            return ranking, {}
        return ranking, {
            "winner_TC": latents[ends[0]],
            "loser_TC": latents[ends[1]],
            "condition_SD": condition.tokens_BSD[0],
        }

    def condition(self, asked: Asked) -> Condition:
        """What the DiT is told of a caption: that of a story of this one sound."""
        row = lone_story(asked.caption, asked.duration_s)
        story = story_of(row)
        window = Window(
            text=row.instruction,
            duration_s=row.duration_s,
            storyline=story.storyline,
            clips={0: story.clips[0]},
        )
        return self.reader.read(window)[0]

    def latents(self, takes: Sequence[Take], condition: Condition) -> Iterator[Tensor]:
        """Latents ``(T, C)`` of takes that are told the same, in half precision."""
        for batch in batches_of(takes, self.renderer.max_batch_frames):
            found_BTC = self.renderer.latents(batch, [condition] * len(batch), self.settings)
            for take, own_TC in zip(batch, found_BTC, strict=True):
                yield own_TC[: take.num_frames].half()

    def heard(self, take: Take, latents_TC: Tensor) -> Waveform | None:
        """The sound of latents as they are kept; None if they are no numbers."""
        if not torch.isfinite(latents_TC).all():
            return None
        return self.renderer.decode(take, latents_TC[None].float())

    def score(self, waveform: Waveform, text: Any) -> float | None:
        """How well a sound fits; None where that is no number."""
        try:
            score = self.ears.fit(waveform, text)
        except (AudioError, MeasureError):
            return None
        return score if math.isfinite(score) else None


def best_and_worst(scores: Sequence[float | None]) -> tuple[int, int] | None:
    """Indices of the best and the worst score; None if there are not two that differ.

    Of equal ones the first is taken.
    """
    known = [(score, -index) for index, score in enumerate(scores) if score is not None]
    if not known or min(known)[0] == max(known)[0]:
        return None
    worst = min(score for score, _ in known)
    return -max(known)[1], next(-place for score, place in known if score == worst)


def make_preferences(
    folder: Path,
    asked: Iterable[Asked],
    candidates: Candidates,
    name: str,
    progress: Progress | None = None,
) -> list[Ranking]:
    """Rank sounds of captions into a folder of pairs, or go on with it; what came of each.

    Args:
        folder: where pairs go (``data/preferences.py``); what is finished there is not made again.
        asked: captions; one that is asked for twice counts once.
        candidates: makes and ranks.
        name: what the model is called.
        progress: called with what is being done and the share done.

    Raises:
        CorpusError: if no caption gives a pair, with the reasons and their counts.
        ConfigError: if a sound cannot be made at once.
        OutputError: if the folder holds other pairs, or cannot be written.
    """
    wanted = list(dict.fromkeys(asked))
    candidates.check(wanted)
    about, place = candidates.about(name), PairsFolder(folder)
    place.open(about)
    found: dict[str, Ranking] = {}
    for number, one in enumerate(wanted, 1):
        key = key_of_caption(about, one.caption, one.duration_s)
        ranking = place.find(key)
        if ranking is None:
            ranking, tensors = candidates.ranked(one, key)
            place.keep(key, ranking, tensors)
        found[key] = ranking
        if progress:
            progress("ranking", number / len(wanted))
    rankings = list(found.values())
    if not any(one.outcome == "pair" for one in rankings):
        raise CorpusError(
            f"no caption gives a pair: {told(rankings)}; give more captions, more candidates or "
            "other ears, and a new folder"
        )
    place.finish(found)
    return rankings


def told(rankings: Sequence[Ranking]) -> str:
    """How many captions gave pairs, and why others gave none."""
    counts = counts_of(rankings)
    return (
        f"of {len(rankings)} captions {counts['pair']} gave a pair, {counts['tie']} had no best "
        f"candidate (equal scores), {counts['too_few']} had fewer than two with a score, "
        f"{counts['unread']} could not be read by these ears; candidates left out: "
        f"{counts['silent']} silent, {counts['unscored']} without a score"
    )
