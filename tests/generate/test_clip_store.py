from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import OutputError
from audiostory.generate.clip_store import FolderStore, MemoryStore, content_key


def noise(num_samples: int = 800, seed: int = 0) -> Waveform:
    samples = np.random.default_rng(seed).normal(0, 2, (1, num_samples)).astype(np.float32)
    return Waveform(samples, 8000)


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return FolderStore(tmp_path / "a.clips") if request.param == "folder" else MemoryStore()


def test_what_is_kept_comes_back_bit_by_bit(store):
    store.commit({"aa": noise(seed=1), "bb": noise(seed=2)})
    assert np.array_equal(store.find("aa", 800).samples, noise(seed=1).samples)
    assert np.array_equal(store.find("bb", 800).samples, noise(seed=2).samples)
    assert store.find("cc", 800) is None


def test_takes_outlive_the_store(tmp_path):
    FolderStore(tmp_path / "a.clips").commit({"aa": noise()})
    found = FolderStore(tmp_path / "a.clips").find("aa", 800)
    assert np.array_equal(found.samples, noise().samples)


def test_takes_of_other_folders_are_found_but_not_copied(tmp_path):
    FolderStore(tmp_path / "a.clips").commit({"aa": noise()})
    store = FolderStore(tmp_path / "b.clips", also=(tmp_path / "a.clips", tmp_path / "none"))
    assert store.find("aa", 800) is not None
    assert not list((tmp_path / "b.clips").iterdir())


def test_a_group_that_was_interrupted_is_not_there(tmp_path, monkeypatch):
    store = FolderStore(tmp_path / "a.clips")
    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.commit({"aa": noise(), "bb": noise()})
    again = FolderStore(tmp_path / "a.clips")
    assert again.find("aa", 800) is None
    assert again.find("bb", 800) is None
    again.commit({"aa": noise(), "bb": noise()})
    assert again.find("bb", 800) is not None
    assert [path.suffix for path in (tmp_path / "a.clips").iterdir()] == [""]


def test_a_damaged_take_is_made_again(tmp_path, caplog):
    FolderStore(tmp_path / "a.clips").commit({"aa": noise()})
    (path,) = (tmp_path / "a.clips").glob("*/aa.wav")
    path.write_bytes(path.read_bytes()[:100])
    store = FolderStore(tmp_path / "a.clips")
    assert store.find("aa", 800) is None
    assert "rendered again" in caplog.text
    store.commit({"aa": noise()})
    assert np.array_equal(store.find("aa", 800).samples, noise().samples)


def test_a_take_of_another_length_is_made_again(tmp_path):
    FolderStore(tmp_path / "a.clips").commit({"aa": noise(400)})
    assert FolderStore(tmp_path / "a.clips").find("aa", 800) is None


def test_a_full_disk_is_told_and_finished_groups_stay(tmp_path, monkeypatch):
    store = FolderStore(tmp_path / "a.clips")
    store.commit({"aa": noise()})

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("audiostory.audio.waveform._write_all", full)
    with pytest.raises(OutputError, match=r"No space left.*--resume"):
        store.commit({"bb": noise()})
    assert store.find("aa", 800) is not None
    assert not list((tmp_path / "a.clips").glob("*.part"))


def test_a_place_that_takes_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be kept"):
        FolderStore(tmp_path / "file" / "a.clips")


def test_keys_tell_facts_apart_and_nothing_else():
    assert content_key(seed=1, text="é") == content_key(text="é", seed=1)
    assert content_key(seed=1, text="é") != content_key(seed=2, text="é")
