import os

import pytest

from audiostory.baselines.catalogue import BASELINES, BuildOptions
from audiostory.baselines.fingerprints import READ_BYTES, digest_of_files, identity_of
from audiostory.errors import ConfigError


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights"
    (folder / "vae").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "vae" / "model.safetensors").write_bytes(b"x" * (READ_BYTES + 1))
    return folder


def test_small_files_are_known_by_what_is_in_them(weights):
    before = digest_of_files(weights)
    os.utime(weights / "config.json", (1, 1))
    assert digest_of_files(weights) == before
    (weights / "config.json").write_text("[]")
    assert digest_of_files(weights) != before


def test_large_files_are_known_by_their_time(weights):
    large = weights / "vae" / "model.safetensors"
    before = digest_of_files(weights)
    os.utime(large, (1, 1))
    changed = digest_of_files(weights)
    assert changed != before
    large.rename(weights / "vae" / "other.safetensors")
    assert digest_of_files(weights) != changed


def test_what_a_download_left_beside_them_does_not_matter(weights):
    before = digest_of_files(weights)
    (weights / ".cache").mkdir()
    (weights / ".cache" / "download.json").write_text("today")
    assert digest_of_files(weights) == before


def test_one_file_can_be_all_there_is(weights):
    assert digest_of_files(weights / "config.json") != digest_of_files(weights)


def test_a_repository_is_known_by_the_revision_that_was_fetched(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    asked = ("weights", "some/where", "float32")
    assert identity_of(*asked) == "weights some/where main in float32"
    refs = tmp_path / "models--some--where" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("0123456789abcdef")
    assert identity_of(*asked) == "weights some/where 0123456789ab in float32"


def test_a_program_is_known_by_its_words_which_reports_do_not_print():
    one = identity_of("program", "/opt/bin/sing --key secret", "float32")
    assert one.startswith("command sing ")
    assert "secret" not in one
    assert one != identity_of("program", "/opt/bin/sing --key other", "float32")


def test_an_endpoint_is_known_by_its_address():
    assert identity_of("program", "http://h:1/x", "float32") == "http://h:1/x"
    keyed = identity_of("program", "http://h:1/x?key=secret", "float32")
    assert keyed.startswith("http://h:1/x ")
    assert "secret" not in keyed
    with pytest.raises(ConfigError, match="password"):
        identity_of("program", "https://me:secret@h/x", "float32")


def test_a_corpus_is_known_by_its_list(tmp_path):
    (tmp_path / "metadata.jsonl").write_text("{}")
    one = identity_of("corpus", str(tmp_path), "float32")
    (tmp_path / "metadata.jsonl").write_text("[]")
    assert one != identity_of("corpus", str(tmp_path), "float32")


def test_what_is_computed_needs_no_words():
    assert identity_of("nothing", "", "float32") == ""


@pytest.mark.parametrize(
    ("name", "known_by"),
    [("tangoflux", "weights"), ("codi", "program"), ("retrieval", "corpus"), ("noise", "nothing")],
)
def test_every_baseline_says_what_it_is_known_by(name, known_by):
    assert BASELINES[name].known_by == known_by


def test_the_type_of_weights_is_part_of_what_they_are(weights):
    one, other = (
        BASELINES["tangoflux"].identity(str(weights), BuildOptions(dtype=dtype))
        for dtype in ("float32", "bfloat16")
    )
    assert one != other
