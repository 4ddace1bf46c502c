"""Facts recorded from the released code, read from a folder ``golden`` near the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def recorded(name: str) -> dict[str, Any]:
    """The recorded case called ``name``; skips the test where the folder is not there."""
    found = next(Path(__file__).parents[3].glob(f"*/golden/{name}.json"), None)
    if found is None:
        pytest.skip("no recorded facts beside this checkout")
    return json.loads(found.read_text(encoding="utf-8"))
