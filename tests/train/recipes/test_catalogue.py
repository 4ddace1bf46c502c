"""Recipes are values that fit together."""

from __future__ import annotations

import pytest

from audiostory.errors import ConfigError
from audiostory.models.audiostory import GROUPS, SIZES
from audiostory.train.recipes.catalogue import (
    RECIPES,
    STAGES,
    exported,
    recipe,
    recipe_of,
    size_of,
    stage,
    stages_in,
)
from audiostory.train.sources import OBJECTIVES, SOURCES
from audiostory.train.workbench import STARTS


@pytest.mark.parametrize("name", sorted(STAGES))
def test_a_stage_names_things_that_exist(name: str) -> None:
    found = STAGES[name]
    assert found.data in SOURCES
    assert found.objective in OBJECTIVES
    assert found.initial in STARTS
    assert set(found.trainable) <= set(GROUPS)
    assert set(found.optim.group_rates) <= set(found.trainable)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_is_meant_for_a_size_there_is(name: str) -> None:
    assert RECIPES[name].size in SIZES


def test_a_stage_has_the_size_of_its_recipe_unless_it_names_one() -> None:
    assert size_of("nano/stage3") == "nano"
    assert size_of("nano/stage1-whole", "nano/stage2") == "nano-hearing"
    assert {found.size for found in STAGES.values()} - {None} <= SIZES.keys()


def test_what_is_unknown_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match="paper-main, paper-appendix, release, nano, miniature"):
        recipe("paper")
    with pytest.raises(ConfigError, match="no recipe 'voice'"):
        stage("voice/stage1")
    with pytest.raises(ConfigError, match="those of 'nano' are nano/codec, "):
        stage("nano/voice")
    with pytest.raises(ConfigError, match="'nano' is no stage"):
        stage("nano")


def test_length_and_batch_can_be_replaced() -> None:
    changed = stage("nano/dit", steps=7, batch_size=3)
    assert (changed.steps, changed.batch_size) == (7, 3)
    assert stage("nano/dit").steps != 7
    assert stage("paper-main/stage2", batch_size=2).mixed[0].batch_size == 4


def test_a_stage_belongs_to_the_recipe_it_is_named_after() -> None:
    assert recipe_of("nano/stage3") is RECIPES["nano"]


def test_a_recipes_name_is_all_its_stages_and_a_stages_its_own() -> None:
    assert stages_in("nano") == list(RECIPES["nano"].stages[:-1])
    assert stages_in("nano/crpo") == [RECIPES["nano"].stages[-1]]
    assert [each.name for each in stages_in("tangoflux")] == ["tangoflux/crpo"]
    assert [found.steps for found in stages_in("miniature", steps=3)] == [3] * 9
    assert stages_in("nano/dit", batch_size=2) == [stage("nano/dit", batch_size=2)]
    with pytest.raises(ConfigError, match="no recipe 'voice'"):
        stages_in("voice")


def test_a_recipes_name_exports_what_it_ends_in_without_its_branches() -> None:
    told = exported(["nano"])
    assert (told[0], told[-1]) == ("nano/codec", "nano/stage3")
    assert "nano/stage2" not in told
    assert size_of(*told) == "nano"
    assert exported(["nano/codec", "nano/stage2"]) == ["nano/codec", "nano/stage2"]
    assert exported(["paper-main"])[-1] == "paper-main/stage3"
    with pytest.raises(ConfigError, match="those of 'nano' are"):
        exported(["nano/voice"])
