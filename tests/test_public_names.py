from __future__ import annotations

import subprocess
import sys

import pytest

import audiostory


@pytest.mark.parametrize("name", audiostory.__all__)
def test_every_public_name_is_there(name):
    assert getattr(audiostory, name) is not None
    assert name in dir(audiostory)


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'narrate'"):
        _ = audiostory.narrate


def test_importing_the_package_loads_nothing():
    code = "import sys, audiostory; print(len([m for m in sys.modules if m in ('torch', 'numpy')]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
