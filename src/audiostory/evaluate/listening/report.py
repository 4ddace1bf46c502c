"""A study's findings as Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from audiostory.audio.waveform import atomic_output
from audiostory.config import to_json
from audiostory.errors import OutputError
from audiostory.evaluate.listening.criteria import CRITERIA, MAX_SCORE
from audiostory.evaluate.listening.scoring import Difference, Mean, StudyReport
from audiostory.evaluate.statistics.resampling import Interval

COLUMNS = {each.key: each.column for each in CRITERIA}
CSV_FIELDS = (
    "system", "criterion", "mean", "low_items", "high_items", "low_participants",
    "high_participants", "num_items", "num_ratings",
)  # fmt: skip


def write_report(report: StudyReport, folder: Path, *, overwrite: bool = False) -> None:
    """Write ``report.md``, ``report.json`` (everything) and ``report.csv`` (the means).

    Raises:
        OutputError: if the folder is missing, or a file exists and may not be replaced.
    """
    texts = {"md": markdown(report), "json": to_json(report), "csv": means_csv(report)}
    for suffix in texts:
        path = folder / f"report.{suffix}"
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists: choose another folder, or allow it to be replaced")
    for suffix, text in texts.items():
        with atomic_output(folder / f"report.{suffix}", overwrite=overwrite) as partial:
            partial.write_text(text, encoding="utf-8")


def means_csv(report: StudyReport) -> str:
    """One row for each system and criterion; empty where there is no number."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    for one in report.means:
        bounds = [
            bound
            for each in (one.over_items, one.over_participants)
            for bound in ((each.low, each.high) if each else ("", ""))
        ]
        mean = "" if one.mean is None else one.mean
        writer.writerow([one.system, one.criterion, mean, *bounds, one.num_items, one.num_ratings])
    return out.getvalue()


def markdown(report: StudyReport) -> str:
    """The report as a page: Table 8, differences, agreement, and Table 9 where there is a judge."""
    parts = [
        _opening(report),
        _means(report),
        _differences(report),
        _agreement(report),
        _consistency(report),
        _judge(report),
        _comments(report),
    ]
    return "\n".join(line for part in parts for line in part)


def _opening(report: StudyReport) -> Iterator[str]:
    """Who answered, and what is missing."""
    devices = [one.device for one in report.turnout]
    counts = ", ".join(f"{devices.count(each)} {each}" for each in sorted(set(devices)))
    yield f"# {report.title}"
    yield ""
    yield (
        f"Study {report.study}: {len(report.systems)} systems, {report.num_items} instructions, "
        f"{len(report.turnout)} of {len(report.turnout) + len(report.absent)} participants "
        f"({counts}). Scores are 0 to {MAX_SCORE}."
    )
    yield ""
    if report.absent:
        yield f"- No answers from {', '.join(report.absent)}."
    for one in report.partial:
        yield (
            f"- {one.participant} scored {one.num_scored} of {one.num_trials} tracks"
            + (f"; {one.num_unplayable} could not be played" if one.num_unplayable else "")
            + ". What is there counts."
        )
    if not report.absent and not report.partial:
        yield "- Everyone answered everything."
    yield ""


def _means(report: StudyReport) -> Iterator[str]:
    """Table 8."""
    yield "## Scores (Table 8)"
    yield ""
    yield (
        "Mean over instructions of their means over participants; in brackets the 95 % bootstrap "
        "interval over instructions, then over participants."
    )
    yield ""
    yield from _table(("Method", *COLUMNS.values()), _mean_rows(report))
    ratings = [one.num_ratings for one in report.means]
    yield f"Ratings per cell: {min(ratings)} to {max(ratings)}."
    yield ""


def _mean_rows(report: StudyReport) -> Iterator[list[str]]:
    cells = {(one.system, one.criterion): _cell(one) for one in report.means}
    for system in report.systems:
        yield [system, *(cells[system, criterion] for criterion in COLUMNS)]


def _cell(one: Mean) -> str:
    if one.mean is None:
        return "-"
    return f"{one.mean:.2f} {_bounds(one.over_items)} {_bounds(one.over_participants)}"


def _bounds(bounds: Interval | None) -> str:
    return "[-]" if bounds is None else f"[{bounds.low:.2f}, {bounds.high:.2f}]"


