from __future__ import annotations

import json
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform, save
from audiostory.baselines.external import CommandTextToAudio, ExternalConfig, HttpTextToAudio
from audiostory.baselines.planned import PlannedTextToAudio
from audiostory.errors import AudioError, ConfigError, InstructionError, UnavailableError
from audiostory.story.types import Instruction
from tests.baselines.systems import Fixed, Tones, story

RATE_HZ = 8_000
WRITES = """
    import array, json, sys, wave
    asked = json.load(sys.stdin)
    with wave.open(asked["output"], "wb") as out:
        out.setnchannels({channels})
        out.setsampwidth(2)
        out.setframerate({rate})
        count = round({seconds} * {rate}) * {channels}
        out.writeframes(array.array("h", [asked["seed"] % 1000 + len(asked["caption"])] * count))
"""


def config(**changes) -> ExternalConfig:
    fields = {"name": "Stub", "max_duration_s": 10.0, "sample_rate_hz": RATE_HZ, "timeout_s": 20.0}
    return ExternalConfig(**fields | changes)


def command(code: str, **changes) -> CommandTextToAudio:
    # -S -E: no site packages, which keeps the stub's start short
    return CommandTextToAudio(
        [sys.executable, "-S", "-E", "-c", textwrap.dedent(code)], config(**changes)
    )


def writes(channels: int = 1, rate: int = RATE_HZ, seconds: str = 'asked["duration_s"]') -> str:
    return WRITES.format(channels=channels, rate=rate, seconds=seconds)


def test_a_command_is_asked_in_json_and_its_file_is_the_clip():
    sound = command(writes()).sound("häll ö", 0.5, seed=42)
    assert sound.num_samples == RATE_HZ // 2
    assert np.allclose(sound.samples, (42 + len("häll ö")) / 32_768, atol=1e-6)


def test_the_request_has_all_four_fields(tmp_path):
    copy = tmp_path / "request.json"
    code = f"import sys\nasked_text = sys.stdin.read()\nopen({str(copy)!r}, 'w').write(asked_text)"
    with pytest.raises(AudioError, match="wrote no"):
        command(code).sound("rain", 1.5, seed=3)
    request = json.loads(copy.read_text())
    assert Path(request.pop("output")).suffix == ".wav"
    assert request == {"caption": "rain", "duration_s": 1.5, "seed": 3}


def test_no_file_of_a_command_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    command(writes()).sound("rain", 0.1, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_stereo_is_kept_and_what_is_too_long_is_cut():
    sound = command(writes(channels=2, seconds="10")).sound("rain", 0.5, seed=0)
    assert sound.samples.shape == (2, RATE_HZ // 2)


def test_a_shell_has_no_part_in_it():
    sound = command(writes()).sound('$(touch x); `id` "quoted"', 0.1, seed=1)
    assert sound.num_samples == RATE_HZ // 10


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.stderr.write('no checkpoint at ckpt/maa1.ckpt'); sys.exit(3)",
         "ended with 3; it said: no checkpoint at ckpt/maa1.ckpt"),
        ("import sys; sys.exit(1)", "ended with 1, and said nothing"),
        ("pass", "ended well but wrote no clip.wav"),
        ("import json, sys; open(json.load(sys.stdin)['output'], 'w').write('MP3?')",
         "cannot be read as sound"),
        (writes(seconds="0.3"), "made 0.300 s where 0.500 s"),
        (writes(seconds="0"), "holds no samples"),
    ],
)  # fmt: skip
def test_a_command_that_misbehaves_is_told_with_what_it_said(code, said):
    with pytest.raises(AudioError, match=said):
        command(code).sound("rain", 0.5, seed=0)


def test_a_command_that_is_killed_says_nothing_of_the_caption():
    with pytest.raises(UnavailableError, match="killed by signal 9"):
        command("import os; os.kill(os.getpid(), 9)").sound("rain", 0.5, seed=0)


def test_a_command_of_another_rate_is_told_once_and_for_all():
    with pytest.raises(ConfigError, match="wrote 16000 Hz where 8000 Hz are declared"):
        command(writes(rate=16_000)).sound("rain", 0.5, seed=0)


def test_only_the_end_of_a_long_complaint_is_shown():
    code = "import sys; sys.stderr.write('x' * 100_000 + 'the reason'); sys.exit(1)"
    with pytest.raises(AudioError, match="the reason$") as caught:
        command(code).sound("rain", 0.5, seed=0)
    assert len(str(caught.value)) < 6_000


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path):
    alive = tmp_path / "alive"
    writes_on = f"(open({str(alive)!r}, 'a').write('x'), time.sleep(.02))"
    child = f"import time; [{writes_on} for _ in range(500)]"
    code = f"""
        import subprocess, sys
        sys.stderr.write("loading")
        sys.stderr.flush()
        subprocess.run([sys.executable, "-S", "-E", "-c", {child!r}])
    """
    with pytest.raises(UnavailableError, match=r"took more than 0.4 s.*it said: loading"):
        command(code, timeout_s=0.4).sound("rain", 0.5, seed=0)
    size = alive.stat().st_size if alive.exists() else 0
    time.sleep(0.1)
    assert (alive.stat().st_size if alive.exists() else 0) == size


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(UnavailableError, match="cannot be started"):
        CommandTextToAudio(["no-such-program-here"], config()).sound("rain", 0.5, seed=0)


