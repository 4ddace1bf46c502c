"""One recorded case, and the comparison of our numbers with its own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

WEIGHTS = "weights/"


@dataclass(frozen=True)
class Case:
    """One recorded case: what it was made with, and its tensors by role."""

    manifest: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """The manifest: kind, configurations, settings, seeds, tolerance."""
        return json.loads(self.manifest.read_text(encoding="utf-8"))

    @property
    def name(self) -> str:
        """Name of the case."""
        return self.manifest.stem

    @property
    def kind(self) -> str:
        """What was recorded; an entry of ``kinds.KINDS``."""
        return self.about["kind"]

    @property
    def tolerance(self) -> dict[str, float]:
        """``rtol`` and ``atol``."""
        return self.about["tolerance"]

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Weights under their released names, in float32; stored in half precision, exactly."""
        stored = self._stored.items()
        return {k.removeprefix(WEIGHTS): v.float() for k, v in stored if k.startswith(WEIGHTS)}

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Inputs, values on the way and outputs, under their recorded names."""
        return {k: v for k, v in self._stored.items() if not k.startswith(WEIGHTS)}

    def weights_under(self, prefix: str) -> dict[str, Tensor]:
        """The weights whose names start with ``prefix``, without it."""
        return {
            name.removeprefix(prefix): weight
            for name, weight in self.weights.items()
            if name.startswith(prefix)
        }

    @cached_property
    def _stored(self) -> dict[str, Tensor]:
        file = self.about.get("file")
        return load_file(self.manifest.with_name(file)) if file else {}


@dataclass
class Comparison:
    """What is compared of one case, and how far off it is."""

    case: Case
    problems: list[str] = field(default_factory=list)
    largest_error: float = 0.0
    """Largest absolute difference of any number compared."""
    num_compared: int = 0

    def close(self, name: str, ours: Tensor, theirs: Tensor | None = None) -> None:
        """Compare numbers within the case's tolerance.

        Args:
            name: a recorded tensor's name, or what to call it.
            ours: what we computed.
            theirs: what was recorded; by default the tensor of that name.
        """
        self.num_compared += 1
        theirs = self.case.tensors[name] if theirs is None else theirs
        if ours.shape != theirs.shape:
            self.problems.append(f"{name} is {list(ours.shape)}, not {list(theirs.shape)}")
            return
        ours, theirs = ours.detach().double(), theirs.double()
        if not ours.numel():
            return
        error = float((ours - theirs).abs().max())
        self.largest_error = max(self.largest_error, error)
        if not torch.allclose(ours, theirs, **self.case.tolerance) or math.isnan(error):
            self.problems.append(f"{name} is off by {error:.3g}")

    def equal(self, name: str, ours: object, theirs: object) -> None:
        """Compare what must be the same to the letter."""
        self.num_compared += 1
        same = torch.equal(ours, theirs) if isinstance(ours, Tensor) else ours == theirs
        if not same:
            self.problems.append(f"{name} is {_short(ours)}, not {_short(theirs)}")


def cases_in(folder: Path) -> Iterator[Case]:
    """The cases that the folder's index lists, in its order."""
    index = json.loads((folder / "INDEX.json").read_text(encoding="utf-8"))
    for entry in index["cases"]:
        yield Case(folder / f"{entry['case']}.json")


def _short(value: object) -> str:
    text = repr(value.tolist() if isinstance(value, Tensor) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."
