from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from audiostory.apps.batch import Place, listed
from audiostory.audio.waveform import load
from audiostory.errors import ConfigError
from audiostory.generate.batch.claims import joined
from tests.apps.test_cli import is_told

RAIN = {"id": "rain", "instruction": "Rain falls, a door slams", "duration_s": 3, "seed": 7}
BELL = {"instruction": "A bell rings", "duration_s": 3}
EMPTY = {"id": "empty", "instruction": "<|im_start|>"}


def rows(*entries: dict, name: str = "rows.jsonl") -> Path:
    path = Path(name)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def results() -> list[dict]:
    return [json.loads(line) for line in Path("out/results.jsonl").read_text().splitlines()]


@pytest.fixture(autouse=True)
def _few_words(monkeypatch):
    """Stories of few words: the tiny model never ends its lines by itself."""
    from audiostory.generate import reasoner
    from audiostory.story.grammar import GrammarLimits

    few = partial(reasoner.ReasonerConfig, limits=GrammarLimits(max_events=3, max_words_tokens=2))
    monkeypatch.setattr(reasoner, "ReasonerConfig", few)


@pytest.fixture
def batch(call, model_dir):
    """Call ``audiostory batch`` on these rows with the tiny model."""

    def called(*entries: dict, words=()):
        told = ("batch", rows(*entries), "--out", "out", "--model", model_dir, *words)
        return call(*told)

    return called


def test_every_row_becomes_a_track_a_plan_and_a_line(batch):
    result = batch(RAIN, BELL)
    assert result.exit_code == 0, result.output
    assert load(Path("out/rain.wav")).duration_s == 3.0
    assert Path("out/00002.story.json").is_file()
    assert [(line["id"], line["status"], line["track"]) for line in results()] == [
        ("rain", "done", "rain.wav"),
        ("00002", "done", "00002.wav"),
    ]
    assert "1 of 2: rain.wav: 3.00 s in" in result.stdout
    assert "2 of 2 stories are done" in result.stdout


def test_a_batch_sounds_as_generate_does(batch, call):
    assert batch(RAIN, words=("--together", "1")).exit_code == 0
    words = (RAIN["instruction"], "--duration", "3", "--seed", "7", "-o", "a.wav")
    assert call("generate", *words).exit_code == 0
    assert Path("out/rain.wav").read_bytes() == Path("a.wav").read_bytes()
    assert Path("out/rain.story.json").read_bytes() == Path("a.story.json").read_bytes()


def test_stories_told_together_have_the_plans_of_those_told_alone(batch):
    assert batch(RAIN, BELL, words=("--together", "1")).exit_code == 0
    alone = json.loads(Path("out/rain.story.json").read_text())
    Path("out").rename("alone")
    assert batch(RAIN, BELL, words=("--together", "2")).exit_code == 0
    assert json.loads(Path("out/rain.story.json").read_text())["clips"] == alone["clips"]
    sounds = [load(Path(name) / "rain.wav").samples for name in ("alone", "out")]
    np.testing.assert_allclose(*sounds, atol=2e-4)


def test_a_finished_batch_loads_no_model(batch, monkeypatch):
    assert batch(RAIN).exit_code == 0
    before = Path("out/results.jsonl").read_text()
    monkeypatch.setattr("audiostory.apps.batch.loaded", None)
    result = batch(RAIN)
    assert result.exit_code == 0, result.output
    assert "1 of 1 stories are done" in result.stdout
    assert Path("out/results.jsonl").read_text() == before


def test_plans_are_sounded_with_the_given_settings(batch, call):
    assert call("plan", "Rain falls", "--duration", "3", "-o", "a.json").exit_code == 0
    words = ("--format", "flac", "--sample-rate", "16000")
    result = batch({"id": "a", "plan": "a.json"}, words=words)
    assert result.exit_code == 0, result.output
    assert load(Path("out/a.flac")).sample_rate_hz == 16000
    assert json.loads(Path("out/a.story.json").read_text())["settings"]["sample_rate_hz"] == 16000


def test_a_plan_for_another_model_is_refused_unless_one_is_named(call):
    assert call("plan", "Rain falls", "--duration", "3", "-o", "a.json").exit_code == 0
    told = call("batch", rows({"plan": "a.json"}), "--out", "out")
    assert told.exit_code == 2
    assert "line 1: the plan is for the model" in told.stderr


def test_a_story_that_fails_is_named_and_the_others_are_made(batch):
    result = batch(EMPTY, RAIN)
    assert result.exit_code == 1
    assert "empty failed: the instruction holds nothing but markers" in result.stderr
    assert "1 of 2 failed: empty; why is in" in result.stderr
    assert [(line["id"], line["status"]) for line in results()] == [
        ("empty", "failed"),
        ("rain", "done"),
    ]
    again = batch(EMPTY | {"instruction": "Wind howls", "duration_s": 3}, RAIN)
    assert again.exit_code == 0, again.output
    assert "1 of 1: empty.wav" in again.stdout


