from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

import audiostory
from audiostory.audio.waveform import load
from tests.generate.released.stories import STORY, writing

TELL = ("generate", "Rain falls, a door slams", "--duration", "5", "--seed", "7")


def is_told(result, *words: str) -> None:
    """One or two lines for a mistake the person can mend, with these words in them."""
    assert result.exit_code == 2, result.output
    told = result.stderr[result.stderr.index("error: ") :]  # the plan may have been shown before
    assert len(told.strip().splitlines()) <= 2
    assert "Traceback" not in result.output
    for word in words:
        assert word in told


def test_generate_writes_a_track_and_its_plan(call):
    result = call(*TELL, "-o", "a.wav")
    assert result.exit_code == 0, result.output
    assert load(Path("a.wav")).duration_s == 5.0
    plan = json.loads(Path("a.story.json").read_text())
    assert plan["instruction"] == {"text": "Rain falls, a door slams", "duration_s": 5.0}
    assert "a.wav: 5.00 s at 8000 Hz" in result.stdout
    assert "LUFS" in result.stdout


def test_generate_equals_plan_followed_by_render(call):
    assert call(*TELL, "-o", "a.wav").exit_code == 0
    assert call("plan", *TELL[1:], "-o", "b.json").exit_code == 0
    assert call("render", "b.json", "-o", "b.wav").exit_code == 0
    planned, told = (json.loads(Path(name).read_text()) for name in ("b.json", "a.story.json"))
    assert told["settings"].pop("level")
    assert planned["settings"].pop("level") is None
    assert planned == told
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


def test_an_edited_plan_renders_only_what_changed(call):
    assert call(*TELL, "-o", "a.wav", "--loudness", "none").exit_code == 0
    plan = json.loads(Path("a.story.json").read_text())
    plan["clips"][-1]["caption"] = "waves on a beach"
    Path("a.story.json").write_text(json.dumps(plan))
    assert call("render", "a.story.json", "-o", "b.wav").exit_code == 0
    before, after = load(Path("a.wav")).samples, load(Path("b.wav")).samples
    first = round(plan["clips"][-1]["start_s"] * 8000)
    assert np.array_equal(before[:, :first], after[:, :first])
    assert not np.array_equal(before, after)


def test_settings_reach_the_plan_and_the_track(call):
    words = ("--loudness", "-23", "--join", "linear", "--steps", "2", "--guidance", "1.5")
    words += ("--evenness", "0.25", "--solver", "adams_bashforth", "--sigma-shift", "2")
    result = call(*TELL, "-o", "a.wav", *words, "--overlap", "0.2", "--sample-rate", "16000")
    assert result.exit_code == 0, result.output
    settings = json.loads(Path("a.story.json").read_text())["settings"]
    assert settings.pop("level")["limiter"] in ("smooth", "fast")
    assert settings == {
        "guidance_scale": 1.5,
        "steps": 2,
        "solver": "adams_bashforth",
        "sigma_shift": 2.0,
        "overlap_s": 0.2,
        "join": "linear",
        "evenness": 0.25,
        "loudness_lufs": -23.0,
        "sample_rate_hz": 16000,
    }
    assert load(Path("a.wav")).num_samples == 5 * 16000


def test_an_edited_caption_changes_its_own_stretch_alone(call):
    assert call(*TELL, "-o", "a.wav").exit_code == 0
    plan = json.loads(Path("a.story.json").read_text())
    plan["clips"][-1]["caption"] = "A bell rings once, far away."
    Path("a.story.json").write_text(json.dumps(plan))
    result = call("render", "a.story.json", "-o", "b.wav")
    assert result.exit_code == 0, result.output
    before, after = load(Path("a.wav")).samples, load(Path("b.wav")).samples
    begins = round((plan["clips"][-1]["start_s"] - 0.5) * 8000)
    assert begins > 0
    assert (before[:, :begins] == after[:, :begins]).all()
    assert (before[:, begins:] != after[:, begins:]).any()


def test_a_loudness_that_is_asked_for_is_measured_anew(call):
    assert call(*TELL, "-o", "a.wav").exit_code == 0
    result = call("render", "a.story.json", "-o", "b.wav", "--loudness", "-30")
    assert "-30.0 LUFS" in result.stdout


def test_with_a_temperature_every_seed_tells_another_story(call):
    for seed in (1, 2):
        words = ("--temperature", "1", "--duration", "5", "--seed", seed, "-o", f"{seed}.json")
        assert call("plan", "Rain, then a dog", *map(str, words)).exit_code == 0
    one, other = (json.loads(Path(f"{seed}.json").read_text()) for seed in (1, 2))
    assert one["storyline"] != other["storyline"]
    is_told(call("plan", "Rain", "--temperature", "nan", "-o", "a.json"), "a temperature of nan")


def test_a_default_duration_is_said(call):
    result = call("plan", "Rain falls", "-o", "a.json")
    assert result.exit_code == 0, result.output
    assert "no duration was asked for: made 30 s" in result.stderr


