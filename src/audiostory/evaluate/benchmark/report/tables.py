"""Results as Markdown and CSV: one row a system, every column with what makes it comparable.

The first table has the paper's columns, in the paper's order; then one table for each section, and
under it notes, which refer to the list of encoders above.
A number stands with its interval; bold is the best system, a dagger one that cannot be told from
the best. Numbers of the embedded evaluator stand in a section of their own, never in the paper's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from audiostory.evaluate.benchmark.report.notes import (
    HEARD,
    by_source,
    detail_of,
    encoder_list,
    encoder_numbers,
    of_source,
    tuning_warnings,
)
from audiostory.evaluate.benchmark.results import Cell, Results, Stratum, SystemResults
from audiostory.evaluate.metric import Column

NONE = "–"
"""Stands where there is no number, as in the paper."""
SECTIONS = {
    "quality": "Quality",
    "narrative": "Narrative",
    "judge": "Judge",
    "embedded": "Shipped ears",
    "understanding": "Understanding",
}
"""Headings, in order."""
KINDS: dict[str, tuple[str, ...]] = {
    "What is found, and in which order": ("coverage", "order", "groundable"),
    "When it is heard": (*("onset_", "duration_", "length_", "boundary_", "planned", "timing_"),),
    "Joins": ("join",),
    "One world": ("timbre_", "floor_", "reverb_", "consistency_", "entity_"),
    "Defects": (
        *("silence_", "longest_", "clipped_", "true_peak", "dc_", "repeated_", "copied_"),
        *("bandwidth_", "channel"),
    ),
}
"""Tables of the narrative section, and how keys of their columns begin."""
EMBEDDED_WARNING = (
    "Heard by what is shipped with AudioStory. Numbers of the embedded evaluator compare systems "
    "of this report with each other, and with nothing else; those of YAMNet compare with whoever "
    "uses its released weights. They are no FD, KL, IS or CLAP score of any paper."
)


@dataclass(frozen=True)
class PaperColumn:
    """A column of a table of the paper, and the keys of ours that are it."""

    title: str
    keys: tuple[str, ...]
    """The first that was measured is shown."""


TABLE_1 = (
    PaperColumn("Instruct. ↑", ("instruct",)),
    PaperColumn("CLAP ↑", ("clap",)),
    PaperColumn("Reasoning ↑", ("reasoning",)),
    PaperColumn("Consis. ↑", ("consistency",)),
    PaperColumn("Coher. ↑", ("coherence",)),
    PaperColumn("FD ↓", ("fd", "fd_mert")),
    PaperColumn("FAD ↓", ("fad",)),
)
"""Long audio (Table 1); the paper's last column, the longest track, is added to every table."""
TABLE_3 = (
    PaperColumn("FD_openl3 ↓", ("fd_openl3", "fd_openl3_44k")),
    PaperColumn("KL_passt ↓", ("kl_passt",)),
    PaperColumn("FD ↓", ("fd", "fd_mert")),
    PaperColumn("FAD ↓", ("fad",)),
    PaperColumn("KL ↓", ("kl", "kl_mert")),
    PaperColumn("CLAP ↑", ("clap",)),
)
"""Single sounds (Table 3)."""


def headings(results: Results) -> dict[str, str]:
    """Headings by section, in order; a section of another name comes last, under that name."""
    others = {one.section: one.section.capitalize() for one in results.columns}
    return SECTIONS | {key: name for key, name in others.items() if key not in SECTIONS}


