import sys
from types import ModuleType
from urllib.error import URLError

import pytest

from audiostory.errors import CheckpointError, MissingExtraError
from audiostory.evaluate.encoders.outside import fetched_by, outside_module


def test_a_package_that_is_there_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "ear_of_others", ModuleType("ear_of_others"))
    assert outside_module("ear_of_others", way_out="").__name__ == "ear_of_others"


@pytest.mark.parametrize(
    "body", ["import not_installed_anywhere", "raise OSError('libx.so: cannot open')"]
)
def test_a_package_that_does_not_load_is_said_with_the_reason(monkeypatch, tmp_path, body):
    (tmp_path / "broken_ear.py").write_text(f"print('loading')\n{body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match=r"broken_ear.*(anywhere|cannot open).*go home"):
        outside_module("broken_ear", way_out="go home")


def test_what_cannot_be_fetched_is_said_with_what_to_do():
    def load():
        raise URLError("no route")

    with pytest.raises(CheckpointError, match=r"ear could not fetch.*no route.*put it there"):
        fetched_by("ear", load, way_out="put it there")


def test_the_chatter_of_others_is_not_heard(capsys):
    assert fetched_by("ear", lambda: sys.stdout.write("hello"), way_out="") == 5
    assert capsys.readouterr().out == ""
