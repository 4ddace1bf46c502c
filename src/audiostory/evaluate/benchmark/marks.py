"""Which system a column calls the best, and which cannot be told from it.

What decides is what tests compare: the items that two systems both have a score of. Means over
different items would call a system the best that answered easy items only, although it loses to
another on every one of them. So the best is the system that leads every other on the items that
both have; where none does, or two systems share too few items, nobody is marked and it is said why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from audiostory.evaluate.benchmark.results import Cell

ROUNDING = 1e-12
"""Relative: a difference this small is none."""
BY_COMMON = "marks go by the items that both of two systems have, not by the means shown"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Whether two systems differ in one column."""

    column: str
    first: str
    second: str
    difference: float
    """First less second, on the items that both have."""
    low: float
    high: float
    p_value: float
    """Two-sided, corrected (Holm) for all pairs of the column."""
    num_items: int
    least_p_value: float
    """The least that this test can give for so many items and draws, before it is corrected."""


@dataclass(frozen=True, kw_only=True)
class Uncompared:
    """Two systems that have a column and cannot be compared in it."""

    column: str
    first: str
    second: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a column's numbers are marked with."""

    best: tuple[str, ...] = ()
    """The best system, then those that no test tells from it; none where nothing can be said."""
    remark: str = ""
    """Why nobody is marked, or what the marks go by; empty where they go by the numbers shown."""


def marks_of(
    cells: Mapping[str, Cell],
    better: Literal["lower", "higher", "neither"],
    differences: Sequence[Difference],
    uncompared: Sequence[Uncompared],
    level: float,
) -> Marks:
    """The marks of one column.

    Args:
        cells: its numbers by system, the references left out.
        better: which way is better.
        differences: of every two systems that could be compared in it.
        uncompared: those that could not.
        level: confidence; two systems differ where p is below one minus this.
    """
    if better == "neither" or not cells:
        return Marks()
    sign = -1.0 if better == "lower" else 1.0
    gains = _gains(differences, sign)
    apart = {frozenset((one.first, one.second)) for one in differences if one.p_value < 1 - level}
    ranked = sorted(cells, key=lambda name: (-sign * cells[name].value, name))
    least = -ROUNDING * max(abs(one.value) for one in cells.values())

    def leads(name: str) -> bool:
        others = (other for other in ranked if other != name)
        return all(gains.get((name, other), -math.inf) >= least for other in others)

    leader = next(filter(leads, ranked), None)
    if leader is None:
        return Marks(remark=_why_none(ranked, gains, uncompared))
    ties = (name for name in ranked if name != leader and frozenset((leader, name)) not in apart)
    counts = {one.num_items for one in (*cells.values(), *differences)}
    remark = "" if len(counts) == 1 else "systems have it for different items: " + BY_COMMON
    return Marks(best=(leader, *ties), remark=remark)


def _gains(differences: Iterable[Difference], sign: float) -> dict[tuple[str, str], float]:
    """By how much the first of two systems is better than the second, either way round."""
    gains: dict[tuple[str, str], float] = {}
    for one in differences:
        gains[one.first, one.second] = sign * one.difference
        gains[one.second, one.first] = -sign * one.difference
    return gains


def _why_none(
    ranked: Sequence[str],
    gains: Mapping[tuple[str, str], float],
    uncompared: Sequence[Uncompared],
) -> str:
    reasons = {frozenset((one.first, one.second)): one.why for one in uncompared}
    for pair in combinations(ranked, 2):
        if pair not in gains:
            why = reasons.get(frozenset(pair), "nobody compared them")
            return f"no system is marked: {pair[0]} and {pair[1]} cannot be compared ({why})"
    return "no system is marked: none leads every other on the items that both have"


def out_of_reach(differences: Sequence[Difference], level: float) -> float | None:
    """The least p-value that any two systems of one column could have, corrected for all pairs.

    None where it is below one minus ``level``, so that systems can be told apart at all.
    """
    least = min((one.least_p_value for one in differences), default=0.0) * len(differences)
    return min(least, 1.0) if least >= 1 - level else None
