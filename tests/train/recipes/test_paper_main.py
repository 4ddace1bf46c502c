"""The main text's values, by its own words."""

from __future__ import annotations

import pytest

from audiostory.train.recipes.differences import values_of
from audiostory.train.recipes.paper_main import (
    PAPER_MAIN,
    STAGE_1_WARM,
    STAGE_1_WHOLE,
    STAGE_2,
    STAGE_3,
)

OURS = {
    "mixed.understanding.objective",
    "mixed.continuation.ratio",
    "mixed.understanding.num_questions",
    "precision",
    "seed",
    *(f"optim.{name}" for name in ("warmup_steps", "final_rate", "max_grad_norm", "ema_decay")),
}
"""What neither main text nor appendix says."""


@pytest.mark.parametrize("stage", PAPER_MAIN.stages, ids=lambda stage: stage.name)
def test_every_value_is_cited_or_our_choice(stage) -> None:
    assert set(values_of(stage)) - set(stage.cited) == OURS & set(values_of(stage))
    assert set(stage.cited) <= set(values_of(stage))


def test_the_losses_are_those_of_equations_6_to_8() -> None:
    assert set(STAGE_1_WARM.weights) == {"semantic"}
    assert STAGE_1_WHOLE.weights == {"semantic": 1.0, "token": 1.0, "flow": 0.2}
    assert set(STAGE_2.weights) - set(STAGE_1_WHOLE.weights) == {"understanding"}
    reasons = {name: STAGE_3.weights[name] for name in set(STAGE_3.weights) - set(STAGE_2.weights)}
    terms = ("event_count", "content", "caption")
    assert reasons == {f"reason.{term}": 0.4 for term in terms}


def test_no_condition_is_left_out_for_no_source_says_so() -> None:
    assert {stage.null_share for stage in PAPER_MAIN.stages} == {0.0}


def test_stage_1_has_32_clips_a_device_for_50_epochs() -> None:
    assert STAGE_1_WARM.batch_size == 32 * STAGE_1_WARM.num_gpus
    assert STAGE_1_WARM.epochs + STAGE_1_WHOLE.epochs == 50


def test_twice_as_much_is_understood_as_generated() -> None:
    (understanding,) = STAGE_2.mixed
    assert understanding.ratio == 2.0


def test_the_dit_learns_at_a_rate_of_its_own_in_stage_3() -> None:
    assert STAGE_3.optim.group_rates["dit"] != STAGE_3.optim.learning_rate


def test_stage_3_tells_stories_on_from_what_is_heard() -> None:
    assert [one.name for one in STAGE_3.mixed] == ["understanding", "continuation"]
    assert all(one.name != "continuation" for one in STAGE_2.mixed)