def parted(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    """Columns in tables that fit a page: one for each kind of measure, others in one without name.

    Kinds are told by the beginnings of keys, so that a column that is new is never left out.
    """
    parts: dict[str, list[Column]] = {}
    for column in columns:
        kinds = (name for name, heads in KINDS.items() if column.key.startswith(heads))
        parts.setdefault(next(kinds, ""), []).append(column)
    return list(parts.items())


def markdown(results: Results) -> str:
    """The whole report as Markdown."""
    lines = [f"# {results.set_name} {results.set_version}", ""]
    lines += [f"> {note}" for note in results.set_notes] + [""] * bool(results.set_notes)
    lines += _systems(results)
    for warning in tuning_warnings(results):
        lines += ["", f"> **careful**: {_plain(warning)}"]
    lines += ["", "## In the layout of the paper", ""]
    for name, layout in (("Table 1", TABLE_1), ("Table 3", TABLE_3)):
        lines += [*_paper_table(results, name, layout), ""]
    lines += _encoders(results)
    for section, heading in headings(results).items():
        columns = [one for one in results.columns if one.section == section]
        if columns:
            lines += [f"## {heading}", ""]
            lines += [EMBEDDED_WARNING, ""] if section == "embedded" else []
        for title, part in parted(columns):
            lines += [f"### {title}", ""] if title else []
            lines += [*_table(results, part), "", *_explained(results, part), ""]
    lines += _strata(results) + _left_out(results)
    level, draws = results.config.level, results.config.resamples
    lines += [
        f"In parentheses: {level:.0%} intervals from {draws} draws of items. **Bold**: best, on "
        "the items that it and another system both have. †: cannot be told from the best (p "
        "corrected after Holm for all pairs of a column). The references take no part in that.",
        *(f"\n{_plain(line)}" for line in out_of_reach(results)),
    ]
    return "\n".join(lines) + "\n"


def out_of_reach(results: Results) -> list[str]:
    """Columns in which no two systems could be told apart, with what it takes."""
    return [
        f"No two systems can be told apart in {', '.join(one.title for one in columns)}: {why}."
        for why, columns in results.too_few().items()
    ]


def _systems(results: Results) -> list[str]:
    lines = [
        "| system | what it is | answered | minutes of sound | longest track |",
        "|---|---|---|---|---|",
    ]
    total = len(results.questions)
    for one in results.systems:
        lines.append(
            f"| {one.card.system} | {_plain(one.card.described)} | {one.num_answered} of {total} "
            f"| {one.duration_s / 60:.1f} | {longest(one)} |"
        )
    return lines


def longest(system: SystemResults) -> str:
    """The longest track that a system makes (Table 1's last column)."""
    longest_s = system.card.max_duration_s
    return "any" if longest_s is None else f"{longest_s:g} s"


def _paper_table(results: Results, name: str, layout: Sequence[PaperColumn]) -> list[str]:
    shown = [measured(results, column) for column in layout]
    titles = [paper_title(*each) for each in zip(layout, shown, strict=True)]
    lines = [
        f"| {name} | {' | '.join(titles)} | Max. Duration ↑ |",
        "|---" * (len(titles) + 2) + "|",
    ]
    for system in results.systems:
        cells = [NONE if one is None else _cell(results, system, one) for one in shown]
        lines.append(f"| {system.card.system} | {' | '.join(cells)} | {longest(system)} |")
    return lines


def measured(results: Results, wanted: PaperColumn) -> Column | None:
    """The column of ours that stands for a paper's; None where it was not measured."""
    found = {one.key: one for one in results.columns}
    return next((found[key] for key in wanted.keys if key in found), None)


def paper_title(wanted: PaperColumn, column: Column | None) -> str:
    """The paper's title, and which of ours stands for it where that goes by another."""
    name, _, arrow = wanted.title.rpartition(" ")
    if column is None or column.title == name:
        return wanted.title
    return f"{name}: {column.title} {arrow}"


def _table(results: Results, columns: Sequence[Column]) -> list[str]:
    arrows = {"lower": " ↓", "higher": " ↑", "neither": ""}
    titles = [column.title + arrows[column.better] for column in columns]
    lines = [f"| system | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for system in results.systems:
        cells = [_cell(results, system, column) for column in columns]
        lines.append(f"| {system.card.system} | {' | '.join(cells)} |")
    return lines


def _cell(results: Results, system: SystemResults, column: Column) -> str:
    cell = system.cells.get(column.key)
    if cell is None:
        return NONE
    text = number(cell.value, column)
    best = results.marks(column).best
    if best and system.card.system == best[0]:
        text = f"**{text}**"
    elif system.card.system in best:
        text += "†"
    return f"{text} ({number(cell.low, column)} to {number(cell.high, column)})"


def number(value: float, column: Column) -> str:
    """A number with the column's decimals."""
    text = f"{value:.{column.decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def _encoders(results: Results) -> list[str]:
    """Every encoder that a column refers to, once."""
    listed = [f"- {number}: {_plain(line)}" for number, line in encoder_list(results)]
    return ["## Encoders", "", HEARD, "", *listed, ""] if listed else []


def _explained(results: Results, columns: Sequence[Column]) -> list[str]:
    """What each column is, and how many items are behind it."""
    lines: list[str] = []
    for shared, run in by_source(columns):
        for column in run:
            lines += _note(results, column, "" if shared else column.source)
        lines += [f"- {of_source(run)}: {_plain(shared)}"] if shared else []
    return lines


def _note(results: Results, column: Column, source: str) -> list[str]:
    known = [one.cells[column.key] for one in results.systems if column.key in one.cells]
    detail = _plain(detail_of(column, encoder_numbers(results)))
    about = "; ".join(filter(None, (items_behind(known), detail)))
    warnings = dict.fromkeys(cell.warning for cell in known if cell.warning)
    remark = results.marks(column).remark
    return [
        f"- {column.title}: {about}{f' [{source}]' if source else ''}",
        *(f"  - **careful**: {_plain(warning)}" for warning in warnings),
        *([f"  - {_plain(remark)}"] if remark else []),
    ]


def items_behind(cells: Sequence[Cell]) -> str:
    """How many items are behind a column's numbers, in words."""
    counts = sorted({cell.num_items for cell in cells})
    if not counts:
        return "no system has it"
    return f"N = {counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "")


def _strata(results: Results) -> list[str]:
    strata = tuple(dict.fromkeys(question.stratum for question in results.questions))
    columns = [
        column
        for column in results.columns
        if any(
            system.cells[column.key].by_stratum
            for system in results.systems
            if column.key in system.cells
        )
    ]
    if len(strata) < 2 or not columns:
        return []
    lines = ["## By kind of question", ""]
    titles = [f"{column.title} {stratum}" for column in columns for stratum in strata]
    lines += [f"| system | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for system in results.systems:
        cells = []
        for column in columns:
            cell = system.cells.get(column.key)
            known = cell.by_stratum if cell else {}
            cells += [of_kind(known[one], column) if one in known else NONE for one in strata]
        lines.append(f"| {system.card.system} | {' | '.join(cells)} |")
    return [*lines, ""]


def of_kind(stratum: Stratum, column: Column) -> str:
    """The mean over the items of one kind, its interval, and how many they are."""
    if stratum.low is None or stratum.high is None:
        return f"{number(stratum.value, column)} (N = {stratum.num_items})"
    low, high = number(stratum.low, column), number(stratum.high, column)
    return f"{number(stratum.value, column)} ({low} to {high}, N = {stratum.num_items})"


def _left_out(results: Results) -> list[str]:
    lines = [f"- {_plain(line)}" for line in gaps(results)]
    return ["## What is missing", "", *lines, ""] if lines else []


def gaps(results: Results) -> list[str]:
    """Everything that is missing in the report, and why."""
    lines = [f"{one.metric} is not measured: {one.reason}" for one in results.skipped]
    for system in results.systems:
        lines += _gaps_of(system, results)
    return lines


def _gaps_of(system: SystemResults, results: Results) -> list[str]:
    name, total = system.card.system, len(results.questions)
    titles = {column.key: column.title for column in results.columns}
    by_reason: dict[str, list[str]] = {}
    for key, reason in system.missing.items():
        by_reason.setdefault(reason, []).append(titles.get(key, key))
    lines = [f"{name} has no {', '.join(those)}: {why}" for why, those in by_reason.items()]
    if num_open := total - system.num_answered - len(system.refusals):
        lines.append(
            f"{name} has not answered {num_open} of {total} items yet: another process is at work "
            "on them, or the run was stopped; run it again"
        )
    by_number: dict[int, list[str]] = {}
    for key, num_items in system.unmeasured.items():
        by_number.setdefault(num_items, []).append(titles.get(key, key))
    lines += [
        f"{name}: {num_items} of {system.num_answered} answers are not measured yet in "
        f"{', '.join(those)}: run it again"
        for num_items, those in by_number.items()
    ]
    lines += [f"{name} did not answer {one}: {why}" for one, why in system.refusals.items()]
    return lines


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def comma_separated(results: Results) -> str:
    """Every number of the report as CSV: one row for each system and column."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("set", "version", "system", "column", "title", "section", "value", "low", "high", "items")
        + ("better", "detail")
    )
    for system in results.systems:
        for column in results.columns:
            cell = system.cells.get(column.key)
            if cell is not None:
                writer.writerow(
                    (
                        *(results.set_name, results.set_version, system.card.system),
                        *(column.key, column.title, column.section),
                        *(cell.value, cell.low, cell.high, cell.num_items),
                        *(column.better, column.detail),
                    )
                )
    return out.getvalue()


def scores_comma_separated(results: Results) -> str:
    """Every score of every item as CSV: one row for each system and item."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    keys = [column.key for column in results.columns]
    keys = [key for key in keys if any(key in system.scores for system in results.systems)]
    writer.writerow(("system", "item", "stratum", *keys))
    for system in results.systems:
        for index, question in enumerate(results.questions):
            scores = [system.scores[key][index] if key in system.scores else None for key in keys]
            known = ["" if score is None else score for score in scores]
            writer.writerow((system.card.system, question.id, question.stratum, *known))
    return out.getvalue()
