"""The command as a process of its own: killed, resumed, and what it loads."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.audio.waveform import load
from audiostory.models.model_folder import save_pretrained
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

COMMAND = [sys.executable, "-c", "from audiostory.apps.cli import main; main()"]
STORY = ("A storm: rain, thunder, a door slams", "--duration", "90", "--seed", "7")


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory) -> Path:
    """A tiny model that takes a second or two for a batch of clips."""
    folder = tmp_path_factory.mktemp("models") / "slow"
    config = replace(tiny_config(), flow=replace(tiny_config().flow, steps=60))
    save_pretrained(tiny_model(config=config), tiny_tokenizer(), folder)
    return folder


def command(model: Path, *words: str) -> list[str]:
    return [*COMMAND, "generate", *STORY, "--model", str(model), *words]


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed_it_makes_the_same_bytes(slow_model, tmp_path):
    whole = subprocess.run(
        command(slow_model, "-o", "whole.wav"), cwd=tmp_path, capture_output=True, text=True
    )
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        command(slow_model, "-o", "a.wav"), cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not list(tmp_path.glob("a.clips/*/*.wav")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.parent.name for path in tmp_path.glob("a.clips/*/*.wav")}
    assert not (tmp_path / "a.wav").exists()
    resumed = subprocess.run(
        command(slow_model, "-o", "a.wav", "--resume"), cwd=tmp_path, capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()
    assert kept
    assert kept < {path.parent.name for path in tmp_path.glob("a.clips/*/*.wav")}


@pytest.mark.slow
def test_five_minutes_are_exact_to_the_sample(slow_model, tmp_path):
    words = ["generate", "A storm", "--duration", "300.5", "--steps", "1", "-o", "a.flac"]
    done = subprocess.run(
        [*COMMAND, *words, "--model", str(slow_model)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "a.flac").num_samples == round(300.5 * 8000)
    plan = json.loads((tmp_path / "a.story.json").read_text())
    assert plan["clips"][-1]["start_s"] + plan["clips"][-1]["duration_s"] == pytest.approx(300.5)
