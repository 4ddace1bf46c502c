"""A chat model that judges, as one of the benchmark's metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from audiostory.data.sets.item import ItemSet
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.run import Listening, subject_of
from audiostory.evaluate.benchmark.suite import Suite, digest_of
from audiostory.evaluate.judge.judge import Judge
from audiostory.evaluate.judge.verdict import Verdict
from audiostory.evaluate.metric import Column, Subject, UnscoredError


class JudgeMetric:
    """Scores tracks through a judge; what failed is asked again by the next run.

    A plan that was given to a system says nothing of its reasoning, so it is not shown to the
    judge: no score, as for systems that make no plan ("-" in Table 1).
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.verdicts: list[Verdict] = []
        """All that was judged, failures included, in order."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """One for each rubric."""
        return self.judge.columns

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The judge's overall score of each rubric.

        Raises:
            UnscoredError: if a question has no usable answer.
            ChatUnavailableError: if the model cannot be asked at all; what was answered is kept.
            BudgetError: before a limit is passed.
        """
        verdict = self.judge.judge(shown(subject))
        self.verdicts.append(verdict)
        if verdict.failures:
            told = "; ".join(f"{one.rubric}: {one.why}" for one in verdict.failures)
            raise UnscoredError(told)
        return verdict.values()


def shown(subject: Subject) -> Subject:
    """What a judge may see of an answer: no plan but the system's own."""
    return subject if subject.is_own_plan else replace(subject, plan=None)


def unjudged(
    metric: JudgeMetric, suite: Suite, item_set: ItemSet, folder: RunFolder
) -> Iterator[Subject]:
    """The answered items that the judge has not scored, for an estimate of its cost."""
    listening = Listening(folder, suite)
    for item in item_set.items:
        record = folder.record(item)
        is_judged = digest_of(metric.columns) in folder.scores(item.id)
        if record is not None and record.has_track and not is_judged:
            yield shown(subject_of(item, item_set, listening, with_reference=False))
