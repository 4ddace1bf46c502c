"""Stages as lines to read, and what differs between two of them, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from audiostory.config import to_dict
from audiostory.train.stages import Recipe, StageConfig

ABSENT = "-"
"""What stands for a value that a stage does not have."""


@dataclass(frozen=True)
class Difference:
    """One field that two stages do not share."""

    stage: str
    """The stage's own name, which both have; empty for what the recipes say of themselves."""
    field: str
    """Dotted name."""
    left: str
    right: str


def own_name(stage: StageConfig) -> str:
    """The stage's name within its recipe."""
    return stage.name.rpartition("/")[2]


def values_of(stage: StageConfig) -> dict[str, str]:
    """A stage's values as text, by dotted field name; citations and what is empty are left out."""
    entry = to_dict(stage)
    del entry["name"], entry["cited"]
    entry["mixed"] = {one.pop("name"): one for one in entry["mixed"]}
    entry["steps"] = entry["steps"] or None
    entry["epochs"] = entry["epochs"] or None
    return dict(_flat(entry, ""))


def citation(stage: StageConfig, field: str) -> str:
    """Where a value comes from; empty in a recipe that cites nothing."""
    return stage.cited.get(field, "our choice" if stage.cited else "")


def stage_differences(left: StageConfig, right: StageConfig) -> list[Difference]:
    """The fields in which two stages differ, in the order they are declared."""
    ours, theirs = values_of(left), values_of(right)
    return [
        Difference(own_name(left), field, ours.get(field, ABSENT), theirs.get(field, ABSENT))
        for field in dict.fromkeys([*ours, *theirs])
        if ours.get(field) != theirs.get(field)
    ]


def recipe_differences(left: Recipe, right: Recipe) -> list[Difference]:
    """What differs between two recipes: what they begin with, then stage by stage.

    Stages with the same own name are compared; for others, it is said who has them.
    """
    found = [
        Difference("", field, getattr(left, field), getattr(right, field))
        for field in ("size", "language_model")
        if getattr(left, field) != getattr(right, field)
    ]
    ours, theirs = ({own_name(stage): stage for stage in each.stages} for each in (left, right))
    for name in dict.fromkeys([*ours, *theirs]):
        if name in ours and name in theirs:
            found += stage_differences(_neutral(ours[name]), _neutral(theirs[name]))
        else:
            has = ("yes", ABSENT) if name in ours else (ABSENT, "yes")
            found.append(Difference(name, "stage", *has))
    return found


def _neutral(stage: StageConfig) -> StageConfig:
    """The stage with the names it starts from as the recipe itself knows them."""
    return replace(stage, starts_from=tuple(n.rpartition("/")[2] for n in stage.starts_from))


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """The leaves of nested dicts by dotted name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        if value:
            yield name, ", ".join(map(str, value))
    elif value is not None:
        yield name, f"{value:g}" if isinstance(value, float) else str(value)
