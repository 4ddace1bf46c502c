"""Asking a system every question of a set, and measuring every answer: resumable, item by item.

Asking and measuring are separate passes over the same folder: a metric that is added later
measures tracks that are there already, and a run that was killed goes on with the next item.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from audiostory.audio.waveform import Waveform
from audiostory.chat import ChatUnavailableError
from audiostory.data.sets.item import Item, ItemSet
from audiostory.errors import (
    AudioError,
    AudioStoryError,
    ChatError,
    DeviceMemoryError,
    FormatError,
    InstructionError,
    MeasureError,
    OutputError,
    PlanError,
    ShapeError,
)
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.suite import Suite, digest_of
from audiostory.evaluate.encoders.encoder import AudioEncoder, Features
from audiostory.evaluate.metric import Subject, UnscoredError
from audiostory.generate.batch.claims import claim
from audiostory.generate.narration import Generator
from audiostory.story.plan import Plan

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""
Answer = Callable[[Item], tuple[Waveform, Plan | None]]
"""A system's track for an item, and its plan where it makes one."""
REFUSALS = (InstructionError, FormatError, PlanError, ShapeError, AudioError, ChatError)
"""Errors that a system has with an item. Others (no server, no corpus, no memory, a full disk) say
nothing of the item: they end the run, and the next one asks again."""


def asking(generator: Generator, *, has_plan: bool = True) -> Answer:
    """How a generator answers items.

    Args:
        generator: the system.
        has_plan: False for systems whose plan is only the question again, so that no score of
            plans is given to them.
    """

    def answer(item: Item) -> tuple[Waveform, Plan | None]:
        narration = generator.generate(item.instruction, seed=item.seed)
        return narration.waveform, narration.plan if has_plan else None

    return answer


def reference_answers(item_set: ItemSet) -> Answer:
    """The references themselves as a system's answers.

    Raises:
        MeasureError: if the set has no reference audio.
    """
    if not item_set.has_references:
        raise MeasureError(
            f"the set {item_set.name} is read without its audio, so it has no references: name "
            "the folder of its sounds with --corpus"
        )

    def answer(item: Item) -> tuple[Waveform, Plan | None]:
        waveform = item_set.reference_of(item)
        if waveform is None:
            raise AudioError(f"{item.id} has no reference audio")
        return waveform, None

    return answer


def answer_items(
    answer: Answer,
    items: Sequence[Item],
    folder: RunFolder,
    progress: Progress | None = None,
    *,
    remark_of: Callable[[Item], str] = lambda _: "",
) -> Iterator[Item]:
    """Answer every item that has no answer yet; yields each as it is finished here.

    An item that the system refuses (one of ``REFUSALS``) is recorded with the reason and counts
    as unanswered in every report. Items that another process is working on are left to it.

    Args:
        answer: the system.
        items: what it is asked.
        folder: where answers are looked up and kept.
        progress: called with what is being done and its share done.
        remark_of: what has to be said of the answer just given (``ItemSet.remark_of`` of
            references).

    Raises:
        AudioStoryError: if no item can be answered at present, or an answer cannot be written:
            nothing finished is lost.
    """
    for number, item in enumerate(items, 1):
        if folder.record(item) is None and _answered(answer, item, folder, remark_of):
            yield item
        if progress:
            progress("answering", number / len(items))


def _answered(
    answer: Answer, item: Item, folder: RunFolder, remark_of: Callable[[Item], str]
) -> bool:
    """Whether the item was answered here and now."""
    folder.lock(item.id).parent.mkdir(parents=True, exist_ok=True)
    held = claim(folder.lock(item.id))
    if held is None:
        return False
    with held:
        if folder.record(item) is not None:
            return False
        began = time.perf_counter()
        try:
            waveform, plan = answer(item)
            seconds = time.perf_counter() - began
            folder.keep_answer(item, waveform, plan, seconds=seconds, remark=remark_of(item))
        except ChatUnavailableError:
            raise
        except REFUSALS as error:
            folder.keep_refusal(item, str(error))
    return True


