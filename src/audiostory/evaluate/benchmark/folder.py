"""What a system's run leaves on disk, so that nothing finished is ever done twice.

::

    OUT/SYSTEM/run.json                 who answered which set
    OUT/SYSTEM/questions.json           what was asked
    OUT/SYSTEM/measures.json            columns and encoders as last measured, and what is not
    OUT/SYSTEM/tracks/ITEM.flac         the answer, as it is measured
    OUT/SYSTEM/plans/ITEM.json          its plan, where the system makes one
    OUT/SYSTEM/records/ITEM.json        that the item is finished, or why it was refused
    OUT/SYSTEM/features/ENCODER/ITEM.npz
    OUT/SYSTEM/scores/ITEM.json         scores of each metric, under the metric's digest

Files appear whole or not at all. A record is written last: what has none is done again. A new
answer to an item removes all that was measured of the one before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from audiostory.audio.waveform import Waveform, atomic_output, load, save
from audiostory.config import from_dict, from_json, to_dict, to_json
from audiostory.data.cache import key_of
from audiostory.data.sets.item import Item
from audiostory.errors import AudioStoryError, OutputError
from audiostory.evaluate.benchmark.suite import Skipped, Suite, digest_of
from audiostory.evaluate.encoders.encoder import EncoderCard, Features
from audiostory.evaluate.metric import Column
from audiostory.story.plan import Plan
from audiostory.story.plan_file import load_plan, save_plan

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RunCard:
    """Who answered which set."""

    system: str
    """Name in reports."""
    described: str
    """Model, weights and settings, for readers."""
    set_name: str
    set_version: str
    set_notes: tuple[str, ...] = ()
    fingerprint: str = ""
    """Changes whenever the system would answer differently."""
    max_duration_s: float | None = None
    """Longest track the system makes (a column of Table 1); None where there is no such limit."""
    is_reference: bool = False
    """Whether the answers are the references themselves."""
    has_own_plan: bool = True
    """Whether its plans are its own, not given ones or the question again."""
    preferred_by: tuple[str, ...] = ()
    """Networks that ranked what its model was tuned on (``AudioStoryConfig.preferred_by``)."""
    version: int = FORMAT_VERSION


@dataclass(frozen=True, kw_only=True)
class AnswerRecord:
    """That an item was answered, or why not."""

    item: str
    question: str
    """Digest of what was asked, seed included."""
    refusal: str = ""
    """Why there is no track; empty where there is one."""
    duration_s: float = 0.0
    remark: str = ""
    """What has to be said of the track, such as that a reference is not the published one."""
    attenuated_db: float = 0.0
    """How much the track was turned down to be kept, where it exceeded full scale."""
    seconds: float = 0.0
    """Time the answer took; no part of any report's numbers."""

    @property
    def has_track(self) -> bool:
        """Whether there is a track to measure."""
        return not self.refusal


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a report has to know of an item."""

    id: str
    text: str
    stratum: str = ""
    duration_s: float | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What the numbers of a folder are."""

    columns: Mapping[str, tuple[Column, ...]]
    """Columns of each item metric, by the metric's digest, as last measured."""
    skipped: tuple[Skipped, ...] = ()
    earlier: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    """Columns of metrics that others took the place of, by digest: no report shows them. Scores are
    kept, for when they measure again."""
    encoders: tuple[EncoderCard, ...] | None = None
    """Who heard the tracks last; None in folders from before this was kept."""


