"""What a judge answered, one JSON file per question, so that nothing is asked or paid for twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from audiostory.audio.waveform import atomic_output
from audiostory.chat import ChatAnswer, ChatRequest
from audiostory.errors import OutputError
from audiostory.evaluate.judge.cost import Price, Usage, billed, usage_of, worst_usage
from audiostory.evaluate.judge.question import Question
from audiostory.evaluate.judge.rubric import Mark

FORMAT = "audiostory.judge-answer"
VERSION = 1


@dataclass(frozen=True)
class Marks:
    """A judge's answer to one question."""

    repeat: int
    overall: Mark
    criteria: dict[str, Mark]
    answer: ChatAnswer
    """As it came, with what it cost."""


class AnswerFolder:
    """A folder of answers, named by what was asked; several processes may share it.

    A file appears whole or not at all, so a run may be killed at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, question: Question) -> Marks | None:
        """The answer kept for a question; None if there is none yet.

        Raises:
            OutputError: if the file is there, but holds something else.
        """
        path = self.path_of(question)
        if not path.exists():
            return None
        with _told_if_damaged(path):
            return marks_of(question, _read(path).answer)

    def usage(self, model: str, price: Price | None) -> Usage:
        """What all answers of a model took that are kept here, whatever they are about.

        Args:
            model: as its client is called.
            price: says how many tokens sound is taken for that an API did not count.

        Raises:
            OutputError: if a file holds no answer.
        """
        total = Usage()
        for path in sorted(self.folder.glob("??/*.json")):
            with _told_if_damaged(path):
                kept = _read(path)
                if kept.model == model:
                    used = usage_of([kept.answer])
                    worst = worst_usage(kept.request, kept.audio_s, price)
                    total += billed(used, worst) if price else used
        return total

    def keep(self, question: Question, answer: ChatAnswer, item: str, audio_s: float) -> None:
        """Write an answer down, with all that was asked.

        Args:
            question: what was asked.
            answer: what came.
            item: the track's.
            audio_s: seconds of sound that went with the question.

        Raises:
            OutputError: if it cannot be written.
        """
        path = self.path_of(question)
        kept = {
            "format": FORMAT,
            "version": VERSION,
            "item": item,
            "asked": dict(question.evidence),
            "audio_s": audio_s,
            "answered_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "answer": asdict(answer),
        }
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"the folder {path.parent} for the judge's answers cannot be made: {error.strerror}"
            ) from error
        with atomic_output(path, overwrite=True) as part:
            part.write_text(text, encoding="utf-8")

    def path_of(self, question: Question) -> Path:
        """Where a question's answer is kept; 256 folders, so that none holds too many files."""
        return self.folder / question.key[:2] / f"{question.key}.json"


@dataclass(frozen=True)
class _Kept:
    """An answer as it lies on disk."""

    model: str
    """As its client is called."""
    request: ChatRequest
    """What was asked, without the sound and the form."""
    audio_s: float
    """Of the sound; 0 in files that do not say it."""
    answer: ChatAnswer


def _read(path: Path) -> _Kept:
    """An answer's file; errors are ``_told_if_damaged``'s to tell."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    if (kept["format"], kept["version"]) != (FORMAT, VERSION):
        raise ValueError(f"it is {kept['format']!r}, version {kept['version']!r}")
    asked, answer = kept["asked"], ChatAnswer(**kept["answer"])
    request = ChatRequest(
        text=asked["text"],
        system=asked["system"],
        max_output_tokens=asked["max_output_tokens"],
        max_asks=max(1, answer.asks),
    )
    return _Kept(asked["model"], request, float(kept.get("audio_s", 0.0)), answer)


@contextmanager
def _told_if_damaged(path: Path) -> Iterator[None]:
    """Name the file that is no answer."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise OutputError(
            f"{path} holds no answer to its question ({error}): remove it to ask again"
        ) from error


def marks_of(question: Question, answer: ChatAnswer) -> Marks:
    """The marks in an answer that fits the question's form.

    Raises:
        ValidationError: if it does not.
    """
    assert question.request.schema is not None, "a judge's question has a form"
    form = question.request.schema.model_validate_json(answer.text)
    marks = {name: getattr(form, name) for name in type(form).model_fields}
    return Marks(question.repeat, marks.pop("overall"), marks, answer)
