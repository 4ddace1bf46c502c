from __future__ import annotations

from typer.testing import CliRunner

from audiostory.apps.cli import app

run = CliRunner().invoke


def test_an_unknown_size_is_told_in_a_line():
    done = run(app, ["bench", "--size", "7b"])
    assert done.exit_code == 2
    assert "no size '7b'" in done.output


def test_numbers_are_not_written_over_others(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    done = run(app, ["bench", "--json", str(tmp_path / "a.json")])
    assert done.exit_code == 2
    assert "exists" in done.output
