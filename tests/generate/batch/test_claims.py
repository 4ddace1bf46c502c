from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from audiostory.errors import OutputError
from audiostory.generate.batch.claims import claim, joined

HOLDER = """
import sys, time, pathlib
from audiostory.generate.batch.claims import claim
held = claim(pathlib.Path(sys.argv[1]))
print(held is not None, flush=True)
time.sleep(60)
"""


def test_what_is_claimed_is_claimed_once(tmp_path):
    path = tmp_path / "rain.claim"
    with claim(path) as held:
        assert held.path == path
        assert claim(path) is None
    assert not path.exists()
    again = claim(path)
    assert again is not None
    again.release()


def test_a_claim_says_whose_it_is(tmp_path):
    with claim(tmp_path / "rain.claim"):
        assert (tmp_path / "rain.claim").read_text().split()[1] == str(os.getpid())


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_the_claim_of_a_dead_process_is_free_at_once_and_never_before(tmp_path, kill):
    path = tmp_path / "rain.claim"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "True\n"
    assert claim(path) is None
    holder.send_signal(signal.SIGSTOP)  # frozen is not dead
    assert claim(path) is None
    holder.send_signal(signal.SIGCONT)
    holder.send_signal(kill)
    holder.wait()
    holder.stdout.close()
    assert path.exists()
    got = claim(path)
    assert got is not None
    got.release()


def test_a_claim_on_a_file_that_was_removed_meanwhile_is_taken_on_the_one_that_is_there(
    tmp_path, monkeypatch
):
    path = tmp_path / "rain.claim"
    first = claim(path)
    lock = fcntl.flock

    def released_just_before(descriptor, kind):
        monkeypatch.setattr(fcntl, "flock", lock)
        first.release()
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", released_just_before)
    got = claim(path)
    assert os.path.samestat(path.stat(), os.fstat(got.descriptor))
    assert claim(path) is None
    got.release()


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OutputError, match="a file system with locks"):
        claim(tmp_path / "rain.claim")


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        claim(tmp_path / "none" / "rain.claim")


def test_those_with_one_purpose_join(tmp_path):
    path = tmp_path / "out" / "records" / "batch.lock"
    path.parent.mkdir(parents=True)
    with joined(path, "rain") as has_company:
        assert not has_company
        with joined(path, "rain") as has_company:
            assert has_company
        with pytest.raises(OutputError, match="other rows or options"), joined(path, "wind"):
            pass
    with joined(path, "wind") as has_company:
        assert not has_company
