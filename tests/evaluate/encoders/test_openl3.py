import sys
from types import ModuleType, SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn

from audiostory.audio.waveform import Waveform
from audiostory.errors import CheckpointError, MissingExtraError
from audiostory.evaluate.encoders.openl3 import OpenL3Config, load_openl3
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks
from tests.evaluate.tracks import noise

SCALE = np.linspace(-1.0, 1.0, 512, dtype=np.float32)


class StandIn(nn.Module):
    """Answers as torchopenl3's network does: windows (K, 1, N) to (K, 512)."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.from_numpy(SCALE.copy()))

    def forward(self, windows):
        assert windows.shape[1:] == (1, 48_000)
        return windows.abs().mean(dim=2) * self.scale


def torch_package() -> ModuleType:
    core = ModuleType("torchopenl3.core")
    core.asked = []
    core.load_audio_embedding_model = lambda *asked: core.asked.append(asked) or StandIn()
    core.get_model_path = lambda *asked: "https://models/{}_{}_{}".format(*asked)
    return core


def tensorflow_package() -> ModuleType:
    package = ModuleType("openl3")

    def get_audio_embedding(audio, sr, model, center, hop_size, verbose):
        assert sr == [48_000] * len(audio)
        assert (center, hop_size, verbose) == (False, 0.5, False)
        return [np.abs(one).mean() * model.scale[None] for one in audio], [np.zeros(1)] * len(audio)

    package.get_audio_embedding = get_audio_embedding
    model = SimpleNamespace(scale=SCALE, get_weights=lambda: [SCALE])
    package.models = SimpleNamespace(load_audio_embedding_model=lambda **_: model)
    return package


def install(monkeypatch, torch_core=None, tensorflow=None) -> None:
    monkeypatch.setitem(sys.modules, "torchopenl3", torch_core and ModuleType("torchopenl3"))
    monkeypatch.setitem(sys.modules, "torchopenl3.core", torch_core)
    monkeypatch.setitem(sys.modules, "openl3", tensorflow)


@pytest.fixture
def core(monkeypatch):
    package = torch_package()
    install(monkeypatch, torch_core=package)
    return package


def test_it_keeps_the_laws_of_encoders(core):
    encoder = load_openl3()
    check_encoder(encoder, long_s=3.7)
    check_odd_tracks(encoder)
    assert core.asked == [("mel256", "env", 512)]


def test_windows_are_centred_on_every_half_second(core):
    heard = load_openl3().hear(noise(2.0, rate_hz=48_000))
    assert heard.starts_s.tolist() == [-0.5, 0.0, 0.5, 1.0]
    beginning, inside = np.abs(heard.embeddings[:2, 0])
    assert beginning == pytest.approx(inside / 2, rel=0.1)  # half of it is silence


def test_left_and_right_are_heard_apart(core):
    left = noise(1.5, rate_hz=48_000)
    stereo = Waveform(np.concatenate([left.samples, 0.25 * left.samples]), 48_000)
    heard = load_openl3().hear(stereo).embeddings
    assert heard.shape[1] == 1_024
    assert heard[:, 512:] == pytest.approx(0.25 * heard[:, :512], rel=1e-4, abs=1e-6)


def test_mono_is_doubled(core):
    heard = load_openl3().hear(noise(1.5, rate_hz=48_000)).embeddings
    assert np.array_equal(heard[:, :512], heard[:, 512:])


def test_of_surround_sound_the_first_two_channels_are_heard_and_the_card_says_so(core):
    left = noise(1.5, rate_hz=48_000)
    others = np.zeros((4, left.num_samples), np.float32)
    surround = Waveform(np.concatenate([left.samples, 0.25 * left.samples, others]), 48_000)
    encoder = load_openl3()
    front = encoder.hear(Waveform(surround.samples[:2], 48_000))
    assert np.array_equal(encoder.hear(surround).embeddings, front.embeddings)
    assert "the first two of more" in encoder.card.described


def test_one_channel_can_be_asked_for(core):
    encoder = load_openl3(OpenL3Config(channels=1, content_type="music"))
    assert encoder.hear(noise(1.5, rate_hz=48_000)).embeddings.shape[1] == 512
    assert encoder.card.dimension == 512
    assert encoder.card.channels == "mono (mean), peak -1 dBFS"
    assert core.asked == [("mel256", "music", 512)]


def test_peaks_are_brought_to_one_level(core):
    track = noise(1.5, rate_hz=48_000)
    quiet = Waveform(track.samples * 0.1, 48_000)
    encoder = load_openl3()
    loud = encoder.hear(track).embeddings
    assert encoder.hear(quiet).embeddings == pytest.approx(loud, abs=1e-4)


def test_either_package_will_do_and_the_card_says_which(core, monkeypatch):
    track = noise(2.3, rate_hz=48_000)
    by_torch = load_openl3()
    install(monkeypatch, tensorflow=tensorflow_package())
    by_tensorflow = load_openl3()
    assert by_torch.card.checkpoint == "openl3-mel256-env-512 (torchopenl3)"
    assert by_tensorflow.card.checkpoint == "openl3-mel256-env-512 (openl3)"
    expected = by_torch.hear(track).embeddings
    assert by_tensorflow.hear(track).embeddings == pytest.approx(expected, abs=1e-5)


def test_weights_that_cannot_be_fetched_are_said_with_their_place(core):
    def offline(*_):
        raise URLError("no route")

    core.load_audio_embedding_model = offline
    with pytest.raises(CheckpointError, match=r"no route.*torchopenl3_mel256_env_512\.pth\.tar"):
        load_openl3()
    with pytest.raises(CheckpointError, match="load their own weights"):
        load_openl3(given="mine.pt")


def test_without_a_package_its_numbers_are_left_out(monkeypatch):
    install(monkeypatch)
    with pytest.raises(MissingExtraError, match=r"leave FD \(OpenL3\) out"):
        load_openl3()
