"""Every symbol that the paper map names exists, and every equation has one."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "paper-map.md").read_text(encoding="utf-8")
SYMBOLS = sorted(set(re.findall(r"`([\w/]+)\.py:([\w.]+)`", TEXT)))
FILES = sorted(set(re.findall(r"`([\w/]+\.py)[:`]", TEXT)))
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")]


def member(owner: Any, name: str) -> Any:
    """An attribute, or the type of a dataclass field without a default."""
    if dataclasses.is_dataclass(owner):
        fields = {field.name: field.type for field in dataclasses.fields(owner)}
        if name in fields:
            return fields[name]
    return getattr(owner, name)


def equations_of(cell: str) -> set[int]:
    """The numbers in "Eq. 3" or "Eq. 6-8"."""
    spans = re.findall(r"Eq\. (\d)(?:-(\d))?", cell)
    return {n for first, last in spans for n in range(int(first), int(last or first) + 1)}


@pytest.mark.parametrize(("module", "symbol"), SYMBOLS)
def test_every_symbol_of_the_map_exists(module, symbol):
    found = importlib.import_module(f"audiostory.{module.replace('/', '.')}")
    for name in symbol.split("."):
        found = member(found, name)


@pytest.mark.parametrize("file", FILES)
def test_every_file_of_the_map_exists(file):
    assert (ROOT / "src" / "audiostory" / file).is_file()


@pytest.mark.parametrize("number", range(1, 9))
def test_every_equation_has_a_symbol(number):
    rows = [row for row in ROWS if number in equations_of(row.split("|")[1])]
    assert any(re.search(r"`[\w/]+\.py:\w", row) for row in rows)