def test_quiet_says_nothing_but_what_failed(batch):
    assert batch(RAIN, words=("--quiet",)).output == ""
    assert "empty failed" in batch(EMPTY, words=("--quiet",)).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "txt"), "no sound suffix"),
        (("--format", "opus", "--sample-rate", "44100"), "no 44100 Hz in such files"),
        (("--steps", "0"), "--steps is 0"),
        (("--actors", "2"), "--actors works on a cluster"),
        (("--ray", "local", "--device", "cuda:1"), "Ray deals out the GPUs"),
        (("--model", "giant"), "known models are"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_told_before_anything_is_made(batch, words, told):
    is_told(batch(RAIN, words=words), told)
    assert not Path("out").exists()


def test_bad_rows_are_told_before_anything_is_made(batch):
    result = batch(RAIN, RAIN, {"id": "../x", "instruction": "Rain"})
    assert result.exit_code == 2
    assert "2 rows cannot be told" in result.stderr
    assert "line 2: the id 'rain' is that of line 1" in result.stderr
    assert "line 3: the id '../x'" in result.stderr
    assert not Path("out").exists()


def test_missing_rows_and_a_file_in_the_folders_place_are_told(call, batch):
    is_told(call("batch", "none.jsonl", "--out", "out"), "there is no such file")
    Path("out").touch()
    is_told(batch(RAIN), "out cannot be written")


def test_a_folder_that_takes_no_files_is_told(batch, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("audiostory.apps.outputs.tempfile.TemporaryFile", refuse)
    is_told(batch(RAIN), "Permission denied", "choose another folder")


def test_files_that_no_batch_made_are_not_replaced(batch):
    Path("out").mkdir()
    Path("out/rain.wav").write_text("mine")
    is_told(batch(RAIN), "rain.wav", "no batch made")
    assert Path("out/rain.wav").read_text() == "mine"


def test_a_full_disk_stops_the_run_and_the_same_command_goes_on(batch, monkeypatch):
    from audiostory.audio import waveform

    write_all, calls = waveform._write_all, []

    def nearly_full(sound, partial, *rest):
        calls.append(partial)
        if any("00002" in str(path) for path in calls):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_all(sound, partial, *rest)

    with monkeypatch.context() as disk:
        disk.setattr(waveform, "_write_all", nearly_full)
        result = batch(RAIN, BELL, words=("--together", "1"))
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert "the same command goes on" in result.stderr
    assert [line["id"] for line in results()] == ["rain"]
    again = batch(RAIN, BELL)
    assert again.exit_code == 0, again.output
    assert "1 of 1: 00002.wav" in again.stdout


def test_ctrl_c_says_how_to_go_on(batch, monkeypatch):
    from audiostory.generate.sounding import Sounding

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as hands:
        hands.setattr(Sounding, "track", interrupted)
        result = batch(RAIN)
    assert result.exit_code == 130
    assert "run it again to go on" in result.stderr
    assert batch(RAIN).exit_code == 0


def test_a_second_command_joins_the_same_batch_and_is_refused_for_another(batch):
    assert batch(RAIN).exit_code == 0
    lock = Path("out/records/batch.lock")
    with joined(lock, lock.read_text()):
        result = batch(RAIN)
        assert result.exit_code == 0
        assert "another command is at work on these stories" in result.stderr
        is_told(batch(RAIN, BELL), "other rows or options")


def test_many_names_are_counted():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefghijklm")).endswith("j and 3 more")


def test_a_device_is_any_without_a_cluster():
    place = {"model": "nano", "temperature": 0.0, "actors": None, "together": 1}
    assert Place(**place, device="cuda:1", ray=None).device == "cuda:1"
    with pytest.raises(ConfigError):
        Place(**place, device="mps", ray="auto")


@pytest.mark.slow
@pytest.mark.parametrize(("together", "begun"), [("1", "00003"), ("2", "00004")])
def test_a_batch_that_is_killed_goes_on_to_the_same_tracks(
    model_dir, tmp_path, monkeypatch, together, begun
):
    monkeypatch.chdir(tmp_path)
    entries = [BELL | {"seed": seed, "duration_s": 20} for seed in range(6)]
    rows(*entries, name=str(tmp_path / "rows.jsonl"))
    code = "from audiostory.apps.cli import main; main()"
    command = [sys.executable, "-c", code, "batch", "rows.jsonl", "--model", str(model_dir)]
    command += ["--together", together]
    subprocess.run([*command, "--out", "out"], cwd=tmp_path, check=True, capture_output=True)
    command += ["--out", "again"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    while not (tmp_path / "again" / f"{begun}.clips").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in Path("again").glob("*.wav")}
    assert len(kept) >= 2
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for seed in range(6):
        name = f"0000{seed + 1}.wav"
        if together == "1":
            assert (Path("again") / name).read_bytes() == (Path("out") / name).read_bytes()
        sounds = [load(Path(folder) / name).samples for folder in ("again", "out")]
        np.testing.assert_allclose(*sounds, atol=2e-4)
    assert kept.items() <= {p.name: p.stat().st_mtime_ns for p in Path("again").glob("*")}.items()
    assert {path.suffix for path in Path("again").iterdir()} == {".wav", ".json", ".jsonl", ""}
