import sys
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn

from audiostory.audio.waveform import Waveform
from audiostory.errors import CheckpointError, MissingExtraError
from audiostory.evaluate.encoders.passt import PasstConfig, load_passt
from tests.evaluate.encoders.laws import check_encoder, check_odd_tracks, check_window_alone
from tests.evaluate.tracks import noise


class StandIn(nn.Module):
    """Answers as hear21passt does in mode "all": 527 logits, then 768 features."""

    def __init__(self, mode: str, arch: str, width: int = 527 + 768):
        super().__init__()
        assert (mode, arch) == ("all", "passt_s_swa_p16_128_ap476")
        sys.stdout.write("Loading PASST TRAINED ON AUDIOSET")
        self.scale = nn.Parameter(torch.linspace(-3.0, 3.0, width))

    def forward(self, audio):
        assert audio.shape[1] == 320_000
        loud = audio.abs().amax(dim=1, keepdim=True)
        return loud * self.scale


@pytest.fixture
def package(monkeypatch):
    base = ModuleType("hear21passt.base")
    base.get_basic_model = StandIn
    monkeypatch.setitem(sys.modules, "hear21passt", ModuleType("hear21passt"))
    monkeypatch.setitem(sys.modules, "hear21passt.base", base)
    return base


def test_it_keeps_the_laws_of_encoders(package, capsys):
    encoder = load_passt()
    check_encoder(encoder, long_s=13.0)
    check_odd_tracks(encoder)
    assert capsys.readouterr().out == ""


def test_a_window_by_itself_is_what_it_is_among_others(package):
    check_window_alone(load_passt(PasstConfig(peak_dbfs=None)))


def test_logits_and_features_are_taken_apart(package):
    heard = load_passt().hear(noise(10.0, rate_hz=32_000))
    peak = 10 ** (-1 / 20)
    scale = np.linspace(-3.0, 3.0, 527 + 768)
    assert heard.embeddings[0] == pytest.approx(peak * scale[527:], abs=1e-4)
    logits = np.log(heard.probabilities[0]) - np.log1p(-heard.probabilities[0])
    assert logits == pytest.approx(peak * scale[:527], abs=1e-3)


def test_windows_of_a_long_track_overlap_by_half(package):
    heard = load_passt().hear(noise(20.0, rate_hz=32_000))
    assert heard.starts_s.tolist() == [0.0, 5.0, 10.0]


def test_peaks_are_brought_to_one_level_unless_asked_not_to(package):
    quiet = Waveform(noise(1.0).samples * 0.1, 16_000)
    usual, raw = load_passt(), load_passt(PasstConfig(peak_dbfs=None))
    assert usual.card.channels == "mono (mean), peak -1 dBFS"
    assert raw.card.channels == "mono (mean)"
    assert raw.hear(quiet).embeddings.max() < 0.2 * usual.hear(quiet).embeddings.max()


def test_the_peak_is_that_of_what_is_heard(package):
    left = noise(1.0, seed=1, rate_hz=32_000).samples
    stereo = Waveform(np.concatenate([left, np.zeros_like(left)]), 32_000)
    heard = load_passt().hear(stereo)
    assert heard.embeddings.max() == pytest.approx(3.0 * 10 ** (-1 / 20), rel=1e-4)


def test_the_digest_is_that_of_its_numbers(package):
    before = load_passt().card.digest

    class Other(StandIn):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            nn.init.zeros_(self.scale)

    package.get_basic_model = Other
    assert load_passt().card.digest != before


def test_another_version_of_the_package_is_refused(package):
    package.get_basic_model = lambda mode, arch: StandIn(mode, arch, width=1_000)
    with pytest.raises(CheckpointError, match="1000 numbers"):
        load_passt().hear(noise(1.0))


def test_weights_that_cannot_be_fetched_are_said_with_their_place(package):
    def offline(**_):
        raise URLError("no route")

    package.get_basic_model = offline
    with pytest.raises(CheckpointError, match=r"no route.*passt-s-f128-p16-s10-ap\.476-swa\.pt"):
        load_passt()
    with pytest.raises(CheckpointError, match="loads its own weights"):
        load_passt(given="mine.pt")


def test_without_the_package_its_numbers_are_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "hear21passt.base", None)
    with pytest.raises(MissingExtraError, match=r"hear21passt.*leave KL \(PaSST\) out"):
        load_passt()
