from __future__ import annotations

import pytest

from audiostory.errors import CheckpointError
from audiostory.models.catalogue import KNOWN_MODELS, resolve_model


def test_a_folder_with_a_model_is_found(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert resolve_model(str(tmp_path)) == tmp_path


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(CheckpointError, match="known models are nano"):
        resolve_model("giant")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="config.json is missing"):
        resolve_model(str(tmp_path))


def test_a_known_name_wins_over_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.setitem(KNOWN_MODELS, "nano", tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert resolve_model("nano") == tmp_path