@dataclass(frozen=True)
class Listening:
    """Tracks of one folder as encoders hear them: heard once, then kept on disk."""

    folder: RunFolder
    suite: Suite

    def features(self, name: str, item: Item, waveform: Waveform | None = None) -> Features:
        """What the encoder ``name`` hears in an item's track.

        Raises:
            MeasureError: if there is no such encoder.
        """
        encoder = self._encoder(name)
        kept = self.folder.features(encoder.card, item.id)
        if kept is None:
            kept = encoder.hear(waveform or self.folder.answer(item)[0])
            self.folder.keep_features(encoder.card, item.id, kept)
        return kept

    def _encoder(self, name: str) -> AudioEncoder:
        if name not in self.suite.encoders:
            known = ", ".join(self.suite.encoders) or "none"
            raise MeasureError(f"no encoder {name!r} takes part; there are: {known}")
        return self.suite.encoders[name]


@dataclass(frozen=True, kw_only=True)
class Unscored:
    """A score that could not be had this time."""

    item: str
    why: str


def subject_of(
    item: Item, item_set: ItemSet, listening: Listening, *, with_reference: bool = True
) -> Subject:
    """An answered item as metrics see it.

    Raises:
        AudioError: naming the item whose track cannot be read.
    """
    try:
        waveform, plan = listening.folder.answer(item)
    except AudioError as error:
        raise AudioError(f"{item.id}: {error}; remove its record to have it made again") from error
    has_reference = with_reference and item_set.has_references
    return Subject(
        item=item,
        waveform=waveform,
        plan=plan,
        features_of=lambda name: listening.features(name, item, waveform),
        reference=item_set.reference_of(item) if has_reference else None,
        is_own_plan=listening.folder.card().has_own_plan,
    )


def measure_items(
    suite: Suite, item_set: ItemSet, folder: RunFolder, progress: Progress | None = None
) -> tuple[Unscored, ...]:
    """Hear and score every answered track; what was measured before is not measured again.

    Returns what could not be scored this time, for which another run tries again. A metric that
    cannot go on (a judge without a connection) is left out from then on, and its error is raised
    once all others have measured everything.

    Raises:
        AudioError: naming the track that cannot be read.
        OutputError: if what was measured cannot be written.
        AudioStoryError: of the first metric that could not go on.
    """
    folder.keep_measures(suite)
    listening = Listening(folder, suite)
    unscored: list[Unscored] = []
    stopped: dict[str, AudioStoryError] = {}
    for number, item in enumerate(item_set.items, 1):
        record = folder.record(item)
        if record is not None and record.has_track:
            unscored += _measure(item_set, listening, item, stopped)
        if progress:
            progress("measuring", number / len(item_set.items))
    for error in stopped.values():
        raise error
    return tuple(unscored)


def _measure(
    item_set: ItemSet, listening: Listening, item: Item, stopped: dict[str, AudioStoryError]
) -> Iterator[Unscored]:
    """Hear and score one track; metrics that cannot go on are put into ``stopped``, by digest."""
    folder, suite = listening.folder, listening.suite
    missing = [
        name
        for name, encoder in suite.encoders.items()
        if folder.features(encoder.card, item.id) is None
    ]
    scores = folder.scores(item.id)
    todo = [
        metric
        for metric in suite.item_metrics
        if digest_of(metric.columns) not in scores and digest_of(metric.columns) not in stopped
    ]
    if not (missing or todo):
        return
    subject = subject_of(item, item_set, listening, with_reference=bool(todo))
    for name in missing:
        subject.features_of(name)
    for metric in todo:
        try:
            scores[digest_of(metric.columns)] = dict(metric.measure(subject))
        except UnscoredError as error:
            yield Unscored(item=item.id, why=str(error))
        except (OutputError, DeviceMemoryError):
            raise
        except AudioStoryError as error:
            stopped[digest_of(metric.columns)] = error
        else:
            folder.keep_scores(item.id, scores)
