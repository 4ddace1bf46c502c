"""The options that commands share, and what they mean together."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiostory.errors import ConfigError, InstructionError
from audiostory.story.types import MAX_INSTRUCTION_CHARS

if TYPE_CHECKING:
    from audiostory.story.plan import PlanSettings


class Join(StrEnum):
    """How clips fade into each other."""

    EQUAL_POWER = "equal_power"
    LINEAR = "linear"
    NONE = "none"


class WeightType(StrEnum):
    """How a model's weights are held."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"
    INT4 = "int4"


class Profile(StrEnum):
    """Whose way a story is told."""

    STORY = "story"
    RELEASE = "release"


Text = Annotated[
    str,
    typer.Argument(
        help='What should be heard, in a sentence or more; "-" reads it from standard input.',
        show_default=False,
    ),
]
Duration = Annotated[
    float | None,
    typer.Option(
        "--duration",
        "-d",
        metavar="SECONDS",
        help="Length of the track; else what the text states, else 30.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same track.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR",
        help="A shipped model's name or a checkpoint's folder; nano by default.",
        show_default=False,
    ),
]
Way = Annotated[
    Profile,
    typer.Option(
        "--profile",
        help="Whose way the story is told: ours, or that of the released code, number for number "
        "(free text, 50 steps, linear joins of 3 s, 32 kHz, no loudness).",
    ),
]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1, mps.")]
Weights = Annotated[
    WeightType | None,
    typer.Option(
        help="Type of the weights; int8 and int4 store the language model in fewer bits.",
        show_default="float32, on GPUs bfloat16",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(help="Solver steps; fewer are faster.", show_default="the model's"),
]
Solver = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="euler, midpoint, heun or adams_bashforth (docs/solvers.md).",
        show_default="the model's",
    ),
]
SigmaShift = Annotated[
    float | None,
    typer.Option(
        help="Where noise levels crowd: 1 spaces them evenly, more crowds them near noise.",
        show_default="the model's",
    ),
]
Guidance = Annotated[
    float | None,
    typer.Option(help="How closely captions are followed.", show_default="the model's"),
]
Temperature = Annotated[
    float,
    typer.Option(help="How freely words are chosen; above 0 every seed tells another story."),
]
Loudness = Annotated[
    str | None,
    typer.Option(
        metavar="none|LUFS",
        help='Integrated loudness; "none" only keeps peaks below full scale.',
        show_default="-16",
    ),
]
Evenness = Annotated[
    float | None,
    typer.Option(metavar="0..1", help="How far clips are made equally loud.", show_default="0.5"),
]
JoinCurve = Annotated[
    Join | None,
    typer.Option("--join", help="How clips fade into each other.", show_default="equal_power"),
]
Overlap = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="How long neighbours sound together.", show_default="0.5"),
]
SampleRate = Annotated[
    int | None,
    typer.Option(metavar="HZ", help="Samples per second.", show_default="the model's"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with what an interrupted command left, same bytes."),
]
Picture = Annotated[bool, typer.Option("--picture", help="Draw the track and its story, too.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but mistakes.")]
Debug = Annotated[bool, typer.Option("--debug", help="Give mistakes their traceback.")]


def instruction_words(argument: str) -> str:
    """The instruction that an argument is or points to.

    Raises:
        InstructionError: if it is not UTF-8.
    """
    if argument == "-":
        return decoded(sys.stdin.buffer.read(4 * MAX_INSTRUCTION_CHARS + 4))
    return decoded(argument.encode("utf-8", "surrogateescape"))


def decoded(stored: bytes) -> str:
    """UTF-8 bytes as text.

    Raises:
        InstructionError: if they are something else.
    """
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InstructionError(
            f"the instruction is not UTF-8 (byte {error.start + 1}): convert it, for example with "
            "iconv -f latin1 -t utf-8"
        ) from error


def given_settings(**options: Any) -> dict[str, Any]:
    """The settings that were given, by their names in a plan.

    Raises:
        ConfigError: naming the first option whose value cannot be.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if "loudness_lufs" in given:
        given["loudness_lufs"] = loudness_of(given["loudness_lufs"])
    if "join" in given:
        given["join"] = str(given["join"])
    settings_from(given)
    return given


def loudness_of(text: str) -> float | None:
    """The loudness that ``--loudness`` names; None for "none".

    Raises:
        ConfigError: if it is neither "none" nor a number.
    """
    if text.lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f"--loudness {text!r} is no loudness: give a number of LUFS such as -16, or none"
        ) from None


OPTION_NAMES = {
    "guidance_scale": "--guidance",
    "steps": "--steps",
    "solver": "--solver",
    "sigma_shift": "--sigma-shift",
    "overlap_s": "--overlap",
    "join": "--join",
    "evenness": "--evenness",
    "loudness_lufs": "--loudness",
    "sample_rate_hz": "--sample-rate",
}
"""How a plan's settings are called on the command line."""


OPTIONS_OF_RELEASE = ("steps", "guidance_scale", "sample_rate_hz")
"""Settings that the released way has, too."""


def check_release(given: dict[str, Any], *, resume: bool, temperature: float = 0.0) -> None:
    """Nothing, if the released way has every option that was given.

    Raises:
        ConfigError: naming those it has not.
    """
    refused = [OPTION_NAMES[name] for name in given if name not in OPTIONS_OF_RELEASE]
    refused += ["--temperature"] if temperature else []
    refused += ["--resume"] if resume else []
    if refused:
        raise ConfigError(
            f"--profile release has no {', '.join(refused)}: leave it out, or use --profile story"
        )


def settings_from(given: dict[str, Any]) -> PlanSettings:
    """The plan settings with these values.

    Raises:
        ConfigError: naming the first option whose value cannot be.
    """
    from pydantic import ValidationError

    from audiostory.story.plan import PlanSettings

    try:
        return PlanSettings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        reason = first["msg"].removeprefix("Input should be ")
        raise ConfigError(f"{OPTION_NAMES[name]} is {given[name]}: it should be {reason}") from None
