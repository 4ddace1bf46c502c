from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiostory.config import from_json, to_json
from audiostory.errors import ConfigError
from audiostory.models.audiostory import (
    HEARING_NANO,
    NANO,
    THREE_B,
    AudioStoryConfig,
    AudioStoryModel,
)
from audiostory.models.codec_ears import CodecEars, CodecEarsConfig
from tests.tiny import TINY_EARS, hearing_model, tiny_config


@torch.no_grad()
def test_ears_hear_the_latents_of_the_codec():
    model, waveform_BN = hearing_model(), torch.randn(1, 6400)
    assert_close(model.hear(waveform_BN), model.codec.encode(waveform_BN[:, None]))
    tokens_VKH = model.audio_encoder(waveform_BN, model.codec)
    assert_close(tokens_VKH, model.ears.project(model.hear(waveform_BN)))


def test_the_adapter_alone_learns_and_goes_by_the_projectors_name():
    model = hearing_model()
    (group,) = model.train_only(["audio_projector"]).values()
    model.ears.project(model.hear(torch.randn(1, 6400))).sum().backward()
    assert group
    assert all(parameter.grad is not None for parameter in group.values())
    assert {name for name, p in model.named_parameters() if p.grad is not None} == set(group)


def test_nanos_ears_take_less_than_two_megabytes_at_half_precision():
    ears = CodecEars(CodecEarsConfig())
    assert sum(p.numel() for p in ears.parameters()) * 2 < 2e6


def test_deaf_nano_is_as_it_was():
    deaf = from_json(AudioStoryConfig, to_json(NANO))
    assert deaf.audio_encoder is None
    assert not any("audio_encoder" in name for name in AudioStoryModel(deaf).state_dict())


def test_ears_survive_json():
    assert from_json(AudioStoryConfig, to_json(HEARING_NANO)) == HEARING_NANO


def test_ears_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="hear through nano's codec"):
        replace(THREE_B, audio_encoder=replace(TINY_EARS, llm_width=2048))
    with pytest.raises(ConfigError, match="the codec has \\(8000, 640, 8\\)"):
        replace(tiny_config(), audio_encoder=replace(TINY_EARS, hop=320))
    with pytest.raises(ConfigError, match="does not divide into 4 tokens"):
        replace(TINY_EARS, num_tokens=4)
