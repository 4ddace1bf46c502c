"""The recipes there are, by name: ``audiostory recipes`` lists them, ``audiostory train`` runs one.

A stage's name is its recipe's, a slash, and its own: ``paper-main/stage1-warm``.
"""

from __future__ import annotations

from dataclasses import replace

from audiostory.errors import ConfigError
from audiostory.train.recipes.nano import NANO
from audiostory.train.recipes.paper_appendix import PAPER_APPENDIX
from audiostory.train.recipes.paper_main import PAPER_MAIN
from audiostory.train.recipes.release import RELEASE
from audiostory.train.recipes.tangoflux import TANGOFLUX
from audiostory.train.stages import Recipe, StageConfig

RECIPES = {each.name: each for each in (PAPER_MAIN, PAPER_APPENDIX, RELEASE, NANO, TANGOFLUX)}
STAGES = {stage.name: stage for recipe in RECIPES.values() for stage in recipe.stages}


def recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        ConfigError: naming the recipes there are.
    """
    if name not in RECIPES:
        raise ConfigError(f"no recipe '{name}'; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def recipe_of(stage_name: str) -> Recipe:
    """The recipe that a stage of this name belongs to.

    Raises:
        ConfigError: naming the recipes there are.
    """
    return recipe(stage_name.rpartition("/")[0] or stage_name)


def size_of(*stage_names: str) -> str:
    """The size that stages of a recipe are meant for: one that a stage names, else the recipe's.

    Raises:
        ConfigError: naming the recipes or stages there are.
    """
    own = (stage(name).size for name in stage_names)
    return next((size for size in own if size), recipe_of(stage_names[0]).size)


def stage(name: str, *, steps: int | None = None, batch_size: int | None = None) -> StageConfig:
    """The stage called ``name``, with its length or batch size replaced where given.

    Raises:
        ConfigError: naming the stages there are.
    """
    if name not in STAGES:
        own = recipe_of(name)
        raise ConfigError(
            f"'{name}' is no stage; those of '{own.name}' are "
            f"{', '.join(each.name for each in own.stages)}"
        )
    found = STAGES[name]
    if batch_size is not None:
        found = found.resized(batch_size)
    return found if steps is None else replace(found, steps=steps)
