"""The command that composes music."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from audiostory.apps.cli import app
from audiostory.curate.orchestra import render
from tests.curate.orchestra.playing import tones


@pytest.fixture
def soundfont(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is taken for a soundfont, whose sounds are plain tones."""
    monkeypatch.setattr(render, "SoundfontRenderer", lambda path: tones)
    path = tmp_path / "tones.sf2"
    path.write_bytes(b"tones")
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["compose-music", *map(str, words)])


def test_a_folder_is_made_and_made_again_without_harm(tmp_path: Path, soundfont: Path) -> None:
    given = ("-o", tmp_path / "music", "--count", 4, "--seed", 1, "--soundfont", soundfont)
    licence = ("--license", "CC0-1.0", "--attribution", "nobody")
    for _ in range(2):
        done = run(*given, *licence)
        assert done.exit_code == 0, done.stderr
        assert "4 clips" in done.stdout
    assert len(list((tmp_path / "music").rglob("*.ogg"))) == 4


def test_mistakes_are_told_with_the_way_out(tmp_path: Path, soundfont: Path) -> None:
    missing = run("-o", tmp_path / "music", "--soundfont", tmp_path / "none.sf2")
    assert missing.exit_code == 2
    assert "fluid-soundfont-gm" in missing.stderr
    unknown = run("-o", tmp_path / "music", "--soundfont", soundfont)
    assert unknown.exit_code == 2
    assert "--license" in unknown.stderr
    assert not (tmp_path / "music").exists()