def _differences(report: StudyReport) -> Iterator[str]:
    """Every two systems."""
    if not report.differences:
        return
    yield "## Differences"
    yield ""
    yield (
        "First less second on the same instructions, 95 % bootstrap interval over instructions. p "
        f"is two-sided, of flipping signs, Holm-corrected for all {len(report.differences)}."
    )
    yield ""
    header = ("Criterion", "First", "Second", "Difference", "Won / tied / lost", "p (Holm)")
    yield from _table(header, (_difference_row(one) for one in report.differences))
    yield from _reasons((COLUMNS[one.criterion], one.reason) for one in report.differences)


def _difference_row(one: Difference) -> list[str]:
    names = [COLUMNS[one.criterion], one.first, one.second]
    if one.comparison is None or one.holm_p_value is None:
        return [*names, "-", "-", "-"]
    found = one.comparison
    return [
        *names,
        f"{found.difference.estimate:+.2f} {_bounds(found.difference)}",
        f"{found.wins} / {found.ties} / {found.losses}",
        f"{one.holm_p_value:.3f}" if one.holm_p_value >= 0.001 else "< 0.001",
    ]


def _agreement(report: StudyReport) -> Iterator[str]:
    """Krippendorff's alpha."""
    yield "## Agreement between participants"
    yield ""
    yield "Krippendorff's alpha, ordinal: 1 is full agreement, 0 is chance."
    yield ""
    rows = (
        [
            COLUMNS[one.criterion],
            "-" if one.alpha is None else f"{one.alpha:.2f} {_bounds(one.over_items)}",
            str(one.num_tracks),
        ]
        for one in report.agreement
    )
    yield from _table(("Criterion", "Alpha", "Tracks scored by two or more"), rows)
    yield from _reasons((COLUMNS[one.criterion], one.reason) for one in report.agreement)


def _consistency(report: StudyReport) -> Iterator[str]:
    """Hidden repeats."""
    if not report.consistency:
        return
    yield "## Agreement of participants with themselves"
    yield ""
    yield "Tracks that were heard twice; kappa with quadratic weights."
    yield ""
    header = ("Criterion", "Pairs", "Same", "Within one", "Mean difference", "Kappa")
    rows = (
        [
            COLUMNS[one.criterion],
            str(one.num_pairs),
            f"{one.same:.0%}",
            f"{one.within_one:.0%}",
            f"{one.mean_difference:.2f}",
            "-" if one.kappa is None else f"{one.kappa:.2f}",
        ]
        for one in report.consistency
    )
    yield from _table(header, rows)
    worst = sorted(report.drift.items(), key=lambda pair: -pair[1])[:3]
    least = ", ".join(f"{name} ({drift:.2f})" for name, drift in worst)
    yield f"Largest mean difference between both hearings: {least}."
    yield ""


def _judge(report: StudyReport) -> Iterator[str]:
    """Table 9."""
    if not report.judge:
        return
    yield "## Agreement with the judge (Table 9)"
    yield ""
    yield (
        "Cohen's kappa of people's means and the judge's scores, each rounded to the nearest whole "
        "score (halves upwards). Across models, a case is a system's mean on a criterion; across "
        "samples, a track's. 95 % bootstrap interval over instructions."
    )
    yield ""
    header = ("Across", "Criterion", "Weights", "Kappa", "Same whole score", "Cases")
    rows = (
        [
            one.across,
            COLUMNS.get(one.criterion, one.criterion),
            one.weights,
            "-"
            if one.kappa is None
            else f"{one.kappa:.2f}"
            + ("" if one.low is None or one.high is None else f" [{one.low:.2f}, {one.high:.2f}]"),
            f"{one.same:.0%}",
            str(one.num_cases),
        ]
        for one in report.judge
    )
    yield from _table(header, rows)
    yield from _reasons((f"{one.across}, {one.criterion}", one.reason) for one in report.judge)
    yield from _reasons(
        (COLUMNS.get(one.criterion, one.criterion), _without(one.left_out)) for one in report.judge
    )


def _without(systems: Sequence[str]) -> str:
    """Which systems a kappa says nothing of."""
    return f"without {', '.join(systems)}, which the judge has no score of" if systems else ""


def _comments(report: StudyReport) -> Iterator[str]:
    """What participants wrote."""
    said = [one for one in report.turnout if one.comment.strip()]
    if said:
        yield "## Comments"
        yield ""
        yield from (f"- {one.participant}: {' '.join(one.comment.split())}" for one in said)
        yield ""


def _reasons(reasons: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Why numbers are missing."""
    found = [f"- {name}: {reason}" for name, reason in dict.fromkeys(reasons) if reason]
    if found:
        yield from (*found, "")


def _table(header: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    """A Markdown table and an empty line."""
    for cells in (list(header), ["---"] * len(header), *rows):
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield ""
