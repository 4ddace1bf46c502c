"""Preference tuning says what is TangoFlux's and what is ours."""

from __future__ import annotations

from audiostory.train.recipes.differences import citation
from audiostory.train.recipes.nano import NANO_CRPO
from audiostory.train.recipes.tangoflux import CRPO


def test_only_the_dit_learns_under_a_preference_and_the_winners_flow_loss() -> None:
    for stage in (CRPO, NANO_CRPO):
        assert stage.trainable == ("dit",)
        assert dict(stage.weights) == {"preference": 1.0, "flow": 1.0}


def test_values_that_no_source_here_states_are_ours() -> None:
    for field in ("preference_beta", "optim.learning_rate", "epochs", "batch_size"):
        assert citation(CRPO, field) == "our choice"
    assert "2412.21037" in citation(CRPO, "objective")
