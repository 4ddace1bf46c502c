"""The ten longest files and functions under a folder: a mirror, not a gate (STYLE.md, Size)."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path

Measured = tuple[int, str]
"""A number of lines and the name of what has them."""


def functions(path: Path) -> Iterator[Measured]:
    """The length and ``file:line name`` of every function in a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield length, f"{path}:{node.lineno} {node.name}"


def table(title: str, measured: list[Measured], count: int = 10) -> str:
    """The largest entries, longest first, and the median, as text."""
    ordered = sorted(measured, reverse=True)
    median = ordered[len(ordered) // 2][0] if ordered else 0
    lines = [f"{title} ({len(ordered)}, median {median} lines)"]
    return "\n".join(lines + [f"{length:6d}  {name}" for length, name in ordered[:count]])


def main() -> None:
    """Print both tables for the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.rglob("*.py"))
    lengths = [(len(path.read_text(encoding="utf-8").splitlines()), str(path)) for path in files]
    print(table("files", lengths))  # noqa: T201
    print(table("functions", [each for path in files for each in functions(path)]))  # noqa: T201


if __name__ == "__main__":
    main()
