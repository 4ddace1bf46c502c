"""Numbers recorded from the released code, read from a folder ``golden`` near the checkout.

They are too large to live in the repository; tests that need them are skipped where they lie not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One recorded case: what it was made with, and its tensors by role."""

    about: dict[str, Any]
    weights: dict[str, Tensor]
    tensors: dict[str, Tensor]

    @property
    def tolerance(self) -> dict[str, float]:
        """``rtol`` and ``atol`` for ``torch.testing.assert_close``."""
        return self.about["tolerance"]

    def weights_under(self, prefix: str) -> dict[str, Tensor]:
        """The weights whose names start with ``prefix``, without it."""
        return {
            name.removeprefix(prefix): weight
            for name, weight in self.weights.items()
            if name.startswith(prefix)
        }


def golden(name: str) -> Case:
    """The case called ``name``; skips the test where the folder is not there."""
    found = next(CHECKOUT.parent.glob(f"*/golden/{name}.json"), None)
    if found is None:
        pytest.skip("no golden numbers beside this checkout")
    stored = load_file(found.with_suffix(".safetensors"))
    return Case(
        about=json.loads(found.read_text(encoding="utf-8")),
        weights={k[len("weights/") :]: v.float() for k, v in stored.items() if k[0] == "w"},
        tensors={k: v for k, v in stored.items() if k[0] != "w"},
    )