def test_an_instruction_can_come_from_standard_input(call):
    result = call("plan", "-", "--duration", "3", "-o", "a.json", input="Il pleut 🌧️\n".encode())
    assert result.exit_code == 0, result.output
    assert json.loads(Path("a.json").read_text())["instruction"]["text"] == "Il pleut 🌧️"


def test_a_picture_is_drawn_when_asked(call):
    assert call(*TELL, "-o", "a.wav", "--picture").exit_code == 0
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert call(*TELL, "-o", "a.wav", "--picture", "--resume").exit_code == 0


def test_quiet_says_nothing(call):
    result = call(*TELL, "-o", "a.wav", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("generate", "   "), "the instruction is empty"),
        (("generate", "rain " * 20_000), "at most 8000"),
        (("generate", "rain", "--duration", "0"), "give between 1 and 14400 seconds"),
        (("generate", "rain", "--duration", "-3"), "give between"),
        (("generate", "rain", "--duration", "nan"), "give between"),
        (("generate", "rain", "--duration", "inf"), "give between"),
        (("generate", "rain", "--duration", "1e9"), "give between"),
        (("generate", "rain", "--seed", "-1"), "--seed is -1"),
        (("generate", "rain", "--sample-rate", "3"), "--sample-rate is 3"),
        (("generate", "rain", "--sample-rate", "1000000"), "--sample-rate is 1000000"),
        (("generate", "rain", "--steps", "0"), "--steps is 0"),
        (("generate", "rain", "--guidance", "-1"), "--guidance is -1"),
        (("generate", "rain", "--guidance", "nan"), "--guidance is nan"),
        (("generate", "rain", "--loudness", "loud"), "no loudness"),
        (("generate", "rain", "--loudness", "3"), "--loudness is 3"),
        (("generate", "rain", "--overlap", "-1"), "--overlap is -1"),
        (("generate", "rain", "--model", "giant"), "known models are nano"),
        (("generate", "rain", "-o", "a.xyz"), "no sound suffix"),
        (("generate", "rain", "-o", "none/a.wav"), "there is no folder none"),
        (("generate", "rain", "-o", "."), "no sound suffix"),
        (("generate", b"caf\xe9".decode("utf-8", "surrogateescape")), "is not UTF-8 (byte 4)"),
    ],
    ids=lambda value: str(value)[:50].encode("ascii", "replace").decode(),
)
def test_what_cannot_be_done_is_told_in_a_line(call, words, told):
    output = () if "-o" in words else ("-o", "a.wav")
    is_told(call(*words, *output), told)
    assert not list(Path().iterdir())


def test_nothing_is_replaced_unless_asked(call):
    Path("a.wav").write_text("mine")
    is_told(call(*TELL, "-o", "a.wav"), "a.wav exists", "--overwrite")
    assert Path("a.wav").read_text() == "mine"
    assert call(*TELL, "-o", "a.wav", "--overwrite").exit_code == 0
    assert load(Path("a.wav")).duration_s == 5.0


def test_a_plan_that_is_there_is_not_replaced_and_both_ways_out_are_named(call):
    Path("a.story.json").write_text("mine")
    is_told(call(*TELL, "-o", "a.wav"), "--resume", "--overwrite")
    Path("b.json").write_text("mine")
    is_told(call("plan", "rain", "-o", "b.json"), "b.json exists")
    assert (Path("a.story.json").read_text(), Path("b.json").read_text()) == ("mine", "mine")


