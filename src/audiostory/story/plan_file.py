"""The plan as a file, ``story.json``: read with every complaint, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from audiostory.errors import OutputError, PlanError
from audiostory.story.plan import Plan, complaints


def load_plan(path: Path) -> Plan:
    """The plan in a file.

    Raises:
        PlanError: if the file is missing, is not UTF-8 or not JSON (with line and column), or with
            one line per wrong field, such as ``clips.2.gain: Input should be ...``.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors put a byte order mark first
    except FileNotFoundError:
        raise PlanError(f"{path}: no such plan; write one with `audiostory plan`") from None
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8"
        ) from None
    try:
        json.loads(text, object_pairs_hook=_object)  # for its messages: line, column, doubles
        return Plan.model_validate_json(text)
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from None
    except json.JSONDecodeError as error:
        raise PlanError(
            f"{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise PlanError(f"{path}: not a plan: brackets are nested too deeply") from None
    except ValidationError as error:
        raise PlanError(complaints(error, str(path))) from None


def save_plan(plan: Plan, path: Path, *, overwrite: bool = False) -> None:
    """Write a plan, whole or not at all.

    Raises:
        OutputError: if the file exists and ``overwrite`` is not set, or cannot be written.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists: choose another name, or overwrite it (--overwrite)")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(plan.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The JSON object with these fields; a field given twice would hide the first."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PlanError(f"{twice!r} is given twice in one object: take one of them out")
    return fields
