from dataclasses import replace

import pytest
import torch

from audiostory.config import from_json, to_json
from audiostory.errors import ConfigError
from audiostory.models.audio_encoder import AudioEncoderConfig
from audiostory.models.audiostory import (
    GROUPS,
    NANO,
    SIZES,
    AudioStoryConfig,
    AudioStoryModel,
)
from audiostory.models.flow import guided_velocity
from audiostory.models.llm import LoraSettings
from audiostory.models.solvers import solve
from audiostory.models.vae import OobleckConfig
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer


def with_lora() -> AudioStoryConfig:
    llm = replace(tiny_config().llm, lora=LoraSettings(rank=2, alpha=2.0))
    return replace(tiny_config(), llm=llm)


@torch.no_grad()
def test_token_ids_become_sound_through_the_wired_parts():
    model, tokenizer, tokens = tiny_model(), tiny_tokenizer(), tiny_config().tokens
    ids_BL = torch.tensor([tokenizer.encode("<|gen|>Rain falls." + tokens.bridge_block())])
    hidden_BLH = model.llm.hidden_states(ids_BL)
    spots = [
        [ids_BL[0].tolist().index(tokenizer.token_id(name(i))) for i in range(count)]
        for name, count in ((tokens.semantic, 4), (tokens.residual, 2))
    ]
    condition = model.bridge.fuse(model.bridge.read(*(hidden_BLH[:, spot] for spot in spots)))
    frames = model.codec.num_frames(2.0)
    noise_BTC = torch.randn(1, frames, 8, generator=torch.Generator().manual_seed(1))
    velocity = guided_velocity(
        model.dit, condition.tokens_BSD, torch.tensor([2.0]),
        null_condition_1SD=model.bridge.null_condition, guidance_scale=2.0,
    )  # fmt: skip
    waveform_BCN = model.codec.decode(solve(velocity, noise_BTC, steps=2))
    assert waveform_BCN.shape == (1, 1, 16_000)
    assert waveform_BCN.std() > 1e-4


def test_the_same_seed_gives_the_same_model():
    first, second, other = tiny_model(3), tiny_model(3), tiny_model(4)
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert not torch.equal(
        first.bridge.semantic_head[0].weight, other.bridge.semantic_head[0].weight
    )


@pytest.mark.parametrize("config", [*SIZES.values(), tiny_config()], ids=lambda c: c.name)
def test_every_size_survives_json(config):
    assert from_json(AudioStoryConfig, to_json(config)) == config


def test_sizes_go_by_their_names():
    assert [SIZES[name].name for name in SIZES] == list(SIZES)
    assert list(SIZES) == ["nano", "nano-hearing", "miniature", "3b"]


def test_nano_fits_its_budget_at_half_precision():
    with torch.device("meta"):
        model = AudioStoryModel(NANO)
    assert 2 * sum(p.numel() for p in model.parameters()) < 58e6


def test_groups_hold_the_parameters_they_are_named_after():
    model = tiny_model()
    groups = model.parameter_groups(["semantic_head", "fuser", "null_condition", "dit.joint"])
    assert set(groups) == {"semantic_head", "fuser", "null_condition", "dit.joint"}
    assert set(groups["null_condition"]) == {"bridge.null_condition"}
    for name, parameter in groups["fuser"].items():
        assert model.get_parameter(name) is parameter


def test_the_parts_of_the_dit_are_the_whole_dit():
    model = tiny_model()
    parts = model.parameter_groups(["dit.joint", "dit.single", "dit.ends"])
    whole = model.parameter_groups(["dit"])["dit"]
    assert {name for part in parts.values() for name in part} == set(whole)


def test_lora_and_plain_weights_are_apart():
    model = tiny_model(config=with_lora())
    groups = model.parameter_groups(["llm", "llm_lora"])
    assert set(groups["llm"]) | set(groups["llm_lora"]) == {
        name for name, _ in model.named_parameters() if name.startswith("llm.")
    }
    released = model.parameter_groups(["llm_lora", "llm_norms", "llm_embeddings"])
    assert len(released["llm_norms"]) == 2 * 2 + 1
    assert len(released["llm_lora"]) == 2 * 7 * 2
    assert len(released["llm_embeddings"]) == 1


def test_training_some_groups_freezes_the_rest():
    model = tiny_model()
    groups = model.train_only(["fuser", "dit.single"])
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == set(groups["fuser"]) | set(groups["dit.single"])


def test_unusable_groups_are_refused():
    model = tiny_model()
    with pytest.raises(ConfigError, match="no parameter group 'unet'; there are"):
        model.parameter_groups(["unet"])
    with pytest.raises(ConfigError, match="'tiny' has no parameters in group 'llm_lora'"):
        model.parameter_groups(["llm_lora"])
    with pytest.raises(ConfigError, match="both hold dit.transformer"):
        model.parameter_groups(["dit", "dit.joint"])


def test_a_fusion_without_parameters_is_an_empty_group():
    config = tiny_config()
    config = replace(config, bridge=replace(config.bridge, fusion="semantic_only"))
    assert tiny_model(config=config).parameter_groups(["fuser"]) == {"fuser": {}}


def test_every_group_names_something_in_a_model_with_all_parts():
    ears = AudioEncoderConfig(
        width=16, num_layers=1, num_heads=2, intermediate_size=16, max_positions=20,
        num_tokens=4, llm_width=32,
    )  # fmt: skip
    model = tiny_model(config=replace(with_lora(), audio_encoder=ears))
    for name in GROUPS:
        assert model.parameter_groups([name])[name]


def test_another_codec_is_another_config():
    codec = OobleckConfig(
        latent_channels=8, encoder_width=8, decoder_width=8, ratios=(2, 4),
        channel_multiples=(1, 2),
    )  # fmt: skip
    config = replace(tiny_config(), codec=codec)
    assert from_json(AudioStoryConfig, to_json(config)) == config
    assert tiny_model(config=config).codec.audio_channels == 2


def test_parts_that_do_not_fit_are_refused():
    config = tiny_config()
    with pytest.raises(ConfigError, match="bridge.llm_width is 16 but llm.hidden_size is 32"):
        replace(config, bridge=replace(config.bridge, llm_width=16))
    with pytest.raises(ConfigError, match="dit.latent_channels is 6"):
        replace(config, dit=replace(config.dit, latent_channels=6))
    with pytest.raises(ConfigError, match="bridge.num_residual is 3"):
        replace(config, bridge=replace(config.bridge, num_residual=3))
    with pytest.raises(ConfigError, match="audio_encoder.llm_width is 2048"):
        replace(config, audio_encoder=AudioEncoderConfig())
