"""A benchmark that is killed goes on where it was, and its report is that of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audiostory.evaluate.embedded.evaluator import save_evaluator
from tests.evaluate.embedded.small import evaluator_behind_yamnet


def start(folder: Path, out: str) -> subprocess.Popen[str]:
    words = ["evaluate", "run", "noise", "--limit", "6", "--evaluator", str(folder / "evaluator")]
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("audiostory")), *words, "--out", str(folder / out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return output.partition("all systems side by side")[0]


@pytest.mark.slow
def test_a_killed_run_goes_on_and_reports_the_same(tmp_path):
    save_evaluator(evaluator_behind_yamnet(), tmp_path / "evaluator")
    whole = told(start(tmp_path, "whole"))
    assert "nano-stories 1.0-first-6" in whole
    tracks = tmp_path / "killed" / "captions+noise" / "tracks"
    for wanted in (2, 4):
        process = start(tmp_path, "killed")
        while len(list(tracks.glob("*.flac"))) < wanted and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, "it ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert 2 <= len(list(tracks.glob("*.flac"))) <= 6
    assert told(start(tmp_path, "killed")) == whole
