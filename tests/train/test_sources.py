"""Kinds of data and of losses, by the names stages use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import torch

from audiostory.data.blocks import HEAD
from audiostory.data.cache import pack
from audiostory.data.manifest import SoundRow
from audiostory.data.understanding.corpus import heard_rows
from audiostory.data.understanding.features import Heard
from audiostory.train.materials import Materials
from audiostory.train.objective import FlowObjective, StoryObjective
from audiostory.train.paths import Paths
from audiostory.train.recipes.catalogue import stage
from audiostory.train.released import ReleasedObjective
from audiostory.train.sources import OBJECTIVES, SOURCES
from tests.tiny import hearing_model, tiny_model, tiny_tokenizer

GIVEN = Path("given")


def hearing_materials() -> Materials:
    """What questions are made of: three clips."""
    names = [("rain", "Rain falling"), ("dog", "A dog barking"), ("bell", "A bell ringing")]
    rows = [
        SoundRow(file="-", seconds=1.0, caption=caption, labels=(group,), group=group,
                 recording=group, split="train", license="CC0-1.0")
        for group, caption in names
    ]  # fmt: skip
    sounds = Heard([pack([torch.full((1, 10, 8), float(n)) for n in range(len(rows))])])
    made = SimpleNamespace(
        rows=rows, heard_rows=heard_rows(rows), heard=sounds, model=hearing_model(),
        tokenizer=tiny_tokenizer(), paths=Paths(runs=GIVEN),
    )  # fmt: skip
    return cast(Materials, made)


def test_samples_of_understanding_are_questions() -> None:
    found = stage("nano/stage2")
    asked = found.learning_from(found.mixed[0])
    materials, source = hearing_materials(), SOURCES["understanding"]
    batch = source.build(materials, asked)(0)
    assert int((batch["segments_BL"].max(dim=1).values - HEAD).sum()) == asked.batch_size
    assert source.num_samples(materials, asked) == 3 * len(materials.rows)
    fewer = replace(asked, num_questions=2)
    assert len(source.build(materials, fewer)(0)["ids_BL"]) == asked.batch_size // 2
    assert source.num_samples(materials, fewer) == 2 * len(materials.rows)


def test_the_released_objective_divides_as_the_stage_says() -> None:
    joint = stage("release/joint")
    built = OBJECTIVES["released"].build(tiny_model(), replace(joint, training_divides="twice"))
    assert isinstance(built, ReleasedObjective)
    assert (built.divides, joint.training_divides) == ("twice", "once")


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
    assert built.null_share == 0
    own = OBJECTIVES["story"].build(model, stage("nano/stage3"))
    assert isinstance(own, StoryObjective)
    assert own.noise_levels is None
    assert own.of_clips.null_share == 0.1
    dit = stage("nano/dit")
    single = OBJECTIVES[dit.objective].build(model, replace(dit, null_share=0.25))
    assert isinstance(single, FlowObjective)
    assert single.null_share == 0.25
