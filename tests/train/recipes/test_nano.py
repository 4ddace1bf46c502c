"""The course of the shipped model keeps the names its documentation uses."""

from __future__ import annotations

import re
from pathlib import Path

from audiostory.train.recipes.nano import NANO

DOCS = Path(__file__).parents[3] / "docs" / "nano.md"


def test_every_stage_has_its_command_in_the_docs() -> None:
    told = re.findall(r"^audiostory train (nano/\S+)", DOCS.read_text(), re.M)
    assert set(told) == {stage.name for stage in NANO.stages}


def test_a_tenth_of_its_conditions_is_left_out_for_guidance() -> None:
    shares = {stage.null_share for stage in NANO.stages if stage.objective in ("flow", "story")}
    assert shares == {0.1}


def test_it_needs_no_weights_that_others_made() -> None:
    assert all(stage.initial != "foundation" for stage in NANO.stages)
