"""ClothoAQA: six questions about each recording of Clotho, three people's answers to each.

The test list is ``clotho_aqa_test.csv`` (columns ``file_name``, ``QuestionText``, ``answer``,
``confidence``): a row holds one person's answer, and the rows of one question belong together. Four
questions of six are to be answered with yes or no, two with another single word.

Source: Lipping et al., Clotho-AQA, EUSIPCO 2022, arXiv:2204.09634; AudioStory Table 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from audiostory.data.sets.clotho import stem_of
from audiostory.data.sets.question import Question, QuestionSet
from audiostory.data.sets.recordings import (
    Recordings,
    edition_of,
    id_of,
    inside,
    length_of,
    note_missing,
    waveform_of,
)
from audiostory.data.sets.tables import Row, digest_of, read_table
from audiostory.errors import CorpusError

COLUMNS = ("file_name", "QuestionText", "answer", "confidence")
ANSWERS_PER_QUESTION = 3

Key = tuple[str, str]
"""A recording's name and the text of a question about it."""


def load_clotho_aqa(
    folder: Path,
    *,
    max_missing: int = 0,
    answers: str = "clotho_aqa_test.csv",
    audio: str = "audio_files",
) -> QuestionSet:
    """The test questions of ClothoAQA whose recordings are there.

    Rows with the same recording and the same question are one question's, wherever they stand. A
    row without an answer is left out and counted in the notes.

    Args:
        folder: where the list and the folder of recordings lie.
        max_missing: how many recordings may be missing; questions about them are left out, and
            the recordings named in the notes.
        answers: name of the list.
        audio: name of the folder of recordings, which are called as in ``file_name``.

    Raises:
        CorpusError: naming the line of the list that cannot be used, or the recordings that are
            missing.
    """
    rows = _rows(folder / answers)
    recordings = Recordings(folder / audio)
    names = list(dict.fromkeys(name for name, _ in rows))
    files = {name: recordings.find((name,)) for name in names}
    lacking = [name for name in names if files[name] is None]
    missing = note_missing(lacking, len(names), max_missing=max_missing, folder=recordings.folder)
    there = {name: path for name, path in files.items() if path is not None}
    return QuestionSet(
        name="clotho-aqa",
        version=edition_of(digest_of(folder / answers), present=len(there), total=len(names)),
        questions=tuple(_questions(rows, there)),
        audio_of=lambda question: waveform_of(there[question.recording]),
        length_of=lambda question: length_of(there[question.recording]),
        notes=(*_notes(rows), *missing),
    )


def _rows(path: Path) -> dict[Key, list[Row]]:
    """Rows of the list by question, in the order of their first rows."""
    rows: dict[Key, list[Row]] = {}
    for row in read_table(path, COLUMNS):
        file = inside(row.text("file_name"), row.place)
        if len(file.parts) > 1:
            raise CorpusError(f"{row.place}: {file} is no file name: give it without folders")
        rows.setdefault((stem_of(file), row.text("QuestionText")), []).append(row)
    return rows


def _questions(rows: Mapping[Key, Sequence[Row]], there: Mapping[str, Path]) -> list[Question]:
    """The questions about recordings that are there and that somebody answered."""
    questions: list[Question] = []
    asked: Counter[str] = Counter()
    for (name, text), of_question in rows.items():
        asked[name] += 1
        answered = [row for row in of_question if row.cells["answer"]]
        if name not in there or not answered:
            continue
        questions.append(
            Question(
                id=f"{id_of(name)}-q{asked[name]}",
                recording=name,
                text=text,
                answers=tuple(row.cells["answer"] for row in answered),
                confidences=tuple(row.cells["confidence"] for row in answered),
            )
        )
    return questions


def _notes(rows: Mapping[Key, Sequence[Row]]) -> list[str]:
    """Notes on answers that are not there, and questions with more or fewer than three."""
    notes: list[str] = []
    empty = [
        row.place for of_question in rows.values() for row in of_question if not row.cells["answer"]
    ]
    if empty:
        notes.append(f"{len(empty)} rows hold no answer and are left out: {', '.join(empty)}")
    silent = [
        f"{name}: {text}"
        for (name, text), of_question in rows.items()
        if not any(row.cells["answer"] for row in of_question)
    ]
    if silent:
        notes.append(f"{len(silent)} questions nobody answered are left out: {'; '.join(silent)}")
    sizes = Counter(len(of_question) for of_question in rows.values())
    odd = {size: count for size, count in sorted(sizes.items()) if size != ANSWERS_PER_QUESTION}
    if odd:
        told = ", ".join(f"{count} with {size}" for size, count in odd.items())
        notes.append(f"not every question has {ANSWERS_PER_QUESTION} answers: {told}")
    return notes
