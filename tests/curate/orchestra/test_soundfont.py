from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from audiostory.curate.orchestra import soundfont
from audiostory.curate.orchestra.soundfont import soundfont_at
from audiostory.errors import CorpusError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "any.sf2"
    path.write_bytes(b"sounds")
    return path


def test_a_missing_soundfont_says_how_to_get_one(tmp_path):
    with pytest.raises(CorpusError, match="package fluid-soundfont-gm"):
        soundfont_at(tmp_path / "none.sf2")


def test_an_unknown_soundfont_needs_its_licence_and_authors(file):
    for given in ({}, {"license": "CC0-1.0"}, {"attribution": "nobody"}):
        with pytest.raises(CorpusError, match="--license"):
            soundfont_at(file, **given)
    known = soundfont_at(file, license="CC0-1.0", attribution="nobody")
    assert (known.license, known.attribution, known.name) == ("CC0-1.0", "nobody", "any.sf2")


def test_the_licence_of_fluid_is_known_and_cannot_be_said_otherwise(file, monkeypatch):
    monkeypatch.setattr(soundfont, "FLUID_SHA256", hashlib.sha256(b"sounds").hexdigest())
    known = soundfont_at(file, license="CC0-1.0", attribution="nobody")
    assert known.license == "MIT"
    assert "Frank Wen" in known.attribution
