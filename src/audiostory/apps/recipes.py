"""The command ``recipes``: lists, shows and compares courses of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps.options import Debug
from audiostory.apps.work import mistakes_told

if TYPE_CHECKING:
    from audiostory.train.stages import Recipe, StageConfig

WIDEST = 60
"""Values longer than this do not push the citations of all others to the right."""


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this recipe or stage.")] = None,
    against: Annotated[str | None, typer.Argument(help="Show what differs in this one.")] = None,
    *,
    debug: Debug = False,
) -> None:
    """List the training recipes, show one or a stage of one, or show what differs between two."""
    with mistakes_told(debug=debug):
        from audiostory.train.recipes.catalogue import RECIPES

        if name is None:
            lines = [line for recipe in RECIPES.values() for line in listed(recipe)]
        elif against is None:
            lines = shown(name)
        else:
            lines = compared(name, against)
        typer.echo("\n".join(lines))


def listed(recipe: Recipe) -> list[str]:
    """A recipe and its stages, a line each."""
    return [
        f"{recipe.name}: {recipe.about}",
        *(
            f"  {stage.name:<28} {length(stage):>13}  batch {stage.batch_size:>3}"
            f"  trains {', '.join(stage.trainable)}"
            f"{f'  size {stage.size}' if stage.size else ''}"
            for stage in recipe.stages
        ),
    ]


def length(stage: StageConfig) -> str:
    """How long a stage lasts."""
    return f"{stage.steps} steps" if stage.steps else f"{stage.epochs:g} epochs"


def shown(name: str) -> list[str]:
    """All values of a stage, or of every stage of a recipe, each with where it comes from."""
    from audiostory.train.recipes.catalogue import RECIPES, stage
    from audiostory.train.recipes.differences import citation, values_of

    if name not in RECIPES:
        each = stage(name)
        rows = {field: f"{field}: {value}" for field, value in values_of(each).items()}
        width = max(len(row) for row in rows.values() if len(row) <= WIDEST)
        said = {field: citation(each, field) for field in rows}
        return [
            each.name,
            *(
                f"  {row:<{width}}  [{said[field]}]" if said[field] else f"  {row}"
                for field, row in rows.items()
            ),
        ]
    found = RECIPES[name]
    about = [found.about, f"size: {found.size}", f"language model: {found.language_model}"]
    return [found.name, *(f"  {line}" for line in about)] + [
        line for each in found.stages for line in ("", *shown(each.name))
    ]


def compared(name: str, against: str) -> list[str]:
    """What differs between two recipes, stage by stage, or between two stages; a field a line."""
    from audiostory.train.recipes.catalogue import RECIPES, recipe, stage
    from audiostory.train.recipes.differences import recipe_differences, stage_differences

    if name in RECIPES or against in RECIPES:
        found = recipe_differences(recipe(name), recipe(against))
    else:
        found = stage_differences(stage(name), stage(against))
    lines, heading = [f"{name} | {against}"], ""
    for each in found:
        if name in RECIPES and each.stage != heading:
            heading = each.stage
            lines.append(heading)
        lines.append(f"  {each.field}: {each.left} | {each.right}")
    return lines if found else [*lines, "  no difference"]
