"""Models that need an installation of their own: asked as a command, or behind an HTTP endpoint.

Make-An-Audio, CoDi and NExT-GPT pin libraries that do not load beside ours, so they run outside of
this process. ``docs/baselines.md`` has the contract of the command with a worked example.

The endpoint's request has the shape of vLLM-Omni's ``/v1/audio/generate`` (its documentation,
"Audio Generate API").
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from audiostory.audio.waveform import Waveform, load
from audiostory.baselines.text_to_audio import check_length, of_length
from audiostory.errors import AudioError, ConfigError, UnavailableError

TAIL_CHARS = 2_000
"""How much of what a command or a server complained of is shown."""
MAX_ANSWER_BYTES = 1 << 30
"""A longer answer is no clip of sound."""
ABOUT_THE_QUESTION = (400, 406, 413, 415, 422)
"""Answers that say something against what was asked; others are about keys, addresses, load."""


@dataclass(frozen=True, kw_only=True)
class ExternalConfig:
    """What is known of a model that runs elsewhere."""

    name: str
    """Its name in plans and reports."""
    max_duration_s: float
    """Longest clip that it makes, in seconds."""
    sample_rate_hz: int
    """Samples per second of what it makes; an answer of another rate is an error."""
    timeout_s: float = 600.0
    """How long one clip of a command may take, loading the model included; how long an endpoint may
    be silent."""

    def __post_init__(self) -> None:
        """Check the lengths.

        Raises:
            ConfigError: if one is not above 0.
        """
        if not (self.max_duration_s > 0 and self.timeout_s > 0 and self.sample_rate_hz > 0):
            raise ConfigError(
                f"{self.name}: max_duration_s, sample_rate_hz and timeout_s have to be above 0"
            )


class _External:
    """What a command and an endpoint have in common."""

    def __init__(self, config: ExternalConfig) -> None:
        self.config = config

    @property
    def name(self) -> str:
        """The model's name."""
        return self.config.name

    @property
    def max_duration_s(self) -> float:
        """Longest clip in seconds."""
        return self.config.max_duration_s

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self.config.sample_rate_hz

    def _read(self, path: Path, duration_s: float) -> Waveform:
        """The clip in a file that the model wrote.

        Raises:
            ConfigError: if it has another rate than is declared, as all others will.
            AudioError: if it is no sound, or too short.
        """
        waveform = load(path)
        if waveform.sample_rate_hz != self.sample_rate_hz:
            raise ConfigError(
                f"{self.name} wrote {waveform.sample_rate_hz} Hz where {self.sample_rate_hz} Hz "
                "are declared: correct sample_rate_hz, or resample in the wrapper"
            )
        return of_length(waveform, duration_s, self.name)


class CommandTextToAudio(_External):
    """Runs a command for each clip.

    The command reads one JSON object from standard input, with ``caption``, ``duration_s``,
    ``seed`` and ``output``, the path of a wav file to write; it ends with status 0 once the file
    holds at least ``duration_s`` seconds. What is longer is cut. Anything on its standard output is
    dropped.

    Args:
        command: program and arguments; no shell is involved.
        config: what is known of the model.

    Raises:
        ConfigError: if the command is empty.
    """

    def __init__(self, command: Sequence[str], config: ExternalConfig) -> None:
        super().__init__(config)
        if not command:
            raise ConfigError(f"{config.name}: the command is empty: name the program to run")
        self.command = tuple(command)

    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        """The clip that the command writes, channels as it has them.

        Raises:
            InstructionError: if the clip is longer than the model makes.
            AudioError: if the command fails or writes no such clip; with the end of what it said
                on standard error.
            UnavailableError: if it cannot be started, takes too long, or is killed.
            ConfigError: if it writes another rate than is declared.
        """
        check_length(self, duration_s)
        with tempfile.TemporaryDirectory(prefix="audiostory-") as folder:
            output = Path(folder) / "clip.wav"
            request = {
                "caption": caption, "duration_s": duration_s, "seed": seed, "output": str(output),
            }  # fmt: skip
            said = self._run(json.dumps(request))
            if not output.is_file():
                raise AudioError(f"{self._shown} ended well but wrote no {output.name}{said}")
            return self._read(output, duration_s)

    @property
    def _shown(self) -> str:
        return f"{self.name} ({shlex.join(self.command)})"

    def _run(self, request: str) -> str:
        """Run the command to its end; what it said on standard error, for a message."""
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that its children can be ended with it
            )
        except OSError as error:
            raise UnavailableError(
                f"{self._shown} cannot be started ({error.strerror}): install it, or correct the "
                "command"
            ) from error
        with process:
            try:
                _, errors = process.communicate(request.encode(), timeout=self.config.timeout_s)
            except subprocess.TimeoutExpired:
                errors = _ended(process)
                raise UnavailableError(
                    f"{self._shown} took more than {self.config.timeout_s:g} s: raise timeout_s, "
                    f"or serve the model behind an endpoint{_tail(errors)}"
                ) from None
            except BaseException:  # an interrupt must not leave the model running
                _ended(process)
                raise
        if process.returncode < 0:
            raise UnavailableError(
                f"{self._shown} was killed by signal {-process.returncode}; does memory suffice?"
                f"{_tail(errors)}"
            )
        if process.returncode:
            raise AudioError(f"{self._shown} ended with {process.returncode}{_tail(errors)}")
        return _tail(errors)


