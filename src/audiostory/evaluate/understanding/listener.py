"""A system that hears and writes: whoever is asked for captions and answers.

``Listener`` is the seam. Chat models that hear stand behind it here, models of ours in
``checkpoint``.

The prompts are ours: the paper prints none for its Table 2.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from audiostory.audio.waveform import Waveform
from audiostory.chat import (
    AudioPart,
    ChatAnswer,
    ChatClient,
    ChatRequest,
    ChatUnavailableError,
    UnusableAnswerError,
)
from audiostory.evaluate.judge.cost import (
    Budget,
    Usage,
    expected_usage,
    usage_of,
    worst_usage,
)
from audiostory.evaluate.judge.hearing import Hearing, heard
from audiostory.evaluate.understanding.bill import Bill

SYSTEM = "You listen to recordings of sounds. Say only what can be heard."
CAPTION = (
    "Describe the recording in one sentence, as a caption of 8 to 20 words: what sounds, how, and "
    "in which order. Write the sentence alone."
)
ANSWER = (
    "Answer this question about the recording with yes or no if it can be answered so, otherwise "
    "with a single word. Write the answer alone.\n\nQuestion: "
)


class Listener(Protocol):
    """Says what it hears."""

    @property
    def name(self) -> str:
        """What names the system, its weights and its prompt."""
        ...

    def caption(self, waveform: Waveform) -> str:
        """A sentence on what is heard.

        Raises:
            ChatError: if it gives none.
            AudioError: if the recording cannot be heard.
        """
        ...

    def answer(self, waveform: Waveform, question: str) -> str:
        """The answer to a question about what is heard; raises as ``caption`` does."""
        ...


class ChatListener:
    """A chat model that hears; threads may share it.

    Args:
        client: the model.
        bill: where all that is paid for is entered; it counts towards the budget's limits.
        budget: a limit; None is no limit.
        hearing: how sound is sent.
    """

    def __init__(
        self,
        client: ChatClient,
        bill: Bill,
        *,
        budget: Budget | None = None,
        hearing: Hearing | None = None,
    ) -> None:
        self.client, self.bill = client, bill
        self.budget, self.hearing = budget or Budget(), hearing or Hearing()
        self.budget.before = bill.total

    @property
    def name(self) -> str:
        """Model, prompts and what it hears."""
        prompts = "\n".join((SYSTEM, CAPTION, ANSWER))
        digest = hashlib.sha256(prompts.encode()).hexdigest()[:12]
        return f"{self.client.name}, prompts {digest}, {self.hearing.described}"

    def caption(self, waveform: Waveform) -> str:
        """A sentence on what is heard; see ``Listener``.

        Raises:
            ChatUnavailableError: if the model cannot be asked at all.
            BudgetError: before a limit is passed.
        """
        return self._ask(waveform, "")

    def answer(self, waveform: Waveform, question: str) -> str:
        """The answer to a question; raises as ``caption`` does."""
        return self._ask(waveform, question)

    def expected(self, duration_s: float, question: str = "") -> Usage:
        """What one question will probably take; nothing is sent.

        Args:
            duration_s: of the recording.
            question: what is asked about it; "" asks for a caption.
        """
        return expected_usage(_request(question), duration_s, self.budget.price)

    def _ask(self, waveform: Waveform, question: str) -> str:
        sound = heard(waveform, self.hearing)
        request = _request(question, sound.part)
        worst = worst_usage(request, sound.duration_s, self.budget.price)
        self.budget.set_aside(worst)
        came: tuple[ChatAnswer, ...] = ()
        try:
            answer = self.client.ask(request)
            came = (answer,)
        except (ChatUnavailableError, UnusableAnswerError) as error:
            came = error.answers
            raise
        finally:
            used = usage_of(came)
            self.budget.settle(worst, used)
            if came:
                self.bill.add(self.budget.taken(used, worst))
        return " ".join(answer.text.split())


def _request(question: str, *sounds: AudioPart) -> ChatRequest:
    text = f"{ANSWER}{question}" if question else CAPTION
    return ChatRequest(text=text, system=SYSTEM, audio=sounds, seed=0)
