from __future__ import annotations

import pytest
import torch

from audiostory.errors import ShapeError
from audiostory.models.ears import windowed, with_heard
from tests.tiny import TINY_EARS, TINY_WHISPER, hearing_model


@pytest.mark.parametrize("config", [TINY_EARS, TINY_WHISPER], ids=["codec", "whisper"])
@torch.no_grad()
def test_all_ears_make_their_tokens_of_every_window(config):
    model = hearing_model(config)
    ears, num_samples = model.ears, model.ears.window + 1
    features_VPE = model.hear(torch.randn(2, num_samples))
    assert len(features_VPE) == 4
    assert ears.project(features_VPE).shape == (4, ears.num_tokens, 32)
    assert ears.sample_rate_hz in (8_000, 16_000)


@pytest.mark.parametrize("config", [TINY_EARS, TINY_WHISPER], ids=["codec", "whisper"])
def test_what_decides_features_is_none_of_what_learns(config):
    first, other = hearing_model(config), hearing_model(config)
    with torch.no_grad():
        for parameter in other.ears.projector.parameters():
            parameter.add_(1.0)
    frozen = first.ears.frozen(first.codec)
    assert frozen
    for name, value in other.ears.frozen(other.codec).items():
        assert torch.equal(frozen[name], value)


def test_windows_are_filled_up_with_silence():
    windows_VN = windowed(torch.ones(2, 5), 4)
    assert windows_VN.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]] * 2
    with pytest.raises(ShapeError, match="mono samples"):
        windowed(torch.ones(2, 1, 5), 4)


def test_sounds_take_their_places_in_order():
    embeds_BLH, is_heard_BL = torch.zeros(2, 3, 1), torch.tensor([[0, 1, 0], [1, 1, 0]])
    tokens_VKH = torch.tensor([[[1.0], [2.0], [3.0]]])
    placed_BLH = with_heard(embeds_BLH, tokens_VKH, is_heard_BL)
    assert placed_BLH[..., 0].tolist() == [[0, 1, 0], [2, 3, 0]]
    with pytest.raises(ShapeError, match="make 3 tokens, but 2 places"):
        with_heard(embeds_BLH[1:], tokens_VKH, is_heard_BL[1:])
