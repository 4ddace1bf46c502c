from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import torch

from audiostory.errors import CheckpointError, OutputError
from audiostory.models.checkpoint import read_release
from audiostory.models.foreign.importing import import_release
from audiostory.models.foreign.release_files import find_release
from audiostory.models.pretrained import load_pretrained
from audiostory.models.weights import stored
from tests.released_folder import write_release


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Nothing is written into it."""
    return write_release(tmp_path_factory.mktemp("importing") / "release")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_import_is_what_loading_directly_gives(release, tmp_path, dtype):
    import_release(release, tmp_path / "ours", dtype=dtype)
    imported = load_pretrained(str(tmp_path / "ours"), dtype=dtype)
    direct = read_release(find_release(release), dtype=dtype)
    ours, theirs = stored(imported.model), stored(direct.model)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert imported.model.config == direct.model.config
    assert imported.tokenizer.to_str() == direct.tokenizer.to_str()


def test_the_import_says_what_it_did(release, tmp_path):
    told = import_release(release, tmp_path / "ours")
    assert told[0].startswith(f"{tmp_path / 'ours'}: 0.00 GB of weights in bfloat16")
    assert f"base: {release / 'Qwen2.5-3B-Instruct'}" in told
    assert f"vae: {release / 'Flux_detokenizer'}" in told
    assert "bridge: divides by 5 once" in told
    assert told[-1] == "ears: none (no whisper-large-v3 beside it)"


def test_no_pickle_is_written(release, tmp_path):
    import_release(release, tmp_path / "ours")
    assert {path.suffix for path in (tmp_path / "ours").iterdir()} == {".json", ".safetensors"}


def test_the_scale_and_how_often_it_divides_are_kept(release, tmp_path):
    out = tmp_path / "ours"
    told = import_release(release, out, feature_scale=7.0, generation_divides="twice")
    bridge = load_pretrained(str(out)).model.config.bridge
    assert (bridge.feature_scale, bridge.generation_divides) == (7.0, "twice")
    assert bridge.training_divides == "once"
    assert "bridge: divides by 7 twice" in told


def test_named_companions_are_taken(release, tmp_path):
    lone = shutil.copytree(release, tmp_path / "lone")
    vae = (lone / "Flux_detokenizer").rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="hf download declare-lab/TangoFlux"):
        import_release(lone, tmp_path / "ours")
    assert f"vae: {vae}" in import_release(lone, tmp_path / "ours", companions={"vae": vae})


def test_a_folder_that_exists_is_kept_unless_it_may_be_replaced(release, tmp_path):
    out = tmp_path / "ours"
    import_release(release, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(OutputError, match="exists"):
        import_release(release, out, feature_scale=2.0)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    import_release(release, out, feature_scale=2.0, overwrite=True)
    assert load_pretrained(str(out)).model.config.bridge.feature_scale == 2.0


def test_a_folder_that_is_no_model_is_never_replaced(release, tmp_path):
    (tmp_path / "letters").mkdir()
    with pytest.raises(OutputError, match="is no model folder"):
        import_release(release, tmp_path / "letters", overwrite=True)


def test_a_disk_without_room_is_told_before_anything_is_written(release, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match=r"has 0\.00 GB left: make room"):
        import_release(release, tmp_path / "ours")
    assert not list(tmp_path.iterdir())
