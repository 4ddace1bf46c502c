"""The rows of a batch, JSON Lines: every one is checked before anything is loaded or made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiostory.config import from_dict
from audiostory.errors import AudioStoryError, ConfigError, InstructionError, PlanError
from audiostory.generate.batch.many import Job
from audiostory.story.plan import MAX_SEED
from audiostory.story.plan_file import load_plan
from audiostory.story.types import Instruction

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_TOLD = 20
"""More bad rows than this are counted, not listed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One story as it is asked for: an instruction, or a plan that is there already."""

    id: str | None = None
    """Names the story's files; by default the line's number, ``00001``."""
    instruction: str | None = None
    plan: str | None = None
    """Path of a plan file; relative to the folder of the rows."""
    duration_s: float | None = None
    seed: int | None = None


def read_jobs(path: Path, complete: Callable[[Job], Job]) -> list[Job]:
    """The jobs of a file, in its order; empty lines are none.

    Args:
        path: JSON Lines, UTF-8.
        complete: what else is to be settled about a job; its complaints are the row's.

    Raises:
        InstructionError: if the file cannot be read or holds no row, else with a line for each bad
            row.
    """
    jobs: list[Job] = []
    complaints: list[str] = []
    lines_by_id: dict[str, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            job = complete(_job(_row(line), number, path.parent))
            other = lines_by_id.setdefault(job.id.casefold(), number)
            if other != number:
                raise ConfigError(f"the id {job.id!r} is that of line {other}: give it another")
        except AudioStoryError as error:
            complaints.append(f"line {number}: {error}")
        else:
            jobs.append(job)
    if complaints:
        raise InstructionError(_told(path, complaints))
    if not jobs:
        raise InstructionError(
            f'{path} holds no row: write one a line, such as {{"instruction": "Rain falls."}}'
        )
    return jobs


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except FileNotFoundError:
        raise InstructionError(f"{path}: there is no such file: give JSON Lines of rows") from None
    except OSError as error:
        raise InstructionError(
            f"{path} cannot be read ({error.strerror}): give JSON Lines of rows"
        ) from error


def _row(line: bytes) -> Row:
    """The row in a line.

    Raises:
        ConfigError: if it is not UTF-8, not JSON, or has other fields or types than a row.
    """
    try:
        fields = json.loads(line.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise ConfigError(f"byte {error.start + 1} is not UTF-8: save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ConfigError("not a row: brackets are nested too deeply") from None
    if not isinstance(fields, dict):
        raise ConfigError('not a row: write an object such as {"instruction": "Rain falls."}')
    return from_dict(Row, fields, path="row")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The JSON object with these fields; a field given twice would hide the first."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice!r} is given twice: take one of them out")
    return dict(pairs)


def _job(row: Row, number: int, folder: Path) -> Job:
    """The job that a row asks for.

    Raises:
        AudioStoryError: if its parts do not make one.
    """
    job_id = f"{number:05d}" if row.id is None else row.id
    if not ID.fullmatch(job_id):
        raise ConfigError(
            f"the id {job_id[:120]!r} cannot name files: use letters, digits, dots, dashes and "
            "underscores, at most 100, the first of them a letter or digit"
        )
    if (row.instruction is None) == (row.plan is None):
        raise ConfigError("give an instruction or a plan: exactly one of them")
    if row.plan is not None:
        if row.duration_s is not None or row.seed is not None:
            raise PlanError("a plan has its own duration_s and seed: change them there")
        return Job(id=job_id, source=load_plan(folder / row.plan))
    if not 0 <= (row.seed or 0) <= MAX_SEED:
        raise ConfigError(f"seed is {row.seed}: give a whole number from 0 to {MAX_SEED}")
    assert row.instruction is not None
    instruction = Instruction(text=row.instruction.strip(), duration_s=row.duration_s)
    return Job(id=job_id, source=instruction, seed=row.seed or 0)


def _told(path: Path, complaints: list[str]) -> str:
    rest = len(complaints) - MAX_TOLD
    more = [f"... and {rest} more"] if rest > 0 else []
    rows = "a row" if len(complaints) == 1 else f"{len(complaints)} rows"
    return "\n".join([f"{path}: {rows} cannot be told:", *complaints[:MAX_TOLD], *more])