def test_a_folder_that_takes_no_files_is_told(call, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("audiostory.apps.outputs.tempfile.TemporaryFile", refuse)
    is_told(call(*TELL, "-o", "a.wav"), "Permission denied", "choose another folder")


def test_a_full_disk_is_told_and_resume_goes_on(call, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("audiostory.audio.waveform._write_all", full)
        is_told(call(*TELL, "-o", "a.wav"), "No space left", "--resume")
    assert call(*TELL, "-o", "a.wav", "--resume").exit_code == 0
    assert call(*TELL, "-o", "b.wav").exit_code == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clips": 1, "gain": -1}, "clips.1.gain"),
        ({"clips": 1, "start_s": 0.5}, "clips.1 starts at 0.5 s, before clips.0"),
        ({"clips": 0, "loud": 3}, "clips.0.loud: unknown field"),
        ({"version": 9}, "version"),
        ({"surprise": 1}, "surprise: unknown field"),
        ({"duration_s": None}, "duration_s"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_plan_is_told_by_its_field(call, change, told):
    assert call("plan", "rain, a dog", "-d", "9", "-o", "a.json").exit_code == 0
    plan = json.loads(Path("a.json").read_text())
    plan["clips"] = [
        {"caption": "rain", "start_s": 0.0, "duration_s": 5.0},
        {"caption": "dog", "start_s": 5.0, "duration_s": 4.0},
    ]
    place = plan["clips"][change.pop("clips")] if "clips" in change else plan
    place.update(change)
    Path("a.json").write_text(json.dumps(plan))
    is_told(call("render", "a.json", "-o", "a.wav"), told)


@pytest.mark.parametrize(
    ("stored", "told"),
    [(None, "no such plan"), (b'{"caf\xe9": 1}', "is not UTF-8"), (b"{,}", "line 1, column 2")],
)
def test_a_plan_that_cannot_be_read_is_told(call, stored, told):
    if stored is not None:
        Path("a.json").write_bytes(stored)
    is_told(call("render", "a.json", "-o", "a.wav"), told)


def test_tampered_weights_are_told(call, model_dir, tmp_path):
    folder = tmp_path / "tampered"
    folder.mkdir()
    for path in model_dir.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (shard,) = folder.glob("*.safetensors")
    stored = bytearray(shard.read_bytes())
    stored[-1] ^= 1
    shard.write_bytes(stored)
    is_told(call(*TELL, "-o", "a.wav", "--model", folder), "was changed after it was saved")
    shard.write_bytes(stored[:100])
    is_told(call(*TELL, "-o", "a.wav", "--model", folder), "cut off or changed")
    shard.unlink()
    is_told(call(*TELL, "-o", "a.wav", "--model", folder), "is missing")


def test_debug_gives_the_traceback(call):
    result = call("generate", " ", "-o", "a.wav", "--debug")
    assert result.exit_code == 1
    assert isinstance(result.exception, audiostory.AudioStoryError)


def test_resume_refuses_to_go_on_with_another_story(call):
    assert call(*TELL, "-o", "a.wav").exit_code == 0
    other = ("generate", "Wind", *TELL[2:])
    is_told(call(*other, "-o", "a.wav", "--resume"), "another instruction")
    is_told(call(*TELL[:-1], "8", "-o", "a.wav", "--resume"), "another seed")
    is_told(call(*TELL, "-o", "a.wav", "--resume", "--steps", "9"), "another steps")


def test_resume_of_a_finished_track_gives_the_same_bytes(call):
    assert call(*TELL, "-o", "a.wav").exit_code == 0
    before = Path("a.wav").read_bytes()
    assert call(*TELL, "-o", "a.wav", "--resume").exit_code == 0
    assert Path("a.wav").read_bytes() == before


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(call, monkeypatch):
    from audiostory.generate.sounding import Sounding

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as hands:
        hands.setattr(Sounding, "track", interrupted)
        result = call(*TELL, "-o", "a.wav")
    assert result.exit_code == 130
    assert "finished clips are kept in a.clips; --resume goes on" in result.stderr
    assert list(Path("a.clips").glob("*/*.wav"))
    assert call(*TELL, "-o", "a.wav", "--resume").exit_code == 0


def test_the_version_is_told(call):
    assert call("--version").stdout == f"audiostory {audiostory.__version__}\n"


@pytest.mark.slow
def test_a_real_ctrl_c_ends_with_130_and_can_be_resumed(model_dir, tmp_path):
    code = "from audiostory.apps.cli import main; main()"
    words = [sys.executable, "-c", code, *TELL, "-o", "a.wav", "-m", str(model_dir)]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    timer = threading.Timer(3.0, lambda: os.kill(process.pid, signal.SIGINT))
    timer.start()
    _, told = process.communicate()
    timer.cancel()
    assert process.returncode in (0, 130), told
    assert "Traceback" not in told


RELEASE = ("--profile", "release", "--steps", "1")


def test_a_plan_is_sounded_the_released_way_as_it_comes(call):
    assert call("plan", *TELL[1:], "-o", "a.json").exit_code == 0
    result = call("render", "a.json", "-o", "a.wav", *RELEASE)
    assert result.exit_code == 0, result.output
    assert soundfile.info("a.wav").subtype == "FLOAT"
    assert soundfile.info("a.wav").samplerate == 32_000
    assert "gain +0.0 dB" in result.stdout


def test_a_story_is_told_the_released_way(call, monkeypatch):
    monkeypatch.setattr("audiostory.generate.released.pipeline.decode", writing(STORY))
    result = call(*TELL, "-o", "a.wav", *RELEASE, "--sample-rate", "16000")
    assert result.exit_code == 0, result.output
    assert "note: the model's clips last 3.5 s, not 5 s as asked" in result.stderr
    plan = json.loads(Path("a.story.json").read_text())
    assert [clip["caption"] for clip in plan["clips"]] == ["Rain falls.", "A dog barks."]
    assert plan["settings"]["sample_rate_hz"] == soundfile.info("a.wav").samplerate == 16_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--loudness", "-20", "--overlap", "1"), "no --loudness, --overlap: leave it out"),
        (("--resume",), "no --resume"),
        (("--guidance", "0.5"), "guidance_scale is 0.5"),
        (("--solver", "heun", "--sigma-shift", "2"), "no --solver, --sigma-shift"),
    ],
)
def test_what_the_release_has_not_is_refused_and_not_ignored(call, words, told):
    is_told(call(*TELL, "-o", "a.wav", *RELEASE, *words), told)
    assert not Path("a.wav").exists()


def test_the_released_way_writes_wav_alone(call):
    is_told(call(*TELL, "-o", "a.mp3", *RELEASE), "name a .wav file")


def test_a_model_that_cannot_write_freely_is_told_of(call, monkeypatch):
    monkeypatch.setattr("audiostory.generate.released.pipeline.decode", writing("Rain."))
    is_told(call(*TELL, "-o", "a.wav", *RELEASE), "finished no clip", "--profile story")
