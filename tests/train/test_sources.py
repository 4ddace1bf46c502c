"""What a stage lacks is told before anything costly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.errors import TrainingError
from audiostory.models.audiostory import THREE_B
from audiostory.train.materials import Paths
from audiostory.train.objective import StoryObjective
from audiostory.train.recipes.catalogue import RECIPES, stage
from audiostory.train.sources import (
    OBJECTIVES,
    SOURCES,
    check_ready,
    missing_parts,
    noise_levels,
)
from tests.tiny import tiny_config, tiny_model

GIVEN = Path("given")


def test_stages_that_need_no_understanding_lack_nothing() -> None:
    for recipe in RECIPES.values():
        for each in recipe.stages:
            assert bool(missing_parts(each)) == bool(each.mixed)


def test_data_objectives_and_losses_that_are_not_there_are_named() -> None:
    told = "; ".join(missing_parts(stage("paper-main/stage3")))
    assert "no data source 'understanding'" in told
    assert "no objective 'understanding'" in told
    assert "no objective computes understanding" in told
    assert "reason" not in told


def test_a_loss_that_is_weighed_0_need_not_be_computed() -> None:
    found = stage("nano/stage3")
    assert missing_parts(replace(found, weights={**found.weights, "spectral": 0.0})) == []
    assert missing_parts(replace(found, weights={"spectral": 1.0})) == [
        "no objective computes spectral"
    ]


def test_everything_that_must_be_given_is_named_at_once() -> None:
    warm = stage("paper-main/stage1-warm")
    with pytest.raises(TrainingError, match="give --foundation, --corpus, --teacher"):
        check_ready(warm, tiny_config(), Paths(runs=GIVEN))
    some = Paths(runs=GIVEN, corpus=GIVEN)
    with pytest.raises(TrainingError, match="give --teacher"):
        check_ready(warm, tiny_config(), some, has_start=True)
    check_ready(warm, tiny_config(), replace(some, teacher=GIVEN, foundation=GIVEN))


def test_a_model_whose_latents_nobody_makes_is_refused() -> None:
    given = Paths(runs=GIVEN, corpus=GIVEN, teacher=GIVEN, foundation=GIVEN)
    with pytest.raises(TrainingError, match="nano's codec and teacher only, and '3b' has others"):
        check_ready(stage("paper-main/stage1-warm"), THREE_B, given)


def test_a_source_reads_more_for_some_losses() -> None:
    words = stage("nano/stage1-stories")
    source = SOURCES["story_clips"]
    assert source.reads(words) == ["stories", "teacher"]
    assert source.reads(stage("nano/stage3")) == ["stories", "teacher", "corpus"]


def test_the_objective_computes_what_the_stage_weighs_at_its_noise_levels() -> None:
    model, whole = tiny_model(), stage("paper-main/stage1-whole")
    built = OBJECTIVES["story"].build(model, whole)
    assert isinstance(built, StoryObjective)
    assert built.wanted == {"semantic", "token", "flow"}
    assert built.noise_levels == "uniform"
    assert noise_levels(model, stage("nano/stage3")) == model.config.flow.noise_levels
