"""What a stage lacks is told before anything costly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.errors import TrainingError
from audiostory.models.audiostory import THREE_B
from audiostory.train.paths import Paths
from audiostory.train.readiness import check_ready, missing_parts
from audiostory.train.recipes.catalogue import RECIPES, stage
from audiostory.train.stages import MixedSource
from tests.tiny import TINY_EARS, tiny_config

GIVEN = Path("given")


def test_no_stage_of_a_recipe_lacks_anything() -> None:
    for recipe in RECIPES.values():
        for each in recipe.stages:
            assert missing_parts(each) == []


def test_data_objectives_and_losses_that_are_not_there_are_named() -> None:
    dubbing = MixedSource(name="films", objective="dubbing", ratio=1.0, batch_size=2)
    found = replace(stage("nano/stage3"), mixed=(dubbing,), weights={"flow": 1.0, "lips": 1.0})
    told = "; ".join(missing_parts(found))
    assert "no data source 'films'" in told
    assert "no objective 'dubbing'" in told
    assert "no objective computes lips" in told


def test_a_model_without_ears_is_refused_what_is_heard() -> None:
    given = Paths(runs=GIVEN, corpus=GIVEN, teacher=GIVEN, stories=GIVEN)
    with pytest.raises(TrainingError, match="'tiny' has no ears: give a --size with them"):
        check_ready(stage("nano/stage2"), tiny_config(), given)
    check_ready(stage("nano/stage2"), replace(tiny_config(), audio_encoder=TINY_EARS), given)


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


def test_a_pretrained_codec_is_not_trained() -> None:
    given = Paths(runs=GIVEN, corpus=GIVEN, teacher=GIVEN, foundation=GIVEN)
    check_ready(stage("paper-main/stage1-warm"), THREE_B, given)
    with pytest.raises(TrainingError, match="'3b' has a pretrained codec"):
        check_ready(stage("nano/codec"), THREE_B, given)
