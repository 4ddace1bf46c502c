"""A model behind an API hears a track and scores it: the judged columns of Table 1.

Source: AudioStory, Sec. 3 and Appendix E.2 (Gemini-2.0-flash, scores from 0 to 5).
The paper's prompt, its sampling and how its four criteria become one score are not published, so
numbers made here compare with each other, and with the paper's only by their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from audiostory.chat import ChatAnswer, ChatClient, ChatUnavailableError, UnusableAnswerError
from audiostory.errors import AudioError, ChatError, ConfigError
from audiostory.evaluate.judge.answers import AnswerFolder, Marks, marks_of
from audiostory.evaluate.judge.cost import Budget, Usage, usage_of, worst_usage
from audiostory.evaluate.judge.hearing import Heard, Hearing, heard
from audiostory.evaluate.judge.question import Question, Sampling, question_of
from audiostory.evaluate.judge.rubric import MAX_SCORE, Rubric, paper_rubrics
from audiostory.evaluate.judge.verdict import Failure, Scores, Verdict
from audiostory.evaluate.metric import Column, Subject

NOT_ANSWERED = "no answer yet: run again to ask"


@dataclass(frozen=True)
class Docket:
    """All that a judge is to be asked about one track."""

    item: str
    questions: tuple[Question, ...]
    """By rubric, then by repeat."""
    sound: Heard | None
    failures: tuple[Failure, ...]
    """Of rubrics that cannot be asked."""
    without_plan: tuple[str, ...]
    """Rubrics on the plan, where there is none."""

    def audio_s(self, question: Question) -> float:
        """Seconds of sound that go with a question."""
        return self.sound.duration_s if self.sound and question.request.audio else 0.0


@dataclass(frozen=True)
class _Outcome:
    """What one question came to."""

    question: Question
    marks: Marks | None
    used: Usage = field(default_factory=Usage)
    kept: Usage = field(default_factory=Usage)
    why: str = ""

    @property
    def rubric(self) -> Rubric:
        """The rubric that was asked by."""
        return self.question.rubric

    def failure(self, item: str) -> Failure:
        """The question as one that has no answer."""
        return Failure(item=item, rubric=self.rubric.key, repeat=self.question.repeat, why=self.why)


class Judge:
    """Scores tracks by rubrics; as a metric, ``benchmark.judging.JudgeMetric``.

    Every answer is kept in ``folder`` when it comes, so a run that ends (killed, out of budget, API
    down) asks only what is missing when it runs again. A refusal, or answers that never fit, are a
    failure of that item: listed, never scored, and asked again by the next run. A system without
    plans has no score for reasoning, since there is nothing to read: None, not 0.

    Args:
        client: the model.
        folder: where answers are kept.
        rubrics: what is asked; None is the paper's four.
        sampling: how answers are drawn.
        hearing: how sound is sent.
        budget: a limit, towards which this model's answers in ``folder`` count, too; None is no
            limit.
        num_threads: questions about one track that are asked at the same time.

    Raises:
        ConfigError: if there is no rubric, two share a column, or there is no thread.
        OutputError: if there is a limit, and a file in ``folder`` holds no answer.
    """

    def __init__(
        self,
        client: ChatClient,
        folder: Path,
        *,
        rubrics: Sequence[Rubric] | None = None,
        sampling: Sampling | None = None,
        hearing: Hearing | None = None,
        budget: Budget | None = None,
        num_threads: int = 4,
    ) -> None:
        self.client, self.answers = client, AnswerFolder(folder)
        self.rubrics = paper_rubrics() if rubrics is None else tuple(rubrics)
        self.sampling, self.hearing = sampling or Sampling(), hearing or Hearing()
        self.budget = budget or Budget()
        self._num_threads = num_threads
        columns = [rubric.column for rubric in self.rubrics]
        if not columns or len(set(columns)) < len(columns):
            raise ConfigError(f"a judge needs rubrics with different columns, got {columns}")
        if num_threads < 1:
            raise ConfigError(f"num_threads is {num_threads}: at least one has to ask")
        if self.budget.is_limited:
            self.budget.before = self.answers.usage(client.name, self.budget.price)

    @property
    def columns(self) -> tuple[Column, ...]:
        """One for each rubric, in order."""
        drawn = f"mean of {self.sampling.repeats} at temperature {self.sampling.temperature:g}"
        return tuple(
            Column(
                key=rubric.column,
                title=rubric.column_title,
                better="higher",
                detail=f"{self.client.name}, rubric {rubric.digest}, 0 to {MAX_SCORE}, {drawn}, "
                f"seed {self.sampling.seed}, "
                + (self.hearing.described if "audio" in rubric.shown else "text only"),
                decimals=2,
                source=rubric.source,
                section="judge",
            )
            for rubric in self.rubrics
        )

    def judge(self, subject: Subject) -> Verdict:
        """All scores of a track, with reasons, spread and failures.

        Raises:
            ChatUnavailableError: if the model cannot be asked at all; what was answered is kept.
            BudgetError: before a limit is passed.
        """
        docket = self.docket_of(subject)
        return self._verdict(docket, self._outcomes(docket))

    def recall(self, subject: Subject) -> Verdict:
        """What is said of a track by the answers that are kept; nothing is sent.

        Questions without an answer are failures, ``NOT_ANSWERED``.
        """
        docket = self.docket_of(subject)
        kept = [(one, self._kept(one, docket)) for one in docket.questions]
        outcomes = [found or _Outcome(one, None, why=NOT_ANSWERED) for one, found in kept]
        return self._verdict(docket, outcomes)

    def _verdict(self, docket: Docket, outcomes: Sequence[_Outcome]) -> Verdict:
        """What the outcomes of a docket's questions come to."""
        return Verdict(
            item=docket.item,
            scores=tuple(
                Scores(
                    rubric,
                    tuple(one.marks for one in outcomes if one.marks and one.rubric == rubric),
                )
                for rubric in self.rubrics
            ),
            failures=(
                *docket.failures,
                *(one.failure(docket.item) for one in outcomes if one.marks is None),
            ),
            without_plan=docket.without_plan,
            gain_db=docket.sound.gain_db if docket.sound else 0.0,
            used=sum((one.used for one in outcomes), Usage()),
            kept=sum((one.kept for one in outcomes), Usage()),
        )

    def docket_of(self, subject: Subject) -> Docket:
        """What is to be asked about a track; nothing is sent."""
        sound, why = self._heard(subject)
        questions: list[Question] = []
        failures: list[Failure] = []
        without_plan: list[str] = []
        for rubric in self.rubrics:
            if "plan" in rubric.shown and subject.plan is None:
                without_plan.append(rubric.key)
            elif "audio" in rubric.shown and sound is None:
                failures.append(
                    Failure(item=subject.item.id, rubric=rubric.key, repeat=None, why=why)
                )
            else:
                questions += self._repeats_of(rubric, subject, sound)
        return Docket(
            subject.item.id, tuple(questions), sound, tuple(failures), tuple(without_plan)
        )

    def _heard(self, subject: Subject) -> tuple[Heard | None, str]:
        """The track as it is sent, or why it cannot be."""
        if not any("audio" in rubric.shown for rubric in self.rubrics):
            return None, ""
        try:
            return heard(subject.waveform, self.hearing), ""
        except AudioError as error:
            return None, str(error)

    def _repeats_of(self, rubric: Rubric, subject: Subject, sound: Heard | None) -> list[Question]:
        """A rubric's question, as often as it is repeated."""
        return [
            question_of(
                rubric,
                model=self.client.name,
                instruction=subject.item.instruction.text,
                plan=subject.plan,
                sound=sound,
                sampling=self.sampling,
                repeat=repeat,
            )
            for repeat in range(self.sampling.repeats)
        ]

    def _outcomes(self, docket: Docket) -> list[_Outcome]:
        """What each question came to, in order; those without an answer on disk are asked."""
        with ThreadPoolExecutor(self._num_threads) as pool:
            futures = [pool.submit(self._outcome, one, docket) for one in docket.questions]
            try:
                return [future.result() for future in futures]
            except ChatUnavailableError as error:
                raise ChatUnavailableError(
                    f"{error}. Answers so far are kept in {self.answers.folder}: run again to go on"
                ) from error
            finally:  # after an error nothing more is begun, and what is under way is kept
                for future in futures:
                    future.cancel()

    def _kept(self, question: Question, docket: Docket) -> _Outcome | None:
        """What a question came to before; None if it has no answer on disk."""
        marks = self.answers.find(question)
        if marks is None:
            return None
        return _Outcome(question, marks, kept=self._usage([marks.answer], question, docket))

    def _outcome(self, question: Question, docket: Docket) -> _Outcome:
        """What one question came to, asked if need be."""
        kept = self._kept(question, docket)
        if kept is not None:
            return kept
        audio_s = docket.audio_s(question)
        worst = worst_usage(question.request, audio_s, self.budget.price)
        self.budget.set_aside(worst)
        came: tuple[ChatAnswer, ...] = ()
        try:
            came = (self.client.ask(question.request),)
            marks = marks_of(question, came[0])
            self.answers.keep(question, came[0], docket.item, audio_s)
            return _Outcome(question, marks, used=self._usage(came, question, docket))
        except ChatUnavailableError as error:
            came = error.answers
            raise
        except ChatError as error:
            came = error.answers if isinstance(error, UnusableAnswerError) else ()
            used = self._usage(came, question, docket)
            return _Outcome(question, None, used=used, why=str(error))
        finally:
            self.budget.settle(worst, usage_of(came))

    def _usage(self, came: Sequence[ChatAnswer], question: Question, docket: Docket) -> Usage:
        """What answers to a question took."""
        worst = worst_usage(question.request, docket.audio_s(question), self.budget.price)
        return self.budget.taken(usage_of(came), worst)
