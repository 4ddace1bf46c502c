"""How well what a system says about a set agrees with people, with intervals.

Source: AudioStory Sec. 5.3, Table 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.question import QuestionSet
from audiostory.evaluate.statistics.resampling import Interval
from audiostory.evaluate.understanding.answers import Protocol, score_answers
from audiostory.evaluate.understanding.asking import check_captioned
from audiostory.evaluate.understanding.captions import num_silent, pairs_of, score_captions
from audiostory.evaluate.understanding.predictions import Asked
from audiostory.evaluate.understanding.score import Score


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
    check_captioned(items)
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
