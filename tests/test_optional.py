"""A missing optional package is named with the command that installs it."""

from __future__ import annotations

import json

import pytest

from audiostory.errors import MissingExtraError
from audiostory.optional import require


def test_an_installed_package_is_imported():
    assert require("json", extra="train") is json
    assert require("json.decoder", extra="train") is json.decoder


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.deep.inside"])
def test_a_missing_package_names_the_extra_that_brings_it(module):
    with pytest.raises(MissingExtraError, match=r'no_such_package.*pip install "audiostory\[webui'):
        require(module, extra="webui")


def test_a_package_broken_inside_shows_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import its_missing_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="its_missing_dependency"):
        require("half_installed", extra="webui")
