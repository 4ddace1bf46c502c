"""The report as files in one folder: Markdown, JSON, CSV and a page.

::

    OUT/report.md       tables, as in the paper
    OUT/report.json     everything that is known, for programs
    OUT/numbers.csv     one row for each system and column
    OUT/scores.csv      one row for each system and item
    OUT/index.html      tables, and every item with sounds and pictures
    OUT/pictures/SYSTEM/ITEM.png

The same folders give the same bytes: nothing says when a report was made, nor how long anything
took. ``report.json`` is one object:

- ``format``: ``audiostory.report``; ``version``: of this layout.
- ``set_name``, ``set_version``, ``set_notes``, ``questions``: what was asked.
- ``columns``: the numbers, as ``metric.Column``; ``encoders``: who heard the tracks.
- ``systems``: for each its ``card``, ``num_answered``, ``refusals``, ``duration_s``, ``cells``,
  ``missing`` and ``unmeasured`` by column, and ``scores`` by column, one for each question in
  order; null where an item has none.
- ``differences``: of every two systems; ``uncompared``: those that could not be compared.
- ``best``: by column the best system, then those that cannot be told from it; ``remarks``: by
  column why there is none, or what it goes by (``benchmark.marks``).
- ``skipped``: what was not measured; ``config``: how intervals were computed.
- ``not_finite``: by place, the numbers that JSON cannot say ("nan", "inf", "-inf"); they are null
  where they belong.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.folder import RunFolder, write_text
from audiostory.evaluate.benchmark.report.page import page_html
from audiostory.evaluate.benchmark.report.pictures import draw_pictures
from audiostory.evaluate.benchmark.report.tables import (
    comma_separated,
    markdown,
    scores_comma_separated,
)
from audiostory.evaluate.benchmark.results import Results
from audiostory.evaluate.benchmark.run import Progress

REPORT_FORMAT = "audiostory.report"
REPORT_VERSION = 2
"""Raised when a program that reads ``report.json`` would have to change."""


def write_report(
    results: Results,
    folders: Mapping[str, RunFolder],
    out: Path,
    *,
    with_page: bool = True,
    progress: Progress | None = None,
) -> None:
    """Write the whole report; each file appears whole or not at all.

    Args:
        results: the numbers.
        folders: the run of each system in ``results``, by its name.
        out: folder of the report; what an earlier one left there is replaced.
        with_page: whether to draw the page and its pictures. Without, the page of an earlier report
            is removed, since it would show other numbers than the files beside it.
        progress: told what is done, and the share of it.

    Raises:
        AudioError: if a track cannot be read for its picture.
        PlanError: if a plan cannot be read.
        OutputError: if a system has no folder, or a file cannot be written.
    """
    write_text(out / "report.md", markdown(results))
    write_text(out / "report.json", report_json(results))
    write_text(out / "numbers.csv", comma_separated(results))
    write_text(out / "scores.csv", scores_comma_separated(results))
    page = out / "index.html"
    if not with_page:
        _remove(page)
        return
    systems = {one.card.system for one in results.systems}
    shown = {name: folder for name, folder in folders.items() if name in systems}
    html = page_html(results, shown, out)
    draw_pictures(shown, [one.id for one in results.questions], out, progress)
    write_text(page, html)


def report_json(results: Results) -> str:
    """Everything in the results, as ``report.json`` holds it."""
    not_finite: dict[str, str] = {}
    marks = {column.key: results.marks(column) for column in results.columns}
    more = {
        "best": {key: one.best for key, one in marks.items()},
        "remarks": {key: one.remark for key, one in marks.items() if one.remark},
    }
    values = _plain(asdict(results) | more, "", not_finite)
    head = {"format": REPORT_FORMAT, "version": REPORT_VERSION}
    whole = head | values | {"not_finite": not_finite}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _plain(value: Any, place: str, not_finite: dict[str, str]) -> Any:
    """A value in the words of JSON; numbers that have none are null, and noted by their place."""
    if isinstance(value, Mapping):
        return {key: _plain(one, f"{place}/{key}", not_finite) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one, f"{place}/{index}", not_finite) for index, one in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        not_finite[place] = str(float(value))
        return None
    return value


def _remove(page: Path) -> None:
    try:
        page.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{page} shows an earlier report and cannot be removed: {error.strerror or error}"
        ) from error
