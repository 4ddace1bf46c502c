"""What a system is asked about the recordings of a set, and asking it all of that.

Predictions are kept in a file (``predictions``), so that an interrupted run goes on, and so that
metrics that were missing (``jars``) can be computed later from the same texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audiostory.audio.waveform import Waveform
from audiostory.chat import ChatUnavailableError
from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.question import QuestionSet
from audiostory.errors import CorpusError
from audiostory.evaluate.judge.cost import Usage
from audiostory.evaluate.judge.report import Estimate
from audiostory.evaluate.understanding.listener import ChatListener, Listener
from audiostory.evaluate.understanding.predictions import (
    Asked,
    Progress,
    Refused,
    kept_in,
    predict,
)


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """All that a system is asked about a set."""

    asked: Asked
    ids: tuple[str, ...]
    """Of the items, in order."""
    questions: tuple[str, ...]
    """What is asked of each; "" asks for a caption."""
    audio_of: Callable[[int], Waveform]
    """The recording of the item of an index."""
    length_of: Callable[[int], float]
    """Its seconds, without reading all of it."""


def captions_wanted(items: ItemSet, system: str) -> Inquiry:
    """A caption of every reference of a set.

    Args:
        items: a set with captions and references; of AudioCaps and Clotho, the choice ``first``.
        system: what names the system, its weights and its prompt.

    Raises:
        CorpusError: if an item has no captions or no reference.
    """
    check_captioned(items)

    def audio_of(index: int) -> Waveform:
        reference = items.reference_of(items.items[index])
        if reference is None:
            raise CorpusError(f"{items.items[index].id} has no reference: nothing can be heard")
        return reference

    def length_of(index: int) -> float:
        return items.items[index].instruction.duration_s or audio_of(index).duration_s

    return Inquiry(
        asked=Asked(task="captions", set=items.name, version=items.version, system=system),
        ids=tuple(item.id for item in items.items),
        questions=("",) * len(items.items),
        audio_of=audio_of,
        length_of=length_of,
    )


def answers_wanted(questions: QuestionSet, system: str) -> Inquiry:
    """An answer to every question of a set.

    Args:
        questions: the set.
        system: what names the system, its weights and its prompt.
    """
    every = questions.questions
    return Inquiry(
        asked=Asked(task="answers", set=questions.name, version=questions.version, system=system),
        ids=tuple(one.id for one in every),
        questions=tuple(one.text for one in every),
        audio_of=lambda index: questions.audio_of(every[index]),
        length_of=lambda index: questions.length_of(every[index]),
    )


def ask(
    listener: Listener,
    inquiry: Inquiry,
    path: Path,
    *,
    refused: Refused | None = None,
    num_threads: int = 1,
    progress: Progress | None = None,
) -> dict[str, str]:
    """What a system says about every item, by id; nothing in the file is asked again.

    Args:
        listener: the system.
        inquiry: what it is asked.
        path: file of predictions, begun or gone on with.
        refused: decides on items without an answer; None lets the error through.
        num_threads: items that are asked about at the same time.
        progress: told after every item.

    Raises:
        CorpusError: if a recording cannot be read.
        ChatUnavailableError: if a chat model cannot be asked; what was answered is kept.
        OutputError: if the file cannot be gone on with or written.
    """

    def say(index: int) -> str:
        waveform, question = inquiry.audio_of(index), inquiry.questions[index]
        return listener.answer(waveform, question) if question else listener.caption(waveform)

    try:
        return predict(
            inquiry.asked,
            inquiry.ids,
            say,
            path,
            refused=refused,
            num_threads=num_threads,
            progress=progress,
        )
    except ChatUnavailableError as error:
        raise ChatUnavailableError(
            f"{error}. Answers so far are kept in {path}: run again to go on"
        ) from error


def estimate(listener: ChatListener, inquiry: Inquiry, path: Path) -> Estimate:
    """What ``ask`` will probably take; nothing is sent.

    Raises:
        OutputError: if the file holds something else.
        CorpusError: if a recording cannot be read.
    """
    kept = kept_in(path, inquiry.asked)
    audio_s, usage = 0.0, Usage()
    for index, (name, question) in enumerate(zip(inquiry.ids, inquiry.questions, strict=True)):
        if name not in kept:
            length_s = inquiry.length_of(index)
            audio_s += length_s
            usage += listener.expected(length_s, question)
    return Estimate(
        num_questions=len(inquiry.ids),
        num_kept=len(kept),
        num_failures=0,
        audio_s=audio_s,
        usage=usage,
        price=listener.budget.price,
    )


def check_captioned(items: ItemSet) -> None:
    """Nothing, if a set can be captioned.

    Raises:
        CorpusError: if an item has no captions to compare with.
    """
    bare = [item.id for item in items.items if not item.captions]
    if bare:
        raise CorpusError(
            f"{len(bare)} items of {items.name} have no captions to compare with "
            f"({', '.join(bare[:3])}): take a captioned set, such as audiocaps or clotho"
        )