def question_of(item: Item) -> str:
    """Digest of what a system is asked."""
    asked = item.instruction
    return key_of(asked.text, asked.duration_s, str(asked.audio), str(asked.video), item.seed)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one system's answers to one set."""

    path: Path

    def open(self, card: RunCard, items: Sequence[Item]) -> None:
        """Begin, or go on with, the run that ``card`` describes, on all items of its set.

        A folder from before fingerprints were kept takes that of ``card``.

        Raises:
            OutputError: if the folder holds another run's answers, or cannot be written.
        """
        place = self.path / "run.json"
        if place.exists() and not _is_same(found := self.card(), card):
            raise OutputError(
                f"{self.path} holds {_told(found)}; this would be {_told(card)}: choose another "
                "folder with --out, or remove this one"
            )
        write_text(place, to_json(card))
        asked = [_asked(item) for item in items]
        write_text(self.path / "questions.json", json.dumps(asked, ensure_ascii=False, indent=1))

    def questions(self) -> tuple[Question, ...]:
        """What is asked here, in order.

        Raises:
            OutputError: if this is no folder of a run.
        """
        try:
            entries = json.loads((self.path / "questions.json").read_text(encoding="utf-8"))
            return tuple(from_dict(Question, entry) for entry in entries)
        except (OSError, ValueError, AudioStoryError) as error:
            raise OutputError(f"{self.path} has no readable questions.json: {error}") from error

    def keep_measures(self, suite: Suite) -> None:
        """Write what a suite measures, in the place of what had the same columns.

        What earlier suites measured beside it stays. There is one embedded evaluator at a time.
        """
        before = self.measures()
        now = {digest_of(metric.columns): metric.columns for metric in suite.item_metrics}
        keys = {column.key for column in suite.columns}
        beside = {
            digest: columns
            for digest, columns in before.columns.items()
            if not keys & {column.key for column in columns}
        }
        columns = now | beside
        known = {**before.earlier, **before.columns}
        measures = Measures(
            columns=columns,
            skipped=suite.skipped,
            earlier={digest: one for digest, one in known.items() if digest not in columns},
            encoders=self._heard_with(suite),
        )
        write_text(self.path / "measures.json", to_json(measures))

    def _heard_with(self, suite: Suite) -> tuple[EncoderCard, ...]:
        """The encoders of a suite, and those of earlier ones that it takes no place of."""
        now = {name: encoder.card for name, encoder in suite.encoders.items()}
        has_embedded = any(card.is_embedded for card in now.values())
        beside = {
            card.name: card for card in self.encoders() if not (card.is_embedded and has_embedded)
        }
        return tuple(card for _, card in sorted((beside | now).items()))

    def measures(self) -> Measures:
        """What the numbers here are; nothing where nothing was measured."""
        place = self.path / "measures.json"
        if not place.exists():
            return Measures(columns={})
        return from_json(Measures, place.read_text(encoding="utf-8"))

    def card(self) -> RunCard:
        """Who answered here.

        Raises:
            OutputError: if this is no folder of a run.
        """
        try:
            return from_json(RunCard, (self.path / "run.json").read_text(encoding="utf-8"))
        except (OSError, AudioStoryError) as error:
            raise OutputError(
                f"{self.path} is not the folder of a benchmark run ({error}): make one with "
                "`audiostory evaluate run SYSTEM --set SET --out DIR`"
            ) from error

    def track(self, item_id: str) -> Path:
        """Where an item's track is."""
        return self.path / "tracks" / f"{item_id}.flac"

    def plan(self, item_id: str) -> Path:
        """Where an item's plan is."""
        return self.path / "plans" / f"{item_id}.json"

    def lock(self, item_id: str) -> Path:
        """The file whose holder works on an item."""
        return self.path / "records" / f"{item_id}.lock"

    def record(self, item: Item) -> AnswerRecord | None:
        """That ``item`` is finished; None if it is not, or was asked otherwise."""
        record = self.kept_record(item.id)
        return record if record is not None and record.question == question_of(item) else None

    def kept_record(self, item_id: str) -> AnswerRecord | None:
        """That an item is finished, whatever was asked; None if it is not."""
        place = self._record_at(item_id)
        if not place.exists():
            return None
        record = from_json(AnswerRecord, place.read_text(encoding="utf-8"))
        return record if not record.has_track or self.track(item_id).exists() else None

    def keep_answer(
        self,
        item: Item,
        waveform: Waveform,
        plan: Plan | None,
        *,
        seconds: float,
        remark: str = "",
    ) -> None:
        """Write an answer in the place of an earlier one: track, plan, and last its record.

        A track over full scale is turned down as a whole, and the record says by how much.
        """
        self.forget(item.id)
        self.track(item.id).parent.mkdir(parents=True, exist_ok=True)
        peak = float(np.abs(waveform.samples).max(initial=0.0))
        if peak > 1.0:
            waveform = Waveform(waveform.samples / np.float32(peak), waveform.sample_rate_hz)
        save(waveform, self.track(item.id), overwrite=True)
        if plan is not None:
            self.plan(item.id).parent.mkdir(parents=True, exist_ok=True)
            save_plan(plan, self.plan(item.id), overwrite=True)
        record = AnswerRecord(
            item=item.id,
            question=question_of(item),
            duration_s=waveform.duration_s,
            remark=remark,
            attenuated_db=round(20.0 * math.log10(max(peak, 1.0)), 2),
            seconds=round(seconds, 3),
        )
        self._keep(record)

    def keep_refusal(self, item: Item, reason: str) -> None:
        """Write that a system gives no answer; an earlier one is removed."""
        self.forget(item.id)
        self._keep(AnswerRecord(item=item.id, question=question_of(item), refusal=reason))

    def forget(self, item_id: str) -> None:
        """Remove an answer and all that was measured of it; its record first, so it is made again.

        Raises:
            OutputError: if a file cannot be removed.
        """
        heard = self.path / "features"
        places = [
            self._record_at(item_id),
            self.path / "scores" / f"{item_id}.json",
            *(folder / f"{item_id}.npz" for folder in heard.glob("*")),
            self.plan(item_id),
            self.track(item_id),
        ]
        for place in places:
            try:
                place.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"cannot remove {place}: {error.strerror or error}") from error

    def forget_refusals(self, items: Sequence[Item]) -> None:
        """Let items that were refused be asked again.

        Raises:
            OutputError: if a file cannot be removed.
        """
        for item in items:
            record = self.kept_record(item.id)
            if record is not None and not record.has_track:
                self.forget(item.id)

    def _record_at(self, item_id: str) -> Path:
        return self.path / "records" / f"{item_id}.json"

    def _keep(self, record: AnswerRecord) -> None:
        write_text(self._record_at(record.item), to_json(record))

    def answer(self, item: Item) -> tuple[Waveform, Plan | None]:
        """A finished answer.

        Raises:
            AudioError: if the track cannot be read.
            PlanError: if the plan cannot be read.
        """
        plan = self.plan(item.id)
        return load(self.track(item.id)), load_plan(plan) if plan.exists() else None

    def features(self, card: EncoderCard, item_id: str) -> Features | None:
        """What an encoder heard in an item's track; None if it has not, or was another one."""
        place = self._features_at(card, item_id)
        if not place.exists():
            return None
        with np.load(place, allow_pickle=False) as kept:
            if str(kept["card"]) != card_digest(card):
                return None
            probabilities = kept.get("probabilities")
            return Features(
                kept["embeddings"], kept["starts_s"], float(kept["window_s"]), probabilities
            )

    def keep_features(self, card: EncoderCard, item_id: str, features: Features) -> None:
        """Write what an encoder heard in an item's track."""
        arrays: dict[str, Any] = {
            "embeddings": features.embeddings,
            "starts_s": features.starts_s,
            "window_s": np.float32(features.window_s),
            "card": np.array(card_digest(card)),
        }
        if features.probabilities is not None:
            arrays["probabilities"] = features.probabilities
        place = self._features_at(card, item_id)
        write_text(place.parent / "card.json", to_json(card))
        write_file(place, lambda file: np.savez(file, **arrays))

    def _features_at(self, card: EncoderCard, item_id: str) -> Path:
        return self.path / "features" / card.name / f"{item_id}.npz"

    def encoders(self) -> tuple[EncoderCard, ...]:
        """The encoders that heard the tracks here last, by name."""
        if (kept := self.measures().encoders) is not None:
            return kept
        found = sorted((self.path / "features").glob("*/card.json"))
        return tuple(from_json(EncoderCard, one.read_text(encoding="utf-8")) for one in found)

    def scores(self, item_id: str) -> dict[str, dict[str, float | None]]:
        """Scores of an item's track, by metric digest and column."""
        place = self.path / "scores" / f"{item_id}.json"
        return json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}

    def keep_scores(self, item_id: str, scores: Mapping[str, Mapping[str, float | None]]) -> None:
        """Write all scores of an item's track."""
        text = json.dumps(scores, indent=1, allow_nan=False, sort_keys=True)
        write_text(self.path / "scores" / f"{item_id}.json", text + "\n")


def _is_same(kept: RunCard, card: RunCard) -> bool:
    """Whether both are one run: notes may change from one command to the next."""
    fingerprint = kept.fingerprint or card.fingerprint
    return replace(kept, fingerprint=fingerprint, set_notes=()) == replace(card, set_notes=())


def _told(card: RunCard) -> str:
    """Who answered which set, in words."""
    mark = f", fingerprint {card.fingerprint[:12]}" if card.fingerprint else ""
    return f"{card.system} on {card.set_name} {card.set_version} ({card.described}{mark})"


def _asked(item: Item) -> dict[str, Any]:
    asked = item.instruction
    question = Question(
        id=item.id,
        text=asked.text,
        stratum=item.stratum,
        duration_s=asked.duration_s,
        seed=item.seed,
    )
    return to_dict(question)


def card_digest(card: EncoderCard) -> str:
    """A short name that changes with anything that changes an encoder's numbers.

    A whole number counts as what it becomes in a file: 1 s as 1.0 s.
    """
    return key_of(asdict(from_dict(EncoderCard, to_dict(card))))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    write_file(path, lambda file: file.write(text.encode("utf-8")))


def write_file(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file, whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(path, overwrite=True) as partial, partial.open("wb") as file:
            write(file)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
