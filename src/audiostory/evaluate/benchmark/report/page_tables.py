"""The tables of the report as HTML that can be read without a script.

The same tables as ``tables.markdown``, in the same order. Every heading of a column carries all
that makes its numbers comparable; the notes under a table refer to the list of encoders instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape

from audiostory.evaluate.benchmark.marks import Difference
from audiostory.evaluate.benchmark.report.notes import (
    HEARD,
    by_source,
    detail_of,
    encoder_list,
    encoder_numbers,
    of_source,
)
from audiostory.evaluate.benchmark.report.tables import (
    EMBEDDED_WARNING,
    NONE,
    TABLE_1,
    TABLE_3,
    PaperColumn,
    gaps,
    headings,
    longest,
    measured,
    number,
    of_kind,
    out_of_reach,
    paper_title,
    parted,
)
from audiostory.evaluate.benchmark.results import Results, Stratum, SystemResults
from audiostory.evaluate.metric import Column

ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
WAYS = {
    "lower": "Lower is better.",
    "higher": "Higher is better.",
    "neither": "Neither way is better.",
}


def tables_html(results: Results) -> str:
    """All tables, what is missing, and how to read them."""
    parts = [_systems(results), _paper(results), _encoders(results)]
    parts += [_section(results, key, heading) for key, heading in headings(results).items()]
    parts += [_strata(results), _left_out(results), _reading(results)]
    return "\n".join(part for part in parts if part)


def section_columns(results: Results, section: str) -> list[Column]:
    """The columns that are reported under a heading."""
    return [one for one in results.columns if one.section == section]


def _systems(results: Results) -> str:
    total = len(results.questions)
    rows = [
        [
            f'<td class="words">{escape(one.card.described)}</td>',
            f"<td>{one.num_answered} of {total}</td>",
            f"<td>{one.duration_s / 60:.1f}</td>",
            f"<td>{longest(one)}</td>",
        ]
        for one in results.systems
    ]
    heads = (
        '<th scope="col">system</th><th scope="col" class="words">what it is</th>'
        + _plain_heads(("answered", "minutes of sound", "longest track"))
    )
    table = _table(results, "Systems", heads, rows, is_seen=False)
    return f"<section><h2>Systems</h2>{table}</section>"


def _paper(results: Results) -> str:
    tables = "".join(
        _paper_table(results, name, layout)
        for name, layout in (("Table 1", TABLE_1), ("Table 3", TABLE_3))
    )
    return f"<section><h2>In the layout of the paper</h2>{tables}</section>"


def _paper_table(results: Results, name: str, layout: Sequence[PaperColumn]) -> str:
    shown = [measured(results, one) for one in layout]
    heads = ['<th scope="col">system</th>']
    for wanted, column in zip(layout, shown, strict=True):
        about = "Not measured in this report." if column is None else _about(results, column)
        heads.append(_heading(paper_title(wanted, column), about))
    heads.append(_heading("Max. Duration ↑", "The longest track that the system makes."))
    rows = [
        [
            *(
                _empty("not measured") if one is None else _cell(results, system, one)
                for one in shown
            ),
            f"<td>{longest(system)}</td>",
        ]
        for system in results.systems
    ]
    return _table(results, f"{name} of the paper: its columns", "".join(heads), rows)


def _encoders(results: Results) -> str:
    """Every encoder that a column refers to, once."""
    listed = "".join(
        f"<dt>{escape(number)}</dt><dd>{escape(line)}</dd>"
        for number, line in encoder_list(results)
    )
    if not listed:
        return ""
    return (
        f'<section><h2>Encoders</h2><p class="note">{escape(HEARD)}</p><dl>{listed}</dl></section>'
    )


def _section(results: Results, section: str, heading: str) -> str:
    columns = section_columns(results, section)
    if not columns:
        return ""
    tables = "".join(_part(results, title, heading, part) for title, part in parted(columns))
    keys = [one.key for one in columns]
    body = f"{tables}{_differences(results, heading, keys)}"
    if section != "embedded":
        return f"<section><h2>{escape(heading)}</h2>{body}</section>"
    band = (
        f'<p class="band"><strong>Not the paper\'s numbers.</strong> {escape(EMBEDDED_WARNING)}</p>'
    )
    return f'<section class="embedded"><h2>{escape(heading)}</h2>{band}{body}</section>'


def _part(results: Results, title: str, heading: str, columns: Sequence[Column]) -> str:
    """A table of a section; one without a title of its own goes under the section's heading."""
    heads = ['<th scope="col">system</th>']
    heads += [
        _heading(f"{one.title} {ARROWS[one.better]}".strip(), _about(results, one))
        for one in columns
    ]
    rows = [[_cell(results, system, one) for one in columns] for system in results.systems]
    return (
        f"{_table(results, title or heading, ''.join(heads), rows, is_seen=bool(title))}"
        f"<details><summary>What these columns are</summary>"
        f"<dl>{_notes(results, columns)}</dl></details>"
    )


