"""Stages are plain values, and know how long they last."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from audiostory.errors import ConfigError
from audiostory.train.recipes.catalogue import STAGES
from audiostory.train.stages import MixedSource, Recipe, StageConfig

STAGE = StageConfig(
    name="ours/one", objective="text", data="words", trainable=("llm",), weights={}, steps=5
)
OTHER = MixedSource(
    name="understanding", objective="text", ratio=2.0, batch_size=16, num_questions=2
)


def recipe(*stages: StageConfig) -> Recipe:
    return Recipe(name="ours", about="", size="nano", language_model="", stages=stages)


def test_a_stage_can_be_written_down() -> None:
    for stage in STAGES.values():
        assert json.loads(json.dumps(asdict(stage)))["name"] == stage.name


def test_an_experiment_is_a_stage_with_a_field_replaced() -> None:
    stage = STAGES["nano/stage3"]
    ablated = replace(stage, weights={**stage.weights, "semantic": 0.0})
    assert ablated != stage
    assert ablated.trainable == stage.trainable


def test_a_run_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="give steps or epochs"):
        replace(STAGE, steps=0)


def test_an_objective_that_leaves_no_condition_out_takes_no_share_of_them() -> None:
    with pytest.raises(ConfigError, match="'preference' leaves no condition out"):
        replace(STAGES["nano/crpo"], null_share=0.1)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_null_conditions_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="null_share"):
        replace(STAGE, null_share=share)


def test_a_division_that_the_objective_does_not_heed_is_refused() -> None:
    with pytest.raises(ConfigError, match="'text' divides as the model does"):
        replace(STAGE, training_divides="twice")


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="batches of 0: give 1 or more"):
        replace(STAGE, batch_size=0)


def test_epochs_become_steps_by_the_data_and_given_steps_stay() -> None:
    long = replace(STAGE, steps=0, epochs=3, batch_size=4)
    assert long.lasting(10).steps == 8  # 30 samples, 4 a step
    assert STAGE.lasting(10).steps == 5


def test_mixed_data_makes_a_run_longer_by_its_own_steps() -> None:
    own = replace(STAGE, steps=0, epochs=1, batch_size=8)
    mixed = replace(own, mixed=(OTHER,))
    assert mixed.own_share == pytest.approx(1 / 2)  # 8 samples a step against 16, 1 : 2 in all
    assert mixed.lasting(80).steps == 2 * own.lasting(80).steps


def test_another_batch_size_changes_that_of_mixed_data_in_proportion() -> None:
    resized = replace(STAGE, batch_size=8, mixed=(OTHER,)).resized(2)
    assert (resized.batch_size, resized.mixed[0].batch_size) == (2, 4)
    assert resized.mixed[0].ratio == OTHER.ratio


def test_mixed_data_alone_is_a_stage_of_that_data() -> None:
    alone = replace(STAGE, mixed=(OTHER,)).learning_from(OTHER)
    assert (alone.data, alone.batch_size, alone.mixed) == ("understanding", 16, ())
    assert alone.num_questions == 2
    assert alone.name == STAGE.name


def test_stages_that_make_no_course_are_refused() -> None:
    later = replace(STAGE, name="ours/two", starts_from=("ours/one",))
    recipe(STAGE, later)
    with pytest.raises(ConfigError, match="put that before it"):
        recipe(later, STAGE)
    with pytest.raises(ConfigError, match="name it after it"):
        recipe(replace(STAGE, name="theirs/one"))


def test_a_recipe_ends_in_its_last_stage_what_that_starts_from_and_what_else_is_trained() -> None:
    codec = replace(STAGE, name="ours/codec", trainable=("codec",))
    branch = replace(STAGE, name="ours/branch", starts_from=("ours/one",), trainable=("llm", "dit"))
    last = replace(STAGE, name="ours/last", starts_from=("ours/one",))
    assert recipe(codec, STAGE, branch, last).outcome == ("ours/codec", "ours/one", "ours/last")
    assert recipe(STAGE, branch).outcome == ("ours/one", "ours/branch")
