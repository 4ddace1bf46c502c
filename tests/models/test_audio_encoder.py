from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from audiostory.errors import ShapeError
from audiostory.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from audiostory.models.seeding import seeded

TINY = AudioEncoderConfig(
    width=8,
    num_layers=1,
    num_heads=2,
    intermediate_size=16,
    num_mels=6,
    max_positions=10,
    num_tokens=4,
    llm_width=12,
)
WINDOW = 3200


def make(config: AudioEncoderConfig = TINY) -> AudioEncoder:
    with seeded(torch.Generator().manual_seed(0)):
        return AudioEncoder(config)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_each_window_of_a_recording_becomes_its_tokens():
    model, waveform_BN = make(), noise(2, WINDOW + 100)
    tokens_BKH = model(waveform_BN)
    assert tokens_BKH.shape == (2, 8, 12)
    assert_close(tokens_BKH[:, :4], model(waveform_BN[:, :WINDOW]))
    assert_close(tokens_BKH[1:], model(waveform_BN[1:]))


def test_only_the_projector_learns():
    model = make().train()
    assert not model.encoder.training
    assert model.projector.training
    model(noise(1, WINDOW)).sum().backward()
    learns = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learns == {"projector"}


@torch.no_grad()
def test_a_whole_window_is_encoded_as_the_library_does():
    model = make()
    mel_VFM = model.mel(noise(2, WINDOW))
    assert mel_VFM.shape == (2, 6, 20)
    assert_close(model.encode(mel_VFM), model.encoder(mel_VFM).last_hidden_state)


def test_foreign_shapes_are_refused():
    model = make()
    with pytest.raises(ShapeError, match="mono samples"):
        model(noise(1, 1, WINDOW))
    with pytest.raises(ShapeError, match="mono samples"):
        model(noise(1, 0))
    with pytest.raises(ShapeError, match="11 positions"):
        model.encode(noise(1, 6, 22))