def _notes(results: Results, columns: Sequence[Column]) -> str:
    """The headings of a table in words, without what stands elsewhere once for several of them."""
    numbers = encoder_numbers(results)
    notes: list[tuple[str, str]] = []
    for shared, run in by_source(columns):
        for one in run:
            source = "" if shared else one.source
            brief = replace(one, detail=detail_of(one, numbers), source=source)
            notes.append((one.title, _about(results, brief)))
        notes += [(of_source(run), f"{shared}.")] if shared else []
    return "".join(f"<dt>{escape(title)}</dt><dd>{escape(about)}</dd>" for title, about in notes)


def _heading(title: str, about: str) -> str:
    return f'<th scope="col"><abbr tabindex="0" title="{escape(about)}">{escape(title)}</abbr></th>'


def _about(results: Results, column: Column) -> str:
    """What a column is, and how many items are behind it."""
    cells = [one.cells[column.key] for one in results.systems if column.key in one.cells]
    counts = sorted({cell.num_items for cell in cells})
    items = f"N = {'–'.join(map(str, dict.fromkeys((counts[0], counts[-1]))))}." if counts else ""
    warnings = [f"Careful: {one}." for one in dict.fromkeys(c.warning for c in cells) if one]
    source = f"Source: {column.source}." if column.source else ""
    detail = f"{column.detail.rstrip('.')}." if column.detail else ""
    remark = results.marks(column).remark
    marks = f"{remark[0].upper()}{remark[1:]}." if remark else ""
    return " ".join(filter(None, (WAYS[column.better], items, detail, source, *warnings, marks)))


def _cell(results: Results, system: SystemResults, column: Column) -> str:
    cell = system.cells.get(column.key)
    if cell is None:
        return _empty(system.missing.get(column.key, "not measured"))
    best = results.marks(column).best
    value = number(cell.value, column)
    if best and system.card.system == best[0]:
        value = f"<strong>{value}</strong>"
    elif system.card.system in best:
        value += '<sup title="cannot be told from the best">†</sup>'
    if cell.warning:
        about = escape(f"Careful: {cell.warning}")
        value += f'<abbr class="careful" tabindex="0" title="{about}">!</abbr>'
    low, high = number(cell.low, column), number(cell.high, column)
    return f"<td>{value}<small>{low} to {high}</small></td>"


def _empty(reason: str) -> str:
    return f'<td class="none"><span title="{escape(reason)}">{NONE}</span></td>'


def _table(
    results: Results,
    caption: str,
    heads: str,
    rows: Sequence[Sequence[str]],
    *,
    is_seen: bool = True,
) -> str:
    """A table with a row for each system, in a frame that scrolls where it is too wide."""
    body = "".join(
        f'<tr{_mark(system)}><th scope="row">{escape(system.card.system)}</th>{"".join(cells)}</tr>'
        for system, cells in zip(results.systems, rows, strict=True)
    )
    content = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return _framed(caption, content, is_seen=is_seen)


