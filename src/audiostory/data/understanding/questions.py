"""Questions about recordings and their answers, made from what data sets say of them.

AudioStory Sec. 5.1 converts captions into questions and answers and does not print how; the
wordings here are ours. A closed question names a caption or a label: that of the recording, or one
of another row that shares no label and next to no words with it. So a "no" is only as true as what
a data set says of a recording is complete: a caption may pass over what else is heard.

The same row, generator state and rows give the same questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from audiostory.data.sounds import draw
from audiostory.data.understanding.rows import Exchange, HeardRow
from audiostory.errors import CorpusError
from audiostory.story.clauses import stems

ALIKE = 0.25
"""Share of a text's telling words from which on it may be true of a recording that has them too."""
NUM_OPTIONS = 3
"""Answers to choose from."""
FORMS: tuple[str, ...] = ("label", "caption")
"""What a closed question can name; all its options are of one form."""

CAPTION_REQUESTS = (
    "Describe the recording in one sentence.",
    "Write a caption for this audio.",
    "What can be heard here?",
    "Describe the sounds in this audio.",
    "Summarise what happens in the recording.",
    "Tell what you hear.",
)
OPEN_QUESTIONS = (
    "What kind of sound is this?",
    "What is the source of the sound?",
    "Name what is heard, in a few words.",
    "What makes the sound in this recording?",
)
LABEL_QUESTIONS = (
    "Is this heard in the recording: {}?",
    "Can you hear {} here?",
    "Does the audio contain {}?",
)
DESCRIPTION_QUESTIONS = (
    "Does this describe the recording: {}",
    "Is this a fitting caption: {}",
    "Is the following true of the audio? {}",
)
CHOICE_QUESTIONS = (
    "Which of these is heard? {}",
    "Which of the following fits the recording? {}",
    "Choose what the audio contains: {}",
)


