"""The report as one HTML page: tables, then every item with the systems side by side.

Tables are HTML. Items are a block of JSON that a script draws as they come into view: 150 items of
5 systems would be some hundred thousand cells, of which a reader looks at a few. The page loads
nothing but the tracks and pictures beside it, and only its own script may run in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from audiostory.audio.spectrogram import LOWEST_HZ, RANGE_DB
from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.folder import Question, RunFolder
from audiostory.evaluate.benchmark.report.notes import tuning_warnings
from audiostory.evaluate.benchmark.report.page_tables import (
    headings,
    section_columns,
    tables_html,
)
from audiostory.evaluate.benchmark.report.pictures import RATE_HZ, picture_at
from audiostory.evaluate.benchmark.report.tables import parted
from audiostory.evaluate.benchmark.results import Results, SystemResults
from audiostory.evaluate.metric import Column
from audiostory.story.plan import Plan
from audiostory.story.plan_file import load_plan


def page_html(results: Results, folders: Mapping[str, RunFolder], out: Path) -> str:
    """The whole page.

    Args:
        results: the numbers.
        folders: the run of each system in ``results``, by its name.
        out: folder that the page will lie in, for its links to tracks and pictures.

    Raises:
        OutputError: if a system has no folder, or a link to it cannot be made.
        PlanError: if a plan cannot be read.
    """
    css, script = _asset("page.css"), _asset("page.js")
    return Template(_asset("page.html")).substitute(
        title=escape(f"{results.set_name} {results.set_version}"),
        notes="".join(
            f'<p class="note">{escape(note)}</p>'
            for note in (*results.set_notes, *tuning_warnings(results))
        ),
        tables=tables_html(results),
        lowest_hz=f"{LOWEST_HZ:g}",
        highest_khz=f"{RATE_HZ / 2_000:g}",
        range_db=f"{RANGE_DB:g}",
        css=css,
        css_digest=_digest(css),
        script=script,
        script_digest=_digest(script),
        data=in_script(page_data(results, folders, out)),
    )


def page_data(results: Results, folders: Mapping[str, RunFolder], out: Path) -> dict[str, Any]:
    """What the script knows: systems, columns of item scores, and every item's answers.

    Raises:
        OutputError: if a system has no folder, or a link to it cannot be made.
        PlanError: if a plan cannot be read.
    """
    for system in results.systems:
        if system.card.system not in folders:
            raise OutputError(f"no folder is given for the system {system.card.system!r}")
    columns = _columns(results)
    return {
        "systems": [_system(one, folders[one.card.system], out) for one in results.systems],
        "columns": [
            {
                "key": column.key,
                "title": column.title,
                "better": column.better,
                "decimals": column.decimals,
                "group": group,
            }
            for group, column in columns
        ],
        "items": [
            _item(results, index, [column.key for _, column in columns], folders)
            for index in range(len(results.questions))
        ],
    }


def _columns(results: Results) -> list[tuple[str, Column]]:
    """The columns that have scores of items, each with the heading it stands under."""
    found: list[tuple[str, Column]] = []
    for section, heading in headings(results).items():
        for part, columns in parted(section_columns(results, section)):
            found += [
                (part or heading, column)
                for column in columns
                if any(column.key in one.scores for one in results.systems)
            ]
    return found


def _system(system: SystemResults, folder: RunFolder, out: Path) -> dict[str, Any]:
    card = system.card
    return {
        "name": card.system,
        "described": card.described,
        "is_reference": card.is_reference,
        "has_own_plan": card.has_own_plan,
        "tracks": _link(folder.track("any").parent, out),
        "pictures": _link(picture_at(out, card.system, "any").parent, out),
    }


def _link(folder: Path, out: Path) -> str:
    """The address of a folder as seen from the page.

    Raises:
        OutputError: if there is no way from one to the other.
    """
    try:
        relative = os.path.relpath(folder.absolute(), out.absolute())
    except ValueError as error:  # on another drive
        raise OutputError(f"no link leads from {out} to {folder}: keep them on one disk") from error
    return quote(Path(relative).as_posix()) + "/"


def _item(
    results: Results, index: int, keys: list[str], folders: Mapping[str, RunFolder]
) -> dict[str, Any]:
    question = results.questions[index]
    answers = [
        _answer(system, folders[system.card.system], question, index, keys)
        for system in results.systems
    ]
    return {
        "id": question.id,
        "text": question.text,
        "stratum": question.stratum,
        "duration_s": question.duration_s,
        "span_s": max((one["duration_s"] for one in answers if one is not None), default=0.0),
        "answers": answers,
    }


def _answer(
    system: SystemResults, folder: RunFolder, question: Question, index: int, keys: list[str]
) -> dict[str, Any] | None:
    """What a system answered to an item; None where it was not asked yet."""
    record = folder.kept_record(question.id)
    if record is None:
        return None
    plan = folder.plan(question.id)
    is_planned = record.has_track and plan.exists()
    return {
        "refusal": record.refusal,
        "duration_s": record.duration_s,
        "attenuated_db": record.attenuated_db,
        "scores": [system.scores[key][index] if key in system.scores else None for key in keys],
        "plan": _plan(load_plan(plan)) if is_planned else None,
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "summary": plan.storyline.summary,
        "events": [
            [one.start_s, one.end_s, one.detail, one.sounds] for one in plan.storyline.events
        ],
        "clips": [[one.start_s, one.end_s, one.caption] for one in plan.clips],
    }


def in_script(values: Any) -> str:
    """JSON that no text in it can end the ``script`` element of.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have.
    """
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _asset(name: str) -> str:
    path = files("audiostory.evaluate.benchmark.report").joinpath("assets", name)
    return path.read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    """Digest by which a browser knows a style or script that may take effect."""
    digest = hashlib.sha256(f"\n{text}\n".encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