class HttpTextToAudio(_External):
    """Asks an endpoint for each clip: ``POST`` of JSON, the answer a sound file.

    The request has ``input`` (the caption), ``audio_length`` (seconds), ``seed``,
    ``response_format`` (``wav``) and, if given, ``model``.

    Args:
        url: of the endpoint: ``http://localhost:8091/v1/audio/generate``.
        config: what is known of the model.
        model: the server's name of the model; None leaves it out.

    Raises:
        ConfigError: if the address is not one of http or https.
    """

    def __init__(self, url: str, config: ExternalConfig, *, model: str | None = None) -> None:
        super().__init__(config)
        if not url.startswith(("http://", "https://")):
            raise ConfigError(
                f"{config.name}: {url!r} is no address: begin with http:// or https://"
            )
        self.url = url
        self.model = model

    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        """The clip that the server answers with, channels as it has them.

        Raises:
            InstructionError: if the clip is longer than the model makes.
            AudioError: if the server does not take the question, or answers with anything but
                such a clip.
            UnavailableError: if there is no server, it fails, or takes too long.
            ConfigError: if it answers at another rate than is declared.
        """
        check_length(self, duration_s)
        body: dict[str, object] = {
            "input": caption, "audio_length": duration_s, "seed": seed, "response_format": "wav",
        }  # fmt: skip
        if self.model is not None:
            body["model"] = self.model
        answer = self._post(json.dumps(body).encode())
        with tempfile.TemporaryDirectory(prefix="audiostory-") as folder:
            path = Path(folder) / "clip.wav"
            path.write_bytes(answer)
            try:
                return self._read(path, duration_s)
            except AudioError as error:
                raise AudioError(
                    f"{self._shown} answered with {len(answer)} bytes that cannot be used "
                    f"({error}); they begin with {answer[:40]!r}"
                ) from error

    @property
    def _shown(self) -> str:
        return f"{self.name} ({self.url})"

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(
            self.url, body, {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=self.config.timeout_s) as response:
                answer = response.read(MAX_ANSWER_BYTES + 1)
                num_lacking = response.length or 0
        except urllib.error.HTTPError as error:
            with error:
                told = error.read(TAIL_CHARS)
            kind = AudioError if error.code in ABOUT_THE_QUESTION else UnavailableError
            raise kind(f"{self._shown} answered {error.code}{_tail(told)}") from error
        except TimeoutError as error:
            raise UnavailableError(
                f"{self._shown} took more than {self.config.timeout_s:g} s: raise timeout_s"
            ) from error
        except (OSError, HTTPException) as error:  # URLError is an OSError
            raise UnavailableError(
                f"{self._shown} does not answer ({error}): start the server, or correct the address"
            ) from error
        if len(answer) > MAX_ANSWER_BYTES:
            raise AudioError(f"{self._shown} answered with more than {MAX_ANSWER_BYTES} bytes")
        if num_lacking:
            raise UnavailableError(
                f"{self._shown} hung up {num_lacking} bytes before the end of its answer: try again"
            )
        return answer


def _ended(process: subprocess.Popen[bytes]) -> bytes:
    """End a command and its children; what it said on standard error until then."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    _, errors = process.communicate()
    return errors


def _tail(told: bytes) -> str:
    """The end of what was said, as the end of a message."""
    text = told.decode("utf-8", "replace").strip()
    return f"; it said: {text[-TAIL_CHARS:]}" if text else ", and said nothing"
