from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.errors import CheckpointError
from audiostory.models.foreign import companions
from audiostory.models.foreign.companions import (
    COMPANIONS,
    OPTIONAL,
    companions_of,
    found_companion,
    lacking,
    way_to,
)


def put(role: str, place: Path) -> Path:
    """An empty companion."""
    place.mkdir(parents=True)
    for names in COMPANIONS[role].files:
        (place / names.split("|")[0]).touch()
    return place


@pytest.fixture
def release(tmp_path) -> Path:
    folder = tmp_path / "ckpt" / "audiostory-3B"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path) -> list[tuple[str, list[str]]]:
    """What was asked of the hub."""
    asked = []
    monkeypatch.setattr(
        companions, "fetched", lambda *words: asked.append(words) or tmp_path / "cache"
    )
    return asked


@pytest.mark.parametrize(
    "place",
    [
        "audiostory-3B/TangoFlux",
        "audiostory-3B/ckpt/TangoFlux",
        "TangoFlux",
        "ckpt/Flux_detokenizer",
    ],
)
def test_a_companion_is_found_in_and_around_the_release(release, place):
    assert found_companion("vae", release) is None
    where = put("vae", release.parent / place)
    assert found_companion("vae", release) == where


def test_a_folder_that_lacks_a_file_is_no_companion(release):
    half = put("base", release / "Qwen2.5-3B-Instruct")
    (half / "tokenizer.json").unlink()
    assert lacking(half, COMPANIONS["base"]) == ["tokenizer.json"]
    assert found_companion("base", release) is None


def test_the_autoencoder_has_either_name(release):
    folder = put("vae", release / "TangoFlux")
    (folder / "vae.safetensors").rename(folder / "model.safetensors")
    assert found_companion("vae", release) == folder


def test_the_releases_own_folder_comes_last(release):
    for name in ("config.json", "generation_config.json", "tokenizer.json"):
        (release / name).touch()
    assert found_companion("base", release) == release
    named = put("base", release / "Qwen2.5-3B-Instruct")
    assert found_companion("base", release) == named


def test_named_folders_are_taken_and_optional_ones_may_be_missing(release, tmp_path):
    given = {role: put(role, tmp_path / role) for role in ("base", "vae")}
    assert companions_of(release, given, fetch=False) == given


def test_all_that_is_missing_stands_in_one_error_with_its_command(release):
    with pytest.raises(CheckpointError) as caught:
        companions_of(release, {}, fetch=False)
    assert way_to("base", release) in str(caught.value)
    assert way_to("vae", release) in str(caught.value)
    assert "hf download declare-lab/TangoFlux vae.safetensors config.json" in str(caught.value)
    assert f"--local-dir {release / 'Flux_detokenizer'}" in str(caught.value)
    assert not any(COMPANIONS[role].repo in str(caught.value) for role in OPTIONAL)


def test_a_named_folder_that_lacks_files_is_told_and_not_replaced(release, tmp_path, hub):
    given = {"base": put("base", tmp_path / "base"), "vae": tmp_path / "none"}
    with pytest.raises(CheckpointError, match=r"none lacks vae\.safetensors, config\.json"):
        companions_of(release, given, fetch=True)
    assert not hub


def test_an_unknown_role_is_refused_with_the_known_ones(release, tmp_path):
    with pytest.raises(CheckpointError, match="no companion 'ears'; there are base, vae"):
        companions_of(release, {"ears": tmp_path}, fetch=False)


def test_only_what_is_needed_and_missing_is_fetched(release, tmp_path, hub):
    put("base", release / "Qwen2.5-3B-Instruct")
    found = companions_of(release, {}, fetch=True)
    assert hub == [("declare-lab/TangoFlux", ["vae.safetensors", "config.json"])]
    assert found["vae"] == tmp_path / "cache"
    assert set(found) == {"base", "vae"}
