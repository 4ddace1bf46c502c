"""A judge over a whole set: what it will cost, what it found, and the file that says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audiostory.audio.waveform import atomic_output
from audiostory.evaluate.judge.cost import Price, Usage, expected_usage
from audiostory.evaluate.judge.judge import Judge
from audiostory.evaluate.judge.verdict import Failure, Summary, Verdict, summary_of
from audiostory.evaluate.metric import Subject


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What judging a set will probably take, told before it is begun."""

    num_questions: int
    num_kept: int
    """Those of them that have an answer already."""
    num_failures: int
    """Rubrics that cannot be asked of a track, such as one too long to be sent."""
    audio_s: float
    """Seconds of sound that will be sent."""
    usage: Usage
    """Expected of the questions still to be asked, each answered at once."""
    price: Price | None

    @property
    def cost(self) -> float | None:
        """In the price's currency; None where no price is known."""
        return self.price.of(self.usage) if self.price else None

    def in_words(self) -> str:
        """Two lines for a person who has to decide."""
        asks = self.num_questions - self.num_kept
        lines = [
            f"{asks} questions to ask ({self.num_kept} more are answered already), "
            f"{self.audio_s / 60:.1f} minutes of sound"
            + (f"; {self.num_failures} cannot be asked" if self.num_failures else "")
        ]
        if self.price is None:
            lines.append("cost unknown: the price table does not list this model")
        else:
            lines.append(
                f"about {self.usage.input_tokens / 1e6:.2f} M tokens in and "
                f"{self.usage.output_tokens / 1e6:.2f} M out: {self.cost:.2f} "
                f"{self.price.currency}, at prices of {self.price.date} ({self.price.source})"
            )
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class JudgeReport:
    """A judge's verdicts on a set of tracks."""

    judge: str
    """The model, as its client is called."""
    settings: dict[str, Any]
    """How it was asked."""
    verdicts: tuple[Verdict, ...]
    summaries: tuple[Summary, ...]
    """One for each rubric."""
    price: Price | None
    used: Usage
    """What was asked since the judge was made, unusable answers included; with a price, what the
    API did not count is taken at its most."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All questions without an answer; none of them has a score."""
        return tuple(one for verdict in self.verdicts for one in verdict.failures)

    @property
    def kept(self) -> Usage:
        """What the answers took that lay in the folder already; all do for ``Judge.recall``."""
        return sum((one.kept for one in self.verdicts), Usage())

    @property
    def cost(self) -> float | None:
        """Of ``used``, in the price's currency; None where no price is known."""
        return self.price.of(self.used) if self.price else None

    @property
    def cost_of_kept(self) -> float | None:
        """Of ``kept``, likewise."""
        return self.price.of(self.kept) if self.price else None

    def in_words(self) -> str:
        """A line for a person who has to pay."""
        told = f"{self.used.asks} answers came now, {self.kept.asks} stand behind the scores"
        if self.price is None:
            return f"{told}; cost unknown: the price table does not list this model"
        return (
            f"{told}: {self.cost:.2f} and {self.cost_of_kept:.2f} {self.price.currency}, at prices "
            f"of {self.price.date} ({self.price.source})"
        )

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "format": "audiostory.judge-report",
            "version": 1,
            "judge": self.judge,
            "settings": self.settings,
            "rubrics": {
                one.rubric.key: {
                    "title": one.rubric.title,
                    "column": one.rubric.column,
                    "source": one.rubric.source,
                    "text": one.rubric.text,
                    "score": one.score,
                    "num_scored": one.num_scored,
                    "spread": one.spread,
                    "spread_of_means": one.spread_of_means,
                    "criteria": one.criteria,
                }
                for one in self.summaries
            },
            "failures": [asdict(one) for one in self.failures],
            "used": asdict(self.used),
            "kept": asdict(self.kept),
            "price": asdict(self.price) if self.price else None,
            "cost": self.cost,
            "cost_of_kept": self.cost_of_kept,
            "verdicts": [one.as_json() for one in self.verdicts],
        }


def estimate(judge: Judge, subjects: Iterable[Subject]) -> Estimate:
    """What ``judge_subjects`` would take; nothing is sent."""
    price = judge.budget.price
    num_questions = num_kept = num_failures = 0
    audio_s, usage = 0.0, Usage()
    for subject in subjects:
        docket = judge.docket_of(subject)
        num_questions += len(docket.questions)
        num_failures += len(docket.failures)
        for question in docket.questions:
            if judge.answers.find(question) is not None:
                num_kept += 1
                continue
            heard_s = docket.audio_s(question)
            audio_s += heard_s
            usage += expected_usage(question.request, heard_s, price)
    return Estimate(
        num_questions=num_questions,
        num_kept=num_kept,
        num_failures=num_failures,
        audio_s=audio_s,
        usage=usage,
        price=price,
    )


def judge_subjects(
    judge: Judge,
    subjects: Iterable[Subject],
    *,
    on_verdict: Callable[[Verdict], None] = lambda _: None,
) -> JudgeReport:
    """The judge's report on one system's tracks.

    Args:
        judge: whom to ask.
        subjects: the tracks, read one at a time.
        on_verdict: called after each track, for progress.

    Raises:
        ChatUnavailableError: if the model cannot be asked; run again to ask only the rest.
        BudgetError: before a limit is passed; likewise.
    """
    verdicts = []
    for subject in subjects:
        verdicts.append(judge.judge(subject))
        on_verdict(verdicts[-1])
    return report_on(judge, verdicts)


def report_on(judge: Judge, verdicts: Sequence[Verdict]) -> JudgeReport:
    """The report on verdicts that were reached before."""
    return JudgeReport(
        judge=judge.client.name,
        settings={"sampling": asdict(judge.sampling), "hearing": asdict(judge.hearing)},
        verdicts=tuple(verdicts),
        summaries=tuple(
            summary_of(rubric, verdicts, judge.sampling.repeats) for rubric in judge.rubrics
        ),
        price=judge.budget.price,
        used=judge.budget.spent,
    )


def save_report(report: JudgeReport, path: Path, *, overwrite: bool = False) -> None:
    """Write a report as JSON, whole or not at all.

    Raises:
        OutputError: if the file exists and may not be replaced, or cannot be written.
    """
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    with atomic_output(path, overwrite=overwrite) as part:
        part.write_text(text + "\n", encoding="utf-8")
