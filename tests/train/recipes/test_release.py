"""What the released code implies."""

from __future__ import annotations

from audiostory.train.recipes.differences import values_of
from audiostory.train.recipes.release import DETOKENIZER, JOINT, RELEASE


def test_the_joint_stage_weighs_the_released_losses_alike() -> None:
    assert JOINT.weights == {"semantic": 1.0, "text": 1.0, "flow": 1.0}


def test_norms_and_embeddings_learn_beside_the_lora() -> None:
    assert {"llm_lora", "llm_norms", "llm_embeddings"} <= set(JOINT.trainable)


def test_the_dit_is_trained_before_it_meets_the_llm() -> None:
    assert DETOKENIZER.trainable == ("dit",)
    assert JOINT.starts_from == (DETOKENIZER.name,)


def test_what_training_and_inference_contradict_each_other_in_is_named() -> None:
    assert JOINT.training_divides == "once"
    assert "twice" in JOINT.cited["training_divides"]


def test_no_condition_is_left_out() -> None:
    assert {stage.null_share for stage in RELEASE.stages} == {0.0}


def test_the_optimisers_values_are_tangofluxs_and_say_so() -> None:
    for stage in RELEASE.stages:
        assert (stage.optim.betas, stage.optim.weight_decay) == ((0.9, 0.95), 0.01)
        assert "TangoFlux" in stage.cited["optim.betas"]
        assert "TangoFlux" in stage.cited["optim.weight_decay"]


def test_no_citation_is_of_a_value_that_is_not_there() -> None:
    for stage in RELEASE.stages:
        assert set(stage.cited) <= set(values_of(stage))
