"""One memory of the language model for several stories: they read as one batch.

A story, in a thread of its own, borrows a row; its reads wait until every lent row waits too. Then
all are answered, single tokens in one forward, longer texts row by row. Whoever asks last computes,
so there is neither a thread nor a timer for it. Stories join and leave at any time.

Shapes: ``L`` tokens, ``D`` the model's width, ``1`` one text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Condition

import torch
from torch import Tensor

from audiostory.errors import AudioStoryError
from audiostory.generate.transcript import Memory
from audiostory.models.llm import LanguageModel

STORY_ERRORS = (AudioStoryError, MemoryError, torch.OutOfMemoryError)
"""What one story may fail with; anything else is a bug, or an end to all."""


class SharedMemory:
    """Lends rows of a ``TokenMemory`` to threads.

    Args:
        llm: its network reads.
        num_rows: rows that are lent at once at most; who wants one more waits.
    """

    def __init__(self, llm: LanguageModel, num_rows: int) -> None:
        self._memory = llm.new_memory(num_rows)
        self._free = set(range(num_rows))
        self._asked: dict[int, list[int]] = {}
        self._answers: dict[int, Tensor | BaseException] = {}
        self._is_closed = False
        self._changed = Condition()
        """Held by whoever looks at any of the above, the computation included."""

    @contextmanager
    def lend(self) -> Iterator[Memory]:
        """A row of one's own, empty; nobody else's reads go on while it is lent and asks nothing.

        Raises:
            CancelledError: if the memory is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._is_closed)
            self._check_open()
            row = min(self._free)  # neighbours are read with less between them
            self._free.remove(row)
        try:
            yield LentRow(self, row)
        finally:
            with self._changed:
                self._asked.pop(row, None)  # left, if the thread was interrupted meanwhile
                self._answers.pop(row, None)
                self._memory.forget(row, 0)
                self._free.add(row)
                self._changed.notify_all()
                self._answer_if_all_wait()

    def close(self) -> None:
        """End all reads, those that wait and those to come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def length(self, row: int) -> int:
        """Tokens that the row remembers."""
        return self._memory.lengths[row]

    def forget(self, row: int, length: int) -> None:
        """Remember only the first ``length`` tokens of a row."""
        with self._changed:
            self._memory.forget(row, length)

    def read(self, row: int, ids: Sequence[int]) -> Tensor:
        """Last hidden states ``(1, L, D)`` of new tokens of a row, once all others wait too.

        Raises:
            CancelledError: if the memory is closed.
            ShapeError: if the text gets too long for the model.
        """
        with self._changed:
            self._check_open()
            self._asked[row] = list(ids)
            self._answer_if_all_wait()
            self._changed.wait_for(lambda: row in self._answers or self._is_closed)
            answer = self._answers.pop(row, None)
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            raise CancelledError
        return answer

    def _check_open(self) -> None:
        if self._is_closed:
            raise CancelledError

    def _answer_if_all_wait(self) -> None:
        """Answer everybody, if nobody who has a row is still to ask."""
        num_lent = self._memory.num_rows - len(self._free)
        if self._is_closed or not self._asked or len(self._asked) < num_lent:
            return
        asked, self._asked = self._asked, {}
        try:
            self._answers |= self._answers_to(asked)
        except BaseException as error:  # a bug: it ends them all
            self._answers |= dict.fromkeys(asked, error)
            raise
        finally:
            self._changed.notify_all()

    def _answers_to(self, asked: dict[int, list[int]]) -> dict[int, Tensor | Exception]:
        """Hidden states by row, or why a row has none."""
        steps = {row: ids[0] for row, ids in asked.items() if len(ids) == 1}
        answers: dict[int, Tensor | Exception] = {}
        if len(steps) > 1:
            with suppress(*STORY_ERRORS):  # told below, to rows that cannot be read alone either
                answers |= self._memory.read_step(steps)
        for row, ids in asked.items():
            if row in answers:
                continue
            try:
                if len(ids) == 1:
                    answers |= self._memory.read_step({row: ids[0]})
                else:
                    answers[row] = self._memory.read([ids], slice(row, row + 1))
            except STORY_ERRORS as error:
                answers[row] = error
        return answers


@dataclass(frozen=True)
class LentRow:
    """A row as a memory of its own: the ``Memory`` of a transcript."""

    shared: SharedMemory
    row: int

    @property
    def lengths(self) -> list[int]:
        """Tokens that the row remembers."""
        return [self.shared.length(self.row)]

    def read(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Last hidden states ``(1, L, D)`` of new tokens, which are remembered."""
        (text,) = ids
        return self.shared.read(self.row, text)

    def forget(self, row: int, length: int) -> None:
        """Remember only the first ``length`` tokens."""
        self.shared.forget(self.row + row, length)
