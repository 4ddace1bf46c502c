"""The word tables beside this file, read once: what is data rather than code."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def lines(name: str) -> tuple[str, ...]:
    """Lines of a table, without comments and blanks."""
    text = files("audiostory.curate").joinpath("tables", name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line.strip() and line[0] != "#")


@cache
def table(name: str) -> dict[str, Any]:
    """A JSON table."""
    text = files("audiostory.curate").joinpath("tables", name).read_text(encoding="utf-8")
    return json.loads(text)


@cache
def phrase_list(name: str) -> tuple[str, ...]:
    """All phrases of a table whose phrases are separated by bars."""
    return tuple(one.strip() for line in lines(name) for one in line.split("|"))


@cache
def word_list(name: str) -> tuple[str, ...]:
    """All words of a table, hyphens read as spaces."""
    return tuple(word.replace("-", " ") for line in lines(name) for word in line.split())