@dataclass(frozen=True)
class Questions:
    """Asks about rows; other rows provide what is not heard.

    Raises:
        CorpusError: if there are no rows, an unknown kind is named, or nothing can be asked of one.
    """

    rows: Sequence[HeardRow]
    kinds: tuple[str, ...] = ("caption", "open", "yes_no", "choice", "own")
    """What may be asked, keys of ``KINDS``."""

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to ask."""
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise CorpusError(f"no kind of question '{unknown[0]}'; there are {', '.join(KINDS)}")
        if not self.rows:
            raise CorpusError("there are no recordings to ask about")
        if mute := [row for row in self.rows if not self.possible(row)]:
            raise CorpusError(
                f"{mute[0].place}: none of {', '.join(self.kinds)} can be asked of it, nor of "
                f"{len(mute) - 1} other rows: allow other kinds, or leave them out"
            )

    def possible(self, row: HeardRow) -> list[str]:
        """The kinds that can be asked of a row."""
        has = {
            "caption": bool(row.caption),
            "open": bool(row.labels),
            "yes_no": bool(forms_of(row)),
            "choice": bool(forms_of(row)),
            "own": bool(row.exchanges),
        }
        return [kind for kind in self.kinds if has[kind]]

    def ask(self, index: int, generator: torch.Generator, count: int = 1) -> list[Exchange]:
        """So many questions about a row; no kind comes again before every other has come.

        Raises:
            CorpusError: if no other row differs enough to say what is not heard.
        """
        kinds = self.possible(self.rows[index])
        order: list[int] = []
        while len(order) < count:
            order += torch.randperm(len(kinds), generator=generator).tolist()
        return [KINDS[kinds[place]](self, index, generator) for place in order[:count]]

    def negatives(self, index: int, form: str, generator: torch.Generator) -> Iterator[str]:
        """What is not heard in a row, of a form, each text once, in random order."""
        row = self.rows[index]
        said = told_by(row)
        seen: set[str] = set()
        for other_index in shuffled(len(self.rows), generator):
            other = self.rows[other_index]
            if set(row.labels) & set(other.labels) or not texts_of(other, form):
                continue
            text = one_of(texts_of(other, form), generator)
            if text not in seen and not is_alike(text, said):
                seen.add(text)
                yield text

    def some_negatives(
        self, index: int, form: str, count: int, generator: torch.Generator
    ) -> list[str]:
        """So many of them.

        Raises:
            CorpusError: if there are fewer.
        """
        found = list(islice(self.negatives(index, form, generator), count))
        if len(found) < count:
            raise CorpusError(
                f"{self.rows[index].place}: among {len(self.rows)} rows only {len(found)} others "
                f"have a {form} that is surely not heard in it, {count} are needed: give more "
                "varied rows, or leave yes_no and choice out of the kinds"
            )
        return found


def texts_of(row: HeardRow, form: str) -> tuple[str, ...]:
    """What a closed question can name of a row: texts with words that tell something."""
    texts = row.labels if form == "label" else (row.caption,)
    return tuple(text for text in texts if stems(text))


def forms_of(row: HeardRow) -> list[str]:
    """The forms in which a closed question can name what is heard in a row."""
    return [form for form in FORMS if texts_of(row, form)]


def told_by(row: HeardRow) -> frozenset[str]:
    """Stems of all words that tell what is heard in a row."""
    return frozenset(stems(" ".join((row.caption, *row.labels))))


def is_alike(text: str, said: frozenset[str]) -> bool:
    """Whether a text may be true of a recording of which so much is said."""
    names = set(stems(text))
    return len(names & said) >= ALIKE * len(names)


def shuffled(count: int, generator: torch.Generator) -> Iterator[int]:
    """The whole numbers below ``count``, each once, from anywhere on in strides of any width."""
    place, stride = draw(count, generator), 1 + draw(count, generator)
    while math.gcd(stride, count) != 1:
        stride = 1 + draw(count, generator)
    for _ in range(count):
        yield place
        place = (place + stride) % count


def one_of(texts: Sequence[str], generator: torch.Generator) -> str:
    """Any of the texts."""
    return texts[draw(len(texts), generator)]


def _caption(questions: Questions, index: int, generator: torch.Generator) -> Exchange:
    """A request to describe it."""
    request = one_of(CAPTION_REQUESTS, generator)
    return Exchange(question=request, answer=questions.rows[index].caption, kind="caption")


def _open(questions: Questions, index: int, generator: torch.Generator) -> Exchange:
    """What is heard, in a few words: all labels."""
    answer = ", ".join(questions.rows[index].labels)
    return Exchange(question=one_of(OPEN_QUESTIONS, generator), answer=answer, kind="open")


def _yes_no(questions: Questions, index: int, generator: torch.Generator) -> Exchange:
    """Whether something is heard: as often as not."""
    row = questions.rows[index]
    form, is_true = one_of(forms_of(row), generator), bool(draw(2, generator))
    if is_true:
        named = one_of(texts_of(row, form), generator)
    else:
        (named,) = questions.some_negatives(index, form, 1, generator)
    wordings = LABEL_QUESTIONS if form == "label" else DESCRIPTION_QUESTIONS
    question = one_of(wordings, generator).format(named)
    return Exchange(question=question, answer="yes" if is_true else "no", kind="yes_no")


def _choice(questions: Questions, index: int, generator: torch.Generator) -> Exchange:
    """Which of several things is heard; the answer is the thing itself."""
    row = questions.rows[index]
    form = one_of(forms_of(row), generator)
    right = one_of(texts_of(row, form), generator)
    options = [right, *questions.some_negatives(index, form, NUM_OPTIONS - 1, generator)]
    order = torch.randperm(NUM_OPTIONS, generator=generator).tolist()
    listed = " ".join(
        f"({letter}) {options[place]}" for letter, place in zip("abc", order, strict=True)
    )
    question = one_of(CHOICE_QUESTIONS, generator).format(listed)
    return Exchange(question=question, answer=right, kind="choice")


def _own(questions: Questions, index: int, generator: torch.Generator) -> Exchange:
    """A question of the data set itself."""
    exchanges = questions.rows[index].exchanges
    return exchanges[draw(len(exchanges), generator)]


KINDS: dict[str, Callable[[Questions, int, torch.Generator], Exchange]] = {
    "caption": _caption,
    "open": _open,
    "yes_no": _yes_no,
    "choice": _choice,
    "own": _own,
}
"""Kinds of questions, by their names."""
