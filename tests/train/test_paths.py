"""Paths of a run: what is missing names its option."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.errors import TrainingError
from audiostory.train.paths import Paths


def test_a_path_that_was_not_given_names_its_option(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--stories"):
        Paths(runs=tmp_path).need("stories")


def test_a_run_is_named_after_its_recipe(tmp_path: Path) -> None:
    assert Paths(runs=tmp_path).run("nano/codec") == tmp_path / "codec"
