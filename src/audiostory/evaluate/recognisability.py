"""Whether generated sounds are recognised as what they should be, by the embedded evaluator.

Three sets of clips are heard by the same ears: real test clips, the same through the codec, and
generated ones. A group's accuracy on generated clips is read beside the real clips' own, and
beside the spread of its clips: one good sound, made again and again, is recognised perfectly.

- *accuracy*: the likeliest of the groups asked for is the right one (macro: mean over groups).
  *sure*: and it counts as found. A silent clip is always wrong.
- *spread*: mean distance between two clips of a group in the text-audio network's space, over pairs
  from different sources (recordings, or renderings), as a ratio to the real clips' spread.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from audiostory.errors import ConfigError
from audiostory.evaluate.embedded.detector import pooled
from audiostory.evaluate.embedded.evaluator import EmbeddedEvaluator
from audiostory.evaluate.kinds import EVERY
from audiostory.evaluate.samples import (
    Progress,
    Reconstruct,
    Render,
    Sample,
    folder_samples,
    group_captions,
    real_samples,
    rendered_samples,
)
from audiostory.evaluate.tuning import taste_warning

RESAMPLES = 1_000
"""Draws of recordings behind an interval."""
SILENCE = "silence"
"""Answer for a clip in which nothing is heard."""
SILENT_PEAK = 1e-3
"""Peak (of full scale) below which a clip is silent: -60 dB."""


@dataclass(frozen=True)
class Heard:
    """What one clip was heard as."""

    group: str
    source: str
    answer: str
    """The likeliest group, or ``SILENCE``."""
    is_doubted: bool
    """Whether the answer's group does not count as found in it."""
    embedding: np.ndarray | None
    """(D,): where the clip lies; None for silence."""

    @property
    def is_right(self) -> bool:
        """Whether the answer is the group."""
        return self.answer == self.group


@dataclass(frozen=True)
class Spread:
    """How far apart the clips of one group lie."""

    mean: float
    is_across_sources: bool
    """Whether the pairs come from different sources; False where there is only one source."""


class HeardSet:
    """What a set of clips was heard as, by group."""

    def __init__(self, heard: Iterable[Heard]) -> None:
        self.by_group: dict[str, list[Heard]] = defaultdict(list)
        for one in heard:
            self.by_group[one.group].append(one)

    def accuracy(self, group: str, *, sure: bool = False) -> float | None:
        """Share of the group's clips that are recognised (without doubt); None if it has none."""
        clips = self.by_group.get(group, [])
        hits = [one.is_right and not (sure and one.is_doubted) for one in clips]
        return sum(hits) / len(hits) if hits else None

    def macro(self, groups: Sequence[str], *, sure: bool = False) -> float:
        """Mean accuracy over those of ``groups`` that have clips."""
        shares = [self.accuracy(group, sure=sure) for group in groups]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known else float("nan")

    def confusion(self, group: str) -> Counter[str]:
        """How often the group's clips were heard as what."""
        return Counter(one.answer for one in self.by_group.get(group, []))

    def spread(self, group: str, *, recognised: bool = False) -> Spread | None:
        """Mean distance between the group's clips; None for fewer than two."""
        clips = [one for one in self.by_group.get(group, []) if one.embedding is not None]
        clips = [one for one in clips if one.is_right or not recognised]
        if len(clips) < 2:
            return None
        points_ND = np.stack([one.embedding for one in clips if one.embedding is not None])
        distances_NN = np.linalg.norm(points_ND[:, None] - points_ND[None], axis=2)
        sources = np.array([one.source for one in clips])
        upper_NN = np.triu(np.ones((len(clips), len(clips)), dtype=bool), 1)
        across_NN = upper_NN & (sources[:, None] != sources[None])
        chosen_NN = across_NN if across_NN.any() else upper_NN
        return Spread(float(distances_NN[chosen_NN].mean()), bool(across_NN.any()))

    def resampled_macro(
        self, groups: Sequence[str], random: np.random.Generator, count: int = RESAMPLES
    ) -> np.ndarray:
        """Macro accuracies had other recordings (with replacement) been in the set."""
        total = np.zeros(count)
        present = [group for group in groups if self.by_group.get(group)]
        for group in present:
            hits: dict[str, list[bool]] = defaultdict(list)
            for one in self.by_group[group]:
                hits[one.source].append(one.is_right)
            right = np.array([sum(one) for one in hits.values()], dtype=float)
            size = np.array([len(one) for one in hits.values()], dtype=float)
            drawn = random.integers(len(size), size=(count, len(size)))
            total += right[drawn].sum(axis=1) / size[drawn].sum(axis=1)
        return total / max(len(present), 1)


