"""The miniature is nano's course, shortened, and the paper's order to its end."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from audiostory.models.audiostory import MINIATURE as SIZE
from audiostory.models.audiostory import NANO as NANO_SIZE
from audiostory.models.audiostory import AudioStoryModel
from audiostory.train.recipes.differences import own_name, values_of
from audiostory.train.recipes.miniature import MINIATURE
from audiostory.train.recipes.nano import NANO, NANO_STORY_HEARING
from audiostory.train.recipes.paper_main import STAGE_2, STAGE_3

DOCS = Path(__file__).parents[3] / "docs" / "training.md"
SHORTENED = ("steps", "batch_size", "starts_from", "size", "optim.", "mixed.understanding.")
LAST = MINIATURE.stages[-1]
COURSE = [stage for stage in NANO.course if stage is not NANO_STORY_HEARING]
"""Nano's course without the Stage III of its branch that hears."""


def test_it_has_every_stage_of_nanos_in_nanos_order() -> None:
    assert [own_name(stage) for stage in MINIATURE.stages] == [own_name(stage) for stage in COURSE]


def test_all_but_the_last_stage_learn_what_nanos_do_in_fewer_steps() -> None:
    for ours, theirs in zip(MINIATURE.stages[:-1], COURSE[:-1], strict=True):
        mine, others = values_of(ours), values_of(theirs)
        differing = {name for name in mine | others if mine.get(name) != others.get(name)}
        assert all(name.startswith(SHORTENED) for name in differing), ours.name
        assert ours.steps * ours.batch_size * 10 < theirs.steps * theirs.batch_size


def test_stage_3_begins_from_stage_2_and_goes_on_hearing_as_the_papers_does() -> None:
    assert LAST.starts_from == ("miniature/stage2",)
    assert set(LAST.weights) >= {"flow", "understanding"}
    (ours,), papers = LAST.mixed, STAGE_3.mixed[0]
    assert (ours.name, ours.ratio) == (papers.name, papers.ratio)
    assert set(LAST.trainable) - {"llm", "null_condition"} == set(STAGE_2.trainable) - {"llm_lora"}


def test_warm_up_is_over_long_before_the_run_is() -> None:
    assert all(stage.optim.warmup_steps * 3 <= stage.steps for stage in MINIATURE.stages)


def test_all_stages_train_one_model() -> None:
    assert {stage.size for stage in MINIATURE.stages} == {None}
    assert MINIATURE.outcome == tuple(stage.name for stage in MINIATURE.stages)


def test_its_model_is_a_fraction_of_nano_and_hears() -> None:
    with torch.device("meta"):
        ours, nano = AudioStoryModel(SIZE), AudioStoryModel(NANO_SIZE)
    sizes = [sum(value.numel() for value in model.parameters()) for model in (ours, nano)]
    assert 3 * sizes[0] < sizes[1]
    assert ours.ears


def test_the_docs_say_how_long_each_stage_lasts() -> None:
    told = re.findall(r"^\| `(\S+)` \| ([\d,]+) \|", DOCS.read_text(), re.M)
    assert [(name, int(steps.replace(",", ""))) for name, steps in told] == [
        (own_name(stage), stage.steps) for stage in MINIATURE.stages
    ]
