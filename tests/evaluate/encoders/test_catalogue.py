import sys

import pytest
import torch

from audiostory.errors import CheckpointError, ConfigError, MissingExtraError
from audiostory.evaluate.encoders import catalogue, hub_folder
from audiostory.evaluate.encoders.catalogue import (
    ENCODERS,
    BuildOptions,
    EncoderMissing,
    build_encoder,
    find_encoder,
)
from audiostory.evaluate.encoders.vggish import VGGISH_WEIGHTS
from tests.evaluate.encoders.random_weights import (
    SMALL_CNN14,
    random_encoder,
    write_ast,
    write_clap,
    write_cnn14,
    write_mert,
)
from tests.evaluate.tracks import noise

NAMES = "vggish cnn14-32k cnn14-16k clap clap-general clap-music-speech ast passt openl3 mert"


def offline(*_, **__):
    raise CheckpointError("the hub cannot be reached: fetch it where there is a network")


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """No network, no weights, no packages of others."""
    monkeypatch.setattr(hub_folder, "fetched", offline)
    monkeypatch.setattr(
        "audiostory.evaluate.encoders.weights_file.urllib.request.urlopen",
        lambda *_, **__: (_ for _ in ()).throw(OSError("no network")),
    )
    for module in ("hear21passt.base", "torchopenl3.core", "openl3"):
        monkeypatch.setitem(sys.modules, module, None)
    return BuildOptions(cache=tmp_path)


def test_all_encoders_have_their_names():
    assert list(ENCODERS) == [*NAMES.split(), "yamnet"]


@pytest.mark.parametrize("name", NAMES.split())
def test_what_is_missing_is_said_as_a_value(nothing_here, name):
    missing = find_encoder(name, nothing_here)
    assert isinstance(missing, EncoderMissing)
    assert missing.name == name
    assert missing.described.startswith(f"{name}: ")
    assert "--encoder " + name in missing.way_out


def test_yamnet_is_shipped_and_never_missing(nothing_here):
    assert find_encoder("yamnet", nothing_here).card.name == "yamnet"


def test_what_is_missing_comes_with_its_place(nothing_here, tmp_path):
    reason = find_encoder("vggish", nothing_here).reason
    for said in (VGGISH_WEIGHTS.url, VGGISH_WEIGHTS.sha256, str(tmp_path / VGGISH_WEIGHTS.name)):
        assert said in reason


@pytest.mark.parametrize(
    ("name", "write"),
    [("clap", write_clap), ("clap-general", write_clap), ("ast", write_ast), ("mert", write_mert)],
)
def test_a_folder_of_ones_own_is_built(tmp_path, name, write):
    encoder = build_encoder(name, write(tmp_path / "ear"))
    assert (encoder.card.name, encoder.card.checkpoint) == (name, "ear")


def test_a_file_of_ones_own_is_built(monkeypatch, tmp_path):
    for name, config in SMALL_CNN14.items():
        monkeypatch.setattr(catalogue, f"CNN14_{name[-3:].upper()}", config)
        stored = write_cnn14(tmp_path / f"{name}.pth", config)
        encoder = build_encoder(name, str(stored.path))
        assert encoder.card.digest == stored.digest
        assert len(encoder.hear(noise(1.0)).embeddings) == 1


def test_weights_that_were_asked_for_and_do_not_fit_are_a_mistake(tmp_path):
    (tmp_path / "ear.pth").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"ear\.pth"):
        find_encoder("vggish", BuildOptions(weights=tmp_path / "ear.pth"))
    with pytest.raises(CheckpointError, match="there is no folder"):
        find_encoder("clap", BuildOptions(weights=tmp_path / "none"))


def test_building_raises_where_finding_says(nothing_here, monkeypatch):
    with pytest.raises(MissingExtraError):
        build_encoder("passt")
    with pytest.raises(CheckpointError):
        build_encoder("ast")


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match=r"no encoder 'vgg': choose from vggish, cnn14-32k"):
        find_encoder("vgg")


@pytest.mark.parametrize("name", ["vggish", "cnn14-32k", "cnn14-16k", "clap", "ast", "mert"])
def test_loading_and_hearing_leave_torchs_generator_alone(tmp_path, name):
    before = torch.get_rng_state()
    random_encoder(name, tmp_path).hear(noise(0.5))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["vggish", "cnn14-32k", "cnn14-16k", "clap", "ast", "mert"])
def test_random_weights_are_marked_as_such(tmp_path, name):
    encoder = random_encoder(name, tmp_path)
    assert encoder.card.name == name
    assert encoder.card.is_random
    assert "RANDOM WEIGHTS" in encoder.card.described


def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(ConfigError, match="nothing can be computed on 'toaster'"):
        build_encoder("vggish", device="toaster")