@dataclass(frozen=True)
class Report:
    """What was heard in real, reconstructed and generated clips."""

    ears: str
    """Which evaluator heard them."""
    groups: tuple[str, ...]
    sets: dict[str, HeardSet]
    """``real``, ``generated`` and, where there is a codec, ``reconstructed``."""
    warning: str = ""
    """Why generated clips are no witness, where their model was tuned to please such ears."""

    def ratio(self, group: str | None = None, *, which: str = "generated") -> float | None:
        """Accuracy relative to real clips, of a group or of all that both sets have (macro)."""
        own, real = self.sets[which], self.sets["real"]
        if group is None:
            shared = self._shared(which)
            return _ratio(own.macro(shared), real.macro(shared))
        return _ratio(own.accuracy(group), real.accuracy(group))

    def _shared(self, which: str) -> list[str]:
        sets = (self.sets[which].by_group, self.sets["real"].by_group)
        return [group for group in self.groups if all(group in by_group for by_group in sets)]

    def groups_at_half(self, which: str = "generated") -> tuple[int, int]:
        """Groups that reach half of their real clips' accuracy, and groups where that is not 0."""
        ratios = [self.ratio(group, which=which) for group in self.groups]
        known = [ratio for ratio in ratios if ratio is not None]
        return sum(ratio >= 0.5 for ratio in known), len(known)

    def ratio_interval(self, which: str = "generated") -> tuple[float, float]:
        """Where the macro ratio lies with 95 % of resampled recordings and renderings."""
        random = np.random.default_rng(0)
        shared = self._shared(which)
        own = self.sets[which].resampled_macro(shared, random)
        real = self.sets["real"].resampled_macro(shared, random)
        low, high = np.quantile(own / np.maximum(real, 1e-9), [0.025, 0.975])
        return float(low), float(high)

    def spread_ratio(
        self, group: str, *, which: str = "generated", recognised: bool = False
    ) -> float | None:
        """Spread of a group's clips relative to real clips'."""
        own = self.sets[which].spread(group, recognised=recognised)
        real = self.sets["real"].spread(group, recognised=recognised)
        return _ratio(own.mean, real.mean) if own and real else None

    def mean_spread_ratio(self, *, which: str = "generated", recognised: bool = False) -> float:
        """Mean of the groups' spread ratios, where they are known."""
        ratios = [
            self.spread_ratio(group, which=which, recognised=recognised) for group in self.groups
        ]
        known = [one for one in ratios if one is not None]
        return sum(known) / len(known) if known else float("nan")

    def summary(self) -> dict[str, dict[str, float | int | list[float] | None]]:
        """The numbers of each set: clips, macro accuracies, ratios to real, spread."""
        entry: dict[str, dict[str, float | int | list[float] | None]] = {}
        for name, own in self.sets.items():
            entry[name] = {
                "clips": sum(map(len, own.by_group.values())),
                "accuracy": own.macro(self.groups),
                "sure_accuracy": own.macro(self.groups, sure=True),
                "ratio": self.ratio(which=name),
                "ratio_interval": list(self.ratio_interval(name)),
                "groups_at_half": list(self.groups_at_half(name)),
                "spread_ratio": self.mean_spread_ratio(which=name),
                "spread_ratio_recognised": self.mean_spread_ratio(which=name, recognised=True),
            }
        return entry

    def to_json(self) -> dict[str, Any]:
        """Everything but the embeddings, as JSON can hold it."""
        by_group = {
            group: {
                name: {
                    "clips": len(own.by_group.get(group, [])),
                    "accuracy": own.accuracy(group),
                    "sure_accuracy": own.accuracy(group, sure=True),
                    "heard_as": dict(own.confusion(group).most_common()),
                    "spread_ratio": self.spread_ratio(group, which=name),
                }
                for name, own in self.sets.items()
            }
            for group in self.groups
        }
        told = {"warning": self.warning} if self.warning else {}
        return {"ears": self.ears, **told, "summary": self.summary(), "groups": by_group}

    def to_markdown(self) -> str:
        """The summary, a table by group and the confusion matrix of every set."""
        lines = [f"# Recognisability, heard by {self.ears}", ""]
        lines += [f"> **careful**: {self.warning}", ""] if self.warning else []
        lines += self._summary_table() + [""] + self._group_table()
        for name, own in self.sets.items():
            lines += ["", f"## What {name} clips were heard as", ""]
            lines += self._confusion_table(own)
        lines += ["", "`*`: the real clips come from one recording, so their spread is small."]
        return "\n".join(lines) + "\n"

    def _summary_table(self) -> list[str]:
        lines = [
            "| clips | number | accuracy | sure | ratio to real (95 %) | groups at half of real "
            "| spread / real | of the recognised |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for name, own in self.sets.items():
            low, high = self.ratio_interval(name)
            reached, known = self.groups_at_half(name)
            lines.append(
                f"| {name} | {sum(map(len, own.by_group.values()))} "
                f"| {_cell(own.macro(self.groups))} | {_cell(own.macro(self.groups, sure=True))} "
                f"| {_cell(self.ratio(which=name))} ({low:.2f}-{high:.2f}) "
                f"| {reached} of {known} "
                f"| {_cell(self.mean_spread_ratio(which=name))} "
                f"| {_cell(self.mean_spread_ratio(which=name, recognised=True))} |"
            )
        return lines

    def _group_table(self) -> list[str]:
        names = list(self.sets)
        lines = [
            f"| group | {' | '.join(names)} | ratio | spread / real | generated heard as |",
            "|---|" + "---|" * len(names) + "---|---|---|",
        ]
        for group in self.groups:
            cells = [_cell(own.accuracy(group)) for own in self.sets.values()]
            real = self.sets["real"].spread(group)
            mark = "" if real is None or real.is_across_sources else "*"
            heard = self.sets["generated"].confusion(group).most_common(3)
            lines.append(
                f"| {group} | {' | '.join(cells)} | {_cell(self.ratio(group))} "
                f"| {_cell(self.spread_ratio(group))}{mark} "
                f"| {', '.join(f'{answer} {count}' for answer, count in heard)} |"
            )
        return lines

    def _confusion_table(self, own: HeardSet) -> list[str]:
        answers = (*self.groups, SILENCE)
        lines = ["| | " + " | ".join(answers) + " |", "|---" * (len(answers) + 1) + "|"]
        for group in self.groups:
            counts = own.confusion(group)
            lines.append(f"| {group} | {' | '.join(str(counts[one] or '') for one in answers)} |")
        return lines


def _cell(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.2f}"


def _ratio(own: float | None, real: float | None) -> float | None:
    return own / real if own is not None and real else None


class Ears:
    """Names the likeliest of some groups in a clip, with the embedded evaluator.

    Raises:
        ConfigError: if the evaluator does not know a group.
    """

    def __init__(self, evaluator: EmbeddedEvaluator, groups: Sequence[str] = EVERY) -> None:
        self.evaluator, self.groups = evaluator, tuple(groups)
        known = evaluator.config.detector.groups
        unknown = [group for group in groups if group not in known]
        if unknown:
            raise ConfigError(
                f"the evaluator does not know {', '.join(unknown)}: choose from {', '.join(known)}"
            )
        self._columns = [known.index(group) for group in groups]
        self._thresholds = [evaluator.config.thresholds[column] for column in self._columns]

    def hear(self, samples: Iterable[Sample]) -> HeardSet:
        """What every clip is heard as; the clips are not kept."""
        return HeardSet(self._heard(sample) for sample in samples)

    def _heard(self, sample: Sample) -> Heard:
        if np.abs(sample.waveform.samples).max(initial=0.0) < SILENT_PEAK:
            return Heard(sample.group, sample.source, SILENCE, is_doubted=True, embedding=None)
        moments = self.evaluator.hearing(sample.waveform)
        presence_KG = self.evaluator.detector.presence(moments)[0][:, self._columns]
        answer = int(pooled(presence_KG).argmax())
        is_found = float(presence_KG[:, answer].max()) > self._thresholds[answer]
        embedding = self.evaluator.network.whole(moments).numpy()
        return Heard(sample.group, sample.source, self.groups[answer], not is_found, embedding)


def recognisability(
    ears: Ears,
    real: Iterable[Sample],
    reconstructed: Iterable[Sample] | None,
    generated: Iterable[Sample],
) -> Report:
    """What is heard in real clips, in their codec reconstructions and in generated ones.

    The sets may be generators: each clip is heard once and let go.
    """
    sets = {"real": ears.hear(real)}
    if reconstructed is not None:
        sets["reconstructed"] = ears.hear(reconstructed)
    sets["generated"] = ears.hear(generated)
    card = ears.evaluator.tagger.card
    return Report(f"{card.checkpoint} {card.digest}".strip(), ears.groups, sets)


def run_recognisability(
    ears: Ears,
    corpus: Path,
    generated: Render | Path,
    folder: Path,
    *,
    reconstruct: Reconstruct | None = None,
    per_group: int = 8,
    preferred_by: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Measure a generator; writes ``recognisability.json`` and ``.md``.

    Args:
        ears: who hears the clips.
        corpus: folder with ``metadata.jsonl`` and the real clips.
        generated: sounds a caption with a seed; or a folder of finished clips, by group.
        folder: where the report goes.
        reconstruct: a clip through the codec; None leaves reconstructions out.
        per_group: captions to sound for each group.
        preferred_by: networks that ranked what the generator was tuned on.
        progress: called with what is being done and its share done.

    Raises:
        CorpusError: if the corpus cannot be read.
    """
    groups = ears.groups
    if isinstance(generated, Path):
        samples = folder_samples(generated, groups)
    else:
        samples = rendered_samples(group_captions(corpus, groups, per_group), generated, progress)
    report = recognisability(
        ears,
        real_samples(corpus, groups),
        None if reconstruct is None else real_samples(corpus, groups, reconstruct),
        samples,
    )
    report = replace(report, warning=taste_warning(report.ears, preferred_by))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_json(), indent=1)
    (folder / "recognisability.json").write_text(text + "\n", encoding="utf-8")
    (folder / "recognisability.md").write_text(report.to_markdown(), encoding="utf-8")
    return report
