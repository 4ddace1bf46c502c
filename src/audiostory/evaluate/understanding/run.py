"""A system asked about every recording of a set, and how well what it says agrees with people.

Source: AudioStory Sec. 5.3, Table 2. A captioner or an answerer is any callable; nothing here
knows a model. Predictions are kept in a file, so that an interrupted run goes on, and so that
metrics that were missing (``jars``) can be computed later from the same texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.question import QuestionSet
from audiostory.errors import CorpusError
from audiostory.evaluate.statistics.resampling import Interval
from audiostory.evaluate.understanding.answers import Protocol, score_answers
from audiostory.evaluate.understanding.captions import num_silent, pairs_of, score_captions
from audiostory.evaluate.understanding.predictions import Asked, Progress, predict
from audiostory.evaluate.understanding.score import Score

Captioner = Callable[[Waveform], str]
"""Says in a sentence what is heard."""
Answerer = Callable[[Waveform, str], str]
"""Answers a question about what is heard; ``""`` is no answer."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A score with the interval it lies in."""

    score: Score
    interval: Interval | None
    """None where the score is missing, or of one recording alone."""


@dataclass(frozen=True, kw_only=True)
class Understanding:
    """How well a system understands the recordings of a set."""

    asked: Asked
    num_items: int
    measured: tuple[Measured, ...]
    notes: tuple[str, ...]
    """Of the set, and on what the system left open: what a reader of the numbers has to know."""


def caption_set(
    captioner: Captioner,
    items: ItemSet,
    path: Path,
    *,
    system: str,
    progress: Progress | None = None,
) -> dict[str, str]:
    """A system's captions of a set's references, by item.

    Args:
        captioner: the system.
        items: a set with captions and references; of AudioCaps and Clotho, the choice ``first``.
        path: file of predictions, begun or gone on with (``predictions.predict``).
        system: what names the system, its weights and its prompt.
        progress: told after every item.

    Raises:
        CorpusError: if an item has no captions or no reference.
        OutputError: if the file cannot be gone on with or written.
    """
    _check_captioned(items)

    def say(index: int) -> str:
        reference = items.reference_of(items.items[index])
        if reference is None:
            raise CorpusError(f"{items.items[index].id} has no reference: nothing can be heard")
        return captioner(reference)

    asked = Asked(task="captions", set=items.name, version=items.version, system=system)
    ids = [item.id for item in items.items]
    return predict(asked, ids, say, path, progress=progress)


def answer_set(
    answerer: Answerer,
    questions: QuestionSet,
    path: Path,
    *,
    system: str,
    progress: Progress | None = None,
) -> dict[str, str]:
    """A system's answers to a set's questions, by question.

    Args:
        answerer: the system.
        questions: the set.
        path: file of predictions, begun or gone on with (``predictions.predict``).
        system: what names the system, its weights and its prompt.
        progress: told after every question.

    Raises:
        CorpusError: if a recording cannot be read.
        OutputError: if the file cannot be gone on with or written.
    """

    def say(index: int) -> str:
        question = questions.questions[index]
        return answerer(questions.audio_of(question), question.text)

    asked = Asked(task="answers", set=questions.name, version=questions.version, system=system)
    ids = [question.id for question in questions.questions]
    return predict(asked, ids, say, path, progress=progress)


def measure_captions(
    captions: Mapping[str, str],
    items: ItemSet,
    *,
    system: str,
    java: Path | None,
    resamples: int = 1_000,
    seed: int = 0,
) -> Understanding:
    """CIDEr, METEOR, SPICE and SPIDEr of a system's captions, with intervals over items.

    Args:
        captions: by item.
        items: the set they describe.
        system: what names the system.
        java: the program that runs Java (``jars.find_java``).
        resamples: how often items are drawn anew for the intervals.
        seed: of those draws.

    Raises:
        CorpusError: if an item has no captions.
        MeasureError: if captions and items are not the same, or cannot be compared.
        MissingExtraError: if pycocoevalcap is not installed.
    """
    _check_captioned(items)
    pairs = pairs_of(captions, {item.id: item.captions for item in items.items})
    scores = score_captions(pairs, java=java)
    notes = [*items.notes]
    if silent := num_silent(pairs):
        notes.append(f"{silent} captions hold no words; they score 0")
    return Understanding(
        asked=Asked(task="captions", set=items.name, version=items.version, system=system),
        num_items=len(pairs),
        measured=_measured(scores, resamples, seed),
        notes=tuple(notes),
    )


def measure_answers(
    given: Mapping[str, str],
    questions: QuestionSet,
    *,
    system: str,
    protocol: Protocol = "majority",
    resamples: int = 1_000,
    seed: int = 0,
) -> Understanding:
    """Accuracy of a system's answers, on all and on yes-or-no questions, with intervals.

    Recordings are drawn anew, each with all its questions, since those are not independent.

    Args:
        given: answers by question.
        questions: the set they answer.
        system: what names the system.
        protocol: what counts as right where people disagree (``answers``).
        resamples: how often recordings are drawn anew for the intervals.
        seed: of those draws.

    Raises:
        MeasureError: if answers and questions are not the same.
    """
    answers = score_answers(questions.questions, given, protocol)
    counts = {
        "questions are not answered; they are wrong": answers.unanswered,
        "yes-or-no questions are answered with neither; they are wrong": answers.unparseable,
        f"questions do not count under the protocol {protocol}": answers.undecided,
    }
    told = (f"{len(ids)} {what}" for what, ids in counts.items() if ids)
    return Understanding(
        asked=Asked(task="answers", set=questions.name, version=questions.version, system=system),
        num_items=len(questions.questions),
        measured=_measured((answers.accuracy, answers.binary_accuracy), resamples, seed),
        notes=(*questions.notes, *told),
    )


def _measured(scores: Sequence[Score], resamples: int, seed: int) -> tuple[Measured, ...]:
    return tuple(
        Measured(
            score=one,
            interval=one.interval(resamples=resamples, seed=seed) if one.num_units > 1 else None,
        )
        for one in scores
    )


def _check_captioned(items: ItemSet) -> None:
    """CorpusError if a set cannot be captioned."""
    bare = [item.id for item in items.items if not item.captions]
    if bare:
        raise CorpusError(
            f"{len(bare)} items of {items.name} have no captions to compare with "
            f"({', '.join(bare[:3])}): take a captioned set, such as audiocaps or clotho"
        )
