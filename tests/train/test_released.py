"""Sequences with one clip each, as the released training code reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiostory.data.stories import IGNORED
from audiostory.errors import ShapeError
from audiostory.models.audio_encoder import AudioEncoderConfig
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import BridgeConfig
from audiostory.train.released import ReleasedObjective
from tests.tiny import tiny_config, tiny_model

EARS = AudioEncoderConfig(width=8, num_layers=0, num_heads=1, num_tokens=2, llm_width=32)
LENGTH = 14


def model_of(bridge: BridgeConfig | None = None) -> AudioStoryModel:
    config = replace(tiny_config(), bridge=bridge or tiny_config().bridge, audio_encoder=EARS)
    return tiny_model(config=config)


def span(start: int, count: int) -> torch.Tensor:
    places_L = torch.arange(LENGTH)
    return ((places_L >= start) & (places_L < start + count)).expand(2, -1)


def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    ids_BL = torch.randint(5, 300, (2, LENGTH), generator=generator)
    labels_BL = ids_BL.clone()
    labels_BL[:, :4] = IGNORED
    return {
        "ids_BL": ids_BL,
        "attention_BL": torch.ones(2, LENGTH, dtype=torch.long),
        "labels_BL": labels_BL,
        "is_semantic_BL": span(6, 4),
        "is_residual_BL": span(11, 2),
        "semantic_BSD": torch.randn(2, 4, 24, generator=generator),
        "latents_BTC": torch.randn(2, 6, 8, generator=generator),
        "duration_B": torch.tensor([1.0, 2.0]),
    }


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_the_generator_alone_decides_the_draws():
    objective = ReleasedObjective(model_of())
    first, second = (objective(batch(), rng()) for _ in range(2))
    other = objective(batch(), torch.Generator().manual_seed(4))
    assert set(first) == {"semantic", "text", "flow"}
    assert torch.equal(first["flow"], second["flow"])
    assert not torch.equal(first["flow"], other["flow"])
    assert torch.equal(first["text"], other["text"])


def test_noise_levels_are_drawn_as_told_or_as_the_model_does():
    model = model_of()
    flows = [ReleasedObjective(model, name)(batch(), rng())["flow"] for name in (None, "uniform")]
    same = ReleasedObjective(model, model.config.flow.noise_levels)(batch(), rng())["flow"]
    assert torch.equal(flows[0], same)
    assert not torch.equal(flows[0], flows[1])


def test_the_flow_loss_reaches_the_llm_through_both_heads():
    model = model_of()
    ReleasedObjective(model)(batch(), rng())["flow"].backward()
    for name in ("bridge.residual_head.0.weight", "bridge.semantic_head.0.weight"):
        assert model.get_parameter(name).grad.abs().sum() > 0
    assert model.llm.network.model.layers[0].mlp.up_proj.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_dividing_twice_scales_the_tokens_once_more():
    once = replace(tiny_config().bridge, feature_scale=10.0)
    made = batch()
    tokens = []
    for bridge in (once, replace(once, training_divides="twice")):
        objective = ReleasedObjective(model_of(bridge))
        tokens.append(objective.tokens(made, objective.hidden_states(made)))
    assert_close(tokens[1].semantic_BSD, tokens[0].semantic_BSD / 10)
    assert_close(tokens[1].residual_BRD, tokens[0].residual_BRD / 10)
    asked = ReleasedObjective(model_of(once), divides="twice")
    assert_close(asked.tokens(made, asked.hidden_states(made)).semantic_BSD, tokens[1].semantic_BSD)


def heard_batch() -> dict[str, torch.Tensor]:
    heard_VPE = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    return batch() | {"heard_VPE": heard_VPE, "is_heard_BL": span(1, 2)}


@torch.no_grad()
def test_sounds_heard_replace_the_tokens_of_their_places_in_order():
    objective, made = ReleasedObjective(model_of()), heard_batch()
    hidden_BLH = objective.hidden_states(made)
    made["ids_BL"] = made["ids_BL"].masked_fill(made["is_heard_BL"], 7)
    assert_close(objective.hidden_states(made), hidden_BLH)  # what stood there is not read
    made["heard_VPE"] = made["heard_VPE"].flip(0)
    assert (objective.hidden_states(made) - hidden_BLH).abs().max() > 1e-4
    assert_close(objective.hidden_states(made)[:, 0], hidden_BLH[:, 0])


def test_the_projector_of_sounds_heard_learns():
    model = model_of()
    ReleasedObjective(model)(heard_batch(), rng())["text"].backward()
    assert model.audio_encoder.projector[0].weight.grad.abs().sum() > 0


def test_marks_that_do_not_fit_are_named():
    objective = ReleasedObjective(model_of())
    with pytest.raises(ShapeError, match=r"mark \[3, 3\] bridge tokens"):
        objective(batch() | {"is_semantic_BL": span(6, 3)}, rng())
    with pytest.raises(ShapeError, match="make 4 tokens, but 6 places"):
        objective(heard_batch() | {"is_heard_BL": span(1, 3)}, rng())
    deaf = ReleasedObjective(tiny_model())
    with pytest.raises(ShapeError, match="no audio_encoder"):
        deaf(heard_batch(), rng())
