"""A chat model that judges, as one of the benchmark's metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from audiostory.data.sets.item import Item, ItemSet
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.run import Listening, subject_of
from audiostory.evaluate.benchmark.suite import Suite, digest_of
from audiostory.evaluate.judge.judge import Judge
from audiostory.evaluate.judge.report import JudgeReport, report_on
from audiostory.evaluate.judge.verdict import Failure, Verdict
from audiostory.evaluate.metric import Column, Subject, UnscoredError
from audiostory.story.types import Instruction

SPREAD = "_spread"
"""What the key of a score's column is followed by in that of its spread."""


class JudgeMetric:
    """Scores tracks through a judge; what failed is asked again by the next run.

    A plan that was given to a system says nothing of its reasoning, so it is not shown to the
    judge: no score, as for systems that make no plan ("-" in Table 1).
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.failures: list[Failure] = []
        """Questions that came to no usable answer since this was made."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """One for each rubric and, where it is asked more than once, one for its spread."""
        scores = self.judge.columns
        if self.judge.sampling.repeats == 1:
            return scores
        spreads = (
            replace(
                column,
                key=f"{column.key}{SPREAD}",
                title=f"{column.title} spread",
                better="neither",
                detail=f"standard deviation over repeats, mean over tracks; {column.detail}",
            )
            for column in scores
        )
        return (*scores, *spreads)

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        """The judge's overall score of each rubric, and how far its repeats spread.

        Raises:
            UnscoredError: if a question has no usable answer.
            ChatUnavailableError: if the model cannot be asked at all; what was answered is kept.
            BudgetError: before a limit is passed.
        """
        verdict = self.judge.judge(shown(subject))
        if verdict.failures:
            self.failures += verdict.failures
            told = "; ".join(f"{one.rubric}: {one.why}" for one in verdict.failures)
            raise UnscoredError(told)
        values = verdict.values()
        if self.judge.sampling.repeats > 1:
            values |= {f"{one.rubric.column}{SPREAD}": one.spread for one in verdict.scores}
        return values


def judged(metric: JudgeMetric, folder: RunFolder) -> JudgeReport:
    """What a judge says of all answered items of a run, from the answers that are kept.

    Nothing is asked, so it does not matter who asked, when, or on which machine, as long as the
    folder of answers is shared.

    Raises:
        AudioError: naming the item whose track cannot be read.
        OutputError: if a kept answer cannot be read.
    """
    items = tuple(
        Item(id=one.id, instruction=Instruction(text=one.text), seed=one.seed)
        for one in folder.questions()
        if (record := folder.kept_record(one.id)) is not None and record.has_track
    )
    listening = Listening(folder, Suite())
    why = {(one.item, one.rubric, one.repeat): one for one in metric.failures}
    verdicts: list[Verdict] = []
    for item in items:
        alone = ItemSet(name="", version="", items=(item,), has_references=False)
        verdict = metric.judge.recall(shown(subject_of(item, alone, listening)))
        failures = (why.get((one.item, one.rubric, one.repeat), one) for one in verdict.failures)
        verdicts.append(replace(verdict, failures=tuple(failures)))
    return report_on(metric.judge, verdicts)


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
