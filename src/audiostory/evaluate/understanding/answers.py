"""Accuracy of answers to questions about sounds, beside the answers several people gave.

Papers differ in what counts as right where people disagree, so that a number has to say:

- ``majority``: the answer that more than half of the people gave; a question without one is not
  counted.
- ``any``: an answer that at least one person gave.
- ``unanimous``: the answer that all gave; a question on which they disagree is not counted.
- ``each``: every person's answer is a question of its own, as in lists with a row for each: the
  share of people who agree.

Texts are compared after ``normalised``. To a yes-or-no question (one that more than half of the
people answered with yes or no), the first word of an answer is taken if it is yes or no; one that
begins otherwise is unparseable, and wrong. A question that is not answered is wrong.

Source: Lipping et al., Clotho-AQA, arXiv:2204.09634 (three answers to each question). AudioStory
Table 2 prints ACC and B-ACC and says neither how people's answers are counted nor what B stands
for; here it is the accuracy on yes-or-no questions.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from audiostory.data.sets.question import Question
from audiostory.errors import MeasureError
from audiostory.evaluate.metric import Column
from audiostory.evaluate.understanding.score import PERCENT, Score, mean_score

Protocol = Literal["majority", "any", "unanimous", "each"]
YES_OR_NO = ("yes", "no")
ARTICLES = {"a", "an", "the"}
NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBERS: dict[str, str] = dict(zip(NUMBER_WORDS.split(" "), map(str, range(13)), strict=True))


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What answers to a set of questions are worth, and what became of each of them."""

    protocol: Protocol
    accuracy: Score
    """On all questions that count under the protocol."""
    binary_accuracy: Score
    """On those of them that are yes-or-no questions."""
    unanswered: tuple[str, ...]
    """Ids of the questions that were answered with nothing; they are wrong."""
    unparseable: tuple[str, ...]
    """Ids of the yes-or-no questions whose answer begins with neither; they are wrong."""
    undecided: tuple[str, ...]
    """Ids of the questions that do not count under the protocol: people disagree too much."""


def score_answers(
    questions: Sequence[Question], given: Mapping[str, str], protocol: Protocol = "majority"
) -> Answers:
    """Accuracy of the answers given to questions.

    Args:
        questions: with the answers that people gave.
        given: the system's answers by question; ``""`` where it had none.
        protocol: what counts as right where people disagree.

    Raises:
        MeasureError: if there are no questions, two share an id, or ``given`` is not about the
            same ones.
    """
    names = list(dict.fromkeys(question.id for question in questions))
    if len(names) < len(questions):
        raise MeasureError("two questions share an id: give each its own")
    lacking = [name for name in names if name not in given]
    unknown = sorted(given.keys() - set(names))
    if not names or lacking or unknown:
        raise MeasureError(
            f"of {len(names)} questions, {len(lacking)} have no answer "
            f"({', '.join(lacking[:3]) or 'none'}) and {len(unknown)} answers no question "
            f"({', '.join(unknown[:3]) or 'none'}): answer the set that is measured"
        )
    said = {one.id: answer_said(given[one.id], one) for one in questions}
    worth = {one.id: credit(said[one.id], one, protocol) for one in questions}
    binary = [worth[one.id] if is_binary(one) else None for one in questions]
    unanswered = tuple(name for name in names if not normalised(given[name]))
    recordings = [one.recording for one in questions]
    accuracy = _column("aqa_accuracy", "ACC", "all questions", protocol)
    on_binary = _column("aqa_binary_accuracy", "B-ACC", "yes-or-no questions", protocol)
    return Answers(
        protocol=protocol,
        accuracy=mean_score(accuracy, list(worth.values()), recordings),
        binary_accuracy=mean_score(on_binary, binary, recordings),
        unanswered=unanswered,
        unparseable=tuple(
            name for name, text in said.items() if text is None and name not in unanswered
        ),
        undecided=tuple(name for name, one in worth.items() if one is None),
    )


def normalised(answer: str) -> str:
    """An answer as it is compared: lower case, no punctuation, no articles, numbers in digits.

    Punctuation becomes a space; "zero" to "twelve" become digits. Inflections stay: "dogs" is
    not "dog".
    """
    lowered = unicodedata.normalize("NFKC", answer).casefold()
    words = re.sub(r"[^\w]|_", " ", lowered).split()
    return " ".join(NUMBERS.get(word, word) for word in words if word not in ARTICLES)


def is_binary(question: Question) -> bool:
    """Whether more than half of the people answered a question with yes or no."""
    votes = [normalised(answer) in YES_OR_NO for answer in question.answers]
    return 2 * sum(votes) > len(votes)


def answer_said(given: str, question: Question) -> str | None:
    """The normalised answer that a text gives to a question; None where it gives none."""
    words = normalised(given)
    if not is_binary(question):
        return words or None
    first = words.partition(" ")[0]
    return first if first in YES_OR_NO else None


def credit(said: str | None, question: Question, protocol: Protocol) -> float | None:
    """What an answer is worth in percent; None where the question does not count."""
    votes = Counter(normalised(answer) for answer in question.answers)
    if protocol == "any":
        return PERCENT * (said in votes)
    if protocol == "each":
        return PERCENT * votes[said or ""] / votes.total() if said else 0.0
    answer, count = votes.most_common(1)[0]
    is_decided = count == votes.total() if protocol == "unanimous" else 2 * count > votes.total()
    return PERCENT * (said == answer) if is_decided else None


def _column(key: str, title: str, about: str, protocol: Protocol) -> Column:
    return Column(
        key=key,
        title=title,
        better="higher",
        detail=f"accuracy on {about}, %; people's answers: {protocol}",
        decimals=1,
        source="arXiv:2204.09634",
        section="understanding",
    )
