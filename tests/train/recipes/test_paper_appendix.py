"""Table 10's values, and that whatever contradicts the main text is cited on both sides."""

from __future__ import annotations

import pytest

from audiostory.train.recipes.differences import recipe_differences, values_of
from audiostory.train.recipes.paper_appendix import PAPER_APPENDIX
from audiostory.train.recipes.paper_main import PAPER_MAIN

WARM, WHOLE, STAGE_2, STAGE_3 = PAPER_APPENDIX.stages


def test_the_rows_of_table_10_are_held() -> None:
    stages = PAPER_APPENDIX.stages
    assert [stage.epochs for stage in stages] == [25, 25, 10, 10]
    assert [stage.batch_size for stage in stages] == [512, 256, 8, 8]
    assert [stage.optim.learning_rate for stage in stages] == [1e-3, 1e-3, 1e-4, 2e-5]
    assert STAGE_3.optim.group_rates == {"dit": 5e-5}
    assert [one.batch_size for one in (*STAGE_2.mixed, *STAGE_3.mixed)] == [16, 16, 8]
    assert "dit" not in WARM.trainable
    assert all(stage.num_gpus == 16 for stage in stages)


def test_the_weights_are_5_2_and_1() -> None:
    assert WHOLE.weights == {"semantic": 5.0, "token": 2.0, "flow": 1.0}


def test_twice_as_much_is_generated_as_understood() -> None:
    understanding, _ = STAGE_3.mixed
    assert understanding.ratio == 0.5


@pytest.mark.parametrize("stage", PAPER_APPENDIX.stages, ids=lambda stage: stage.name)
def test_no_citation_is_of_a_value_that_is_not_there(stage) -> None:
    assert set(stage.cited) <= set(values_of(stage))


def test_a_value_that_differs_is_cited_by_both_recipes() -> None:
    differences = recipe_differences(PAPER_MAIN, PAPER_APPENDIX)
    for each in (one for one in differences if one.stage):
        for recipe in (PAPER_MAIN, PAPER_APPENDIX):
            (stage,) = (one for one in recipe.stages if one.name.endswith(f"/{each.stage}"))
            assert each.field in stage.cited, (stage.name, each.field)
