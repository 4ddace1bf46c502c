from dataclasses import replace

import pytest
import torch

from audiostory.errors import ConfigError, ShapeError
from audiostory.models.bridge import Bridge, BridgeConfig, BridgeTokens, Condition
from audiostory.models.seeding import seeded

CONFIG = BridgeConfig(
    llm_width=24, width=16, num_semantic=4, num_residual=3, num_fusion_heads=4, feature_scale=5.0
)


def build(config: BridgeConfig = CONFIG) -> Bridge:
    with seeded(torch.Generator().manual_seed(1)):
        return Bridge(config).eval()


def random_tokens(seed: int = 0) -> BridgeTokens:
    generator = torch.Generator().manual_seed(seed)
    return BridgeTokens(
        torch.randn(2, 4, 16, generator=generator), torch.randn(2, 3, 16, generator=generator)
    )


def test_a_fresh_fuser_passes_semantic_tokens_through():
    tokens = random_tokens()
    fused = build().fuse(tokens).tokens_BSD
    torch.testing.assert_close(fused, tokens.semantic_BSD / 5.0)


def test_a_zero_initialised_fuser_still_learns():
    bridge, tokens = build(), random_tokens()
    bridge.fuse(tokens).tokens_BSD.square().sum().backward()
    assert bridge.fuser.attention.out_proj.weight.grad.abs().sum() > 0


def test_without_zero_init_residual_tokens_matter():
    bridge = build(replace(CONFIG, zero_init=False))
    first, second = random_tokens(0), random_tokens(1)
    mixed = BridgeTokens(first.semantic_BSD, second.residual_BRD)
    difference = bridge.fuse(first).tokens_BSD - bridge.fuse(mixed).tokens_BSD
    assert difference.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("fusion", "count"), [("cross_attention", 4), ("concat", 7), ("semantic_only", 4)]
)
def test_every_fusion_gives_its_number_of_tokens_and_a_matching_null(fusion, count):
    bridge = build(replace(CONFIG, fusion=fusion))
    hidden = torch.randn(2, 7, 24, generator=torch.Generator().manual_seed(2))
    condition = bridge.fuse(bridge.read(hidden[:, :4], hidden[:, 4:]))
    assert condition.tokens_BSD.shape == (2, count, 16)
    assert bridge.null(2).tokens_BSD.shape == (2, count, 16)


def test_clips_do_not_see_each_other():
    bridge, tokens = build(replace(CONFIG, zero_init=False)), random_tokens()
    alone = bridge.fuse(BridgeTokens(tokens.semantic_BSD[:1], tokens.residual_BRD[:1]))
    torch.testing.assert_close(bridge.fuse(tokens).clip(0).tokens_BSD, alone.tokens_BSD)


def test_conditions_split_and_join():
    condition = build().fuse(random_tokens())
    joined = Condition.joined([condition.clip(0), condition.clip(1)])
    assert len(joined) == 2
    assert torch.equal(joined.tokens_BSD, condition.tokens_BSD)


def test_the_null_condition_is_trained_or_fixed():
    assert "null_condition" in dict(build().named_parameters())
    fixed = build(replace(CONFIG, learned_null=False))
    assert "null_condition" not in dict(fixed.named_parameters())
    features_SD = torch.ones(4, 16)
    fixed.set_null(features_SD)
    assert torch.equal(fixed.null(1).tokens_BSD[0], features_SD)
    assert "null_condition" in fixed.state_dict()
    with pytest.raises(ShapeError, match="null features"):
        fixed.set_null(torch.ones(5, 16))


def test_states_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"semantic states have shape \[1, 5, 24\]"):
        build().read(torch.zeros(1, 5, 24), torch.zeros(1, 3, 24))
    with pytest.raises(ShapeError, match="residual states"):
        build().read(torch.zeros(1, 4, 24), torch.zeros(1, 3, 8))


def test_training_may_divide_by_the_scale_once_or_twice():
    tokens = random_tokens()
    once = build().for_training(tokens)
    twice = build(replace(CONFIG, training_divides="twice")).for_training(tokens)
    assert torch.equal(once.semantic_BSD, tokens.semantic_BSD)
    torch.testing.assert_close(twice.semantic_BSD, tokens.semantic_BSD / 5.0)
    torch.testing.assert_close(twice.residual_BRD, tokens.residual_BRD / 5.0)


def test_generation_may_divide_by_the_scale_once_or_twice():
    tokens = random_tokens()
    bridge = build(replace(CONFIG, generation_divides="twice", zero_init=False))
    semantic_BSD, residual_BRD = tokens.semantic_BSD / 5.0, tokens.residual_BRD / 5.0
    found_BSD, _ = bridge.fuser.attention(semantic_BSD, residual_BRD, residual_BRD)
    twice = bridge.fuse(bridge.for_generation(tokens)).tokens_BSD
    torch.testing.assert_close(twice, (semantic_BSD + found_BSD) / 5.0)
    plain = build(replace(CONFIG, zero_init=False))
    once = plain.fuse(plain.for_generation(tokens)).tokens_BSD
    torch.testing.assert_close(once, plain.fuse(tokens).tokens_BSD)
    assert not torch.allclose(once, twice)


def test_training_and_generation_divide_independently():
    tokens = random_tokens()
    bridge = build(replace(CONFIG, generation_divides="twice"))
    assert torch.equal(bridge.for_training(tokens).semantic_BSD, tokens.semantic_BSD)
    assert not torch.equal(bridge.for_generation(tokens).semantic_BSD, tokens.semantic_BSD)


def test_impossible_configs_are_refused():
    with pytest.raises(ConfigError, match="there are once, twice"):
        replace(CONFIG, training_divides="thrice")
    with pytest.raises(ConfigError, match="generation_divides is 'never'"):
        replace(CONFIG, generation_divides="never")
    with pytest.raises(ConfigError, match="no fusion 'sum'"):
        replace(CONFIG, fusion="sum")
    with pytest.raises(ConfigError, match="num_fusion_heads"):
        replace(CONFIG, num_fusion_heads=3)
    with pytest.raises(ConfigError, match="feature_scale"):
        replace(CONFIG, feature_scale=0.0)
    with pytest.raises(ConfigError, match="feature_scale is inf"):
        replace(CONFIG, feature_scale=float("inf"))