def test_what_the_model_cannot_make_is_not_asked():
    with pytest.raises(InstructionError, match="Stub makes at most 10"):
        command("raise SystemExit(9)").sound("rain", 11.0, seed=0)


def test_a_command_sounds_a_plan():
    planner = Fixed(story(("rain", 0.5), ("dog", 0.5)))
    narration = PlannedTextToAudio(planner, command(writes())).generate(Instruction(text="x"))
    assert narration.waveform.num_samples == RATE_HZ


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Starts a server that answers each request with what a function of its JSON gives."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers["Content-Length"])
                status, body = answer(json.loads(self.rfile.read(size)), self)
                if status is None:
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1/audio/generate"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def wav(tmp_path: Path, sound: Waveform) -> bytes:
    save(sound, tmp_path / "answer.wav", overwrite=True)
    return (tmp_path / "answer.wav").read_bytes()


def test_an_endpoint_is_asked_in_the_shape_of_vllm_omni(serve, tmp_path):
    asked = []

    def answer(request, handler):
        asked.append((request, handler.path, handler.headers["Content-Type"]))
        return 200, wav(tmp_path, Tones().sound(request["input"], request["audio_length"], seed=1))

    model = HttpTextToAudio(serve(answer), config(), model="codi")
    sound = model.sound("rain", 0.5, seed=7)
    ((request, path, kind),) = asked
    assert request == {
        "input": "rain", "audio_length": 0.5, "seed": 7, "response_format": "wav", "model": "codi",
    }  # fmt: skip
    assert path == "/v1/audio/generate"
    assert kind == "application/json"
    expected = Tones().sound("rain", 0.5, seed=1)
    assert np.allclose(sound.samples, expected.samples, atol=1e-4)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (500, b"out of memory", UnavailableError, "answered 500; it said: .*out of memory"),
        (429, b"", UnavailableError, "answered 429"),
        (404, b"", UnavailableError, "answered 404, and said nothing"),
        (422, b"too long", AudioError, "answered 422; it said: too long"),
        (200, b'{"error": "busy"}', AudioError, "bytes that cannot be used .*busy"),
        (200, b"", AudioError, "0 bytes that cannot be used"),
    ],
)
def test_an_endpoint_that_misbehaves_is_told_with_what_it_said(serve, status, body, kind, said):
    with pytest.raises(kind, match=said):
        HttpTextToAudio(serve(lambda *_: (status, body)), config()).sound("rain", 0.5, seed=0)


def test_an_endpoint_with_another_rate_or_too_short_a_clip_is_told(serve, tmp_path):
    other = wav(tmp_path, Tones(sample_rate_hz=16_000).sound("rain", 0.5, seed=0))
    with pytest.raises(ConfigError, match="wrote 16000 Hz"):
        HttpTextToAudio(serve(lambda *_: (200, other)), config()).sound("rain", 0.5, seed=0)
    short = wav(tmp_path, Tones().sound("rain", 0.2, seed=0))
    with pytest.raises(AudioError, match=r"made 0\.200 s"):
        HttpTextToAudio(serve(lambda *_: (200, short)), config()).sound("rain", 0.5, seed=0)


def test_an_endpoint_that_hangs_up_or_hangs_is_told(serve):
    def hang_up(request, handler):
        handler.connection.close()
        return None, b""

    def hang(request, handler):
        time.sleep(0.6)
        return None, b""

    with pytest.raises(UnavailableError, match="does not answer"):
        HttpTextToAudio(serve(hang_up), config()).sound("rain", 0.5, seed=0)
    with pytest.raises(UnavailableError, match="took more than 0.2 s"):
        HttpTextToAudio(serve(hang), config(timeout_s=0.2)).sound("rain", 0.5, seed=0)


def test_an_endpoint_that_promises_more_than_it_sends_is_told(serve, tmp_path):
    whole = wav(tmp_path, Tones().sound("rain", 0.5, seed=0))

    def answer(request, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(whole)))
        handler.end_headers()
        handler.wfile.write(whole[: len(whole) // 2])
        return None, b""

    with pytest.raises(UnavailableError, match="bytes before the end"):
        HttpTextToAudio(serve(answer), config()).sound("rain", 0.5, seed=0)


def test_no_server_at_all_is_told():
    with pytest.raises(UnavailableError, match="does not answer.*start the server"):
        HttpTextToAudio("http://127.0.0.1:9/x", config()).sound("rain", 0.5, seed=0)


def test_what_is_no_address_or_no_command_is_refused():
    with pytest.raises(ConfigError, match="begin with http"):
        HttpTextToAudio("file:///etc/passwd", config())
    with pytest.raises(ConfigError, match="the command is empty"):
        CommandTextToAudio([], config())
    with pytest.raises(ConfigError, match="above 0"):
        config(timeout_s=0.0)