def _mark(system: SystemResults) -> str:
    return ' class="reference"' if system.card.is_reference else ""


def _framed(caption: str, content: str, *, is_seen: bool = True) -> str:
    """A table in a frame that scrolls; its caption is only heard where a heading says the same."""
    unseen = ' class="unseen"' if not is_seen else ""
    return (
        f'<div class="frame" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption{unseen}>{escape(caption)}</caption>{content}</table></div>"
    )


def _differences(results: Results, heading: str, keys: Sequence[str]) -> str:
    columns = {one.key: one for one in results.columns}
    found = [one for one in results.differences if one.column in keys]
    if not found:
        return ""
    rows = "".join(_difference(one, columns[one.column]) for one in found)
    heads = _plain_heads(("column", "systems", "difference", "p", "items"))
    caption = f"{heading}: every two systems on the items that both answered"
    framed = _framed(caption, f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>")
    return f"<details><summary>Differences between systems</summary>{framed}</details>"


def _plain_heads(titles: Iterable[str]) -> str:
    return "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)


def _difference(one: Difference, column: Column) -> str:
    value, low, high = (number(each, column) for each in (one.difference, one.low, one.high))
    return (
        f'<tr><th scope="row">{escape(column.title)}</th>'
        f'<td class="words">{escape(one.first)} less {escape(one.second)}</td>'
        f"<td>{value}<small>{low} to {high}</small></td>"
        f"<td>{one.p_value:.3f}</td><td>{one.num_items}</td></tr>"
    )


def _strata(results: Results) -> str:
    """Means over the items of each kind of question: a row a column, a group of cells a kind."""
    strata = tuple(dict.fromkeys(question.stratum for question in results.questions))
    columns = [
        column
        for column in results.columns
        if any(
            one.cells[column.key].by_stratum for one in results.systems if column.key in one.cells
        )
    ]
    if len(strata) < 2 or not columns:
        return ""
    names = [one.card.system for one in results.systems]
    groups = "".join(
        f'<th scope="colgroup" colspan="{len(names)}">{escape(one) or NONE}</th>' for one in strata
    )
    systems = _plain_heads(["column", *names * len(strata)])
    heads = f"<tr><td></td>{groups}</tr><tr>{systems}</tr>"
    rows = "".join(_stratum_row(results, column, strata) for column in columns)
    content = f"<thead>{heads}</thead><tbody>{rows}</tbody>"
    framed = _framed("Means by kind of question", content, is_seen=False)
    return f"<section><h2>By kind of question</h2>{framed}</section>"


def _stratum_row(results: Results, column: Column, strata: Sequence[str]) -> str:
    cells = []
    for stratum in strata:
        for system in results.systems:
            cell = system.cells.get(column.key)
            known = cell.by_stratum.get(stratum) if cell is not None else None
            cells.append(_of_kind(known, column) if known else _empty("no item has a score"))
    title = f"{column.title} {ARROWS[column.better]}".strip()
    return f'<tr><th scope="row">{escape(title)}</th>{"".join(cells)}</tr>'


def _of_kind(stratum: Stratum, column: Column) -> str:
    value, _, behind = of_kind(stratum, column).partition(" ")
    return f"<td>{value}<small>{behind.strip('()')}</small></td>"


def _left_out(results: Results) -> str:
    lines = gaps(results)
    if not lines:
        return ""
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<section><h2>What is missing</h2><ul>{listed}</ul></section>"


def _reading(results: Results) -> str:
    level, draws = results.config.level, results.config.resamples
    return (
        f'<p class="reading">Small figures: {level:.0%} intervals from {draws} draws of items. '
        "<strong>Bold</strong>: best, on the items that it and another system both have. †: cannot "
        "be told from the best (p corrected after Holm for all pairs of a column). The references "
        "take no part in that. Headings say more when they are pointed at, or reached with Tab."
        f"{''.join(f' {escape(line)}' for line in out_of_reach(results))}</p>"
    )
