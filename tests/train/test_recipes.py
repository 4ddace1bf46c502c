"""Recipes are values that fit together."""

from __future__ import annotations

import pytest

from audiostory.errors import ConfigError
from audiostory.models.audiostory import GROUPS
from audiostory.train.recipes import RECIPES, recipe
from audiostory.train.workbench import OBJECTIVES, SOURCES, STARTS


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_names_things_that_exist(name: str) -> None:
    stage = RECIPES[name]
    assert stage.data in SOURCES
    assert stage.objective in OBJECTIVES
    assert stage.initial in STARTS
    assert set(stage.trainable) <= set(GROUPS)
    assert set(stage.starts_from) <= set(RECIPES)
    assert set(stage.optim.group_rates) <= set(stage.trainable)


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="nano/codec"):
        recipe("nano/voice")


def test_length_and_batch_can_be_replaced() -> None:
    changed = recipe("nano/dit", steps=7, batch_size=3)
    assert (changed.steps, changed.batch_size) == (7, 3)
    assert recipe("nano/dit").steps != 7
