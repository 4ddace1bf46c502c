"""Two stages side by side."""

from __future__ import annotations

from dataclasses import replace

from audiostory.train.recipes.differences import (
    ABSENT,
    Difference,
    citation,
    recipe_differences,
    stage_differences,
    values_of,
)
from audiostory.train.stages import MixedSource, Recipe, StageConfig

STAGE = StageConfig(
    name="ours/one",
    objective="flow",
    data="sound_latents",
    trainable=("dit", "fuser"),
    weights={"flow": 0.5},
    epochs=3,
    cited={"epochs": "Table 10"},
)
RECIPE = Recipe(name="ours", about="", size="nano", language_model="none", stages=(STAGE,))


def test_values_are_told_by_dotted_name_and_empty_ones_left_out() -> None:
    mixed = MixedSource(name="understanding", objective="text", ratio=2.0, batch_size=4)
    told = values_of(replace(STAGE, mixed=(mixed,)))
    assert told["trainable"] == "dit, fuser"
    assert told["weights.flow"] == "0.5"
    assert told["mixed.understanding.ratio"] == "2"
    assert not {"name", "cited", "steps", "datasets", "starts_from"} & set(told)


def test_only_what_differs_is_told() -> None:
    changed = replace(STAGE, batch_size=2, weights={"flow": 0.5, "text": 1.0})
    assert stage_differences(STAGE, changed) == [
        Difference("one", "batch_size", "32", "2"),
        Difference("one", "weights.text", ABSENT, "1"),
    ]
    assert stage_differences(STAGE, STAGE) == []


def test_recipes_are_compared_stage_by_stage_under_their_own_names() -> None:
    first = replace(STAGE, name="theirs/one", starts_from=())
    second = replace(STAGE, name="theirs/two", starts_from=("theirs/one",))
    theirs = replace(RECIPE, name="theirs", size="3b", stages=(first, second))
    assert recipe_differences(RECIPE, theirs) == [
        Difference("", "size", "nano", "3b"),
        Difference("two", "stage", ABSENT, "yes"),
    ]
    ours = replace(
        RECIPE, stages=(STAGE, replace(STAGE, name="ours/two", starts_from=("ours/one",)))
    )
    assert recipe_differences(ours, replace(theirs, size="nano")) == []


def test_what_is_not_cited_is_our_choice() -> None:
    assert citation(STAGE, "epochs") == "Table 10"
    assert citation(STAGE, "seed") == "our choice"
    assert citation(replace(STAGE, cited={}), "seed") == ""
