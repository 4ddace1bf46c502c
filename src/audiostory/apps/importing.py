"""Commands for checkpoints of others: ``import-release``, ``foundation`` and ``doctor``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from audiostory.apps.options import Debug, Device, Overwrite
from audiostory.apps.work import instruction_of, mistakes_told, screen
from audiostory.errors import CheckpointError
from audiostory.models.catalogue import is_release, resolve_model

DOCTORS_STORY = (
    "Rain falls on a tin roof, a dog barks twice, footsteps come nearer, a door opens and shuts"
)
"""What the doctor has a model tell when it looks at its scale."""


Part = Annotated[str, typer.Option(help="Its folder, or its repository on the hub.")]


class FloatType(StrEnum):
    """Types that weights are stored and computed in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Divides(StrEnum):
    """How often the bridge divides by its feature scale."""

    ONCE = "once"
    TWICE = "twice"


class FuserBegin(StrEnum):
    """How the fuser's last layer begins."""

    ZERO = "zero"
    DRAWN = "drawn"


def import_release(  # noqa: PLR0913 - one parameter per option
    folder: Annotated[
        str, typer.Argument(help="The release's folder, or its repository on the hub.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.")],
    *,
    dtype: Annotated[FloatType, typer.Option(help="How weights are stored.")] = FloatType.BFLOAT16,
    base: Annotated[
        Path | None, typer.Option(help="Folder of Qwen2.5-3B-Instruct.", show_default="looked for")
    ] = None,
    vae: Annotated[
        Path | None,
        typer.Option(
            help="Folder of vae.safetensors and config.json of TangoFlux.",
            show_default="looked for",
        ),
    ] = None,
    text_encoder: Annotated[
        Path | None,
        typer.Option(help="Folder of flan-t5-large.", show_default="in the weights, or looked for"),
    ] = None,
    whisper: Annotated[
        Path | None,
        typer.Option(
            help="Folder of whisper-large-v3; without it the model is deaf.",
            show_default="looked for",
        ),
    ] = None,
    feature_scale: Annotated[
        float | None,
        typer.Option(help="Scale of the bridge.", show_default="config.yaml's, else 10"),
    ] = None,
    divides: Annotated[
        Divides,
        typer.Option(help="How often the bridge divides by it; `doctor` tells."),
    ] = Divides.ONCE,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Write the released AudioStory-3B as a model folder of ours: LoRA merged, no pickle."""
    with mistakes_told(debug=debug):
        source = resolve_model(folder)
        if not is_release(source):
            raise CheckpointError(f"{source} is a model folder of ours already: use it as it is")

        import torch

        from audiostory.models.foreign.importing import import_release

        companions = {"base": base, "vae": vae, "text_encoder": text_encoder, "whisper": whisper}
        report = import_release(
            source,
            out,
            dtype=getattr(torch, dtype),
            companions={role: path for role, path in companions.items() if path is not None},
            may_fetch=not Path(folder).is_dir(),
            feature_scale=feature_scale,
            generation_divides=divides.value,
            overwrite=overwrite,
        )
        for line in report:
            typer.echo(line)


def foundation(  # noqa: PLR0913 - one parameter per option
    out: Annotated[Path, typer.Option("--output", "-o", help="The model folder to write.")],
    *,
    llm: Part = "Qwen/Qwen2.5-3B-Instruct",
    tangoflux: Part = "declare-lab/TangoFlux",
    whisper: Part = "openai/whisper-large-v3",
    teacher: Part = "google/flan-t5-large",
    fuser: Annotated[
        FuserBegin,
        typer.Option(help="How its last layer begins: zero as in App. C, drawn as in the release."),
    ] = FuserBegin.ZERO,
    seed: Annotated[int, typer.Option(min=0, help="Draws what is new.")] = 0,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Join published parts in the model folder that the paper's recipes begin with."""
    with mistakes_told(debug=debug):
        from audiostory.models.foreign.foundation import build_foundation

        given = {"llm": llm, "tangoflux": tangoflux, "whisper": whisper, "teacher": teacher}
        report = build_foundation(given, out, fuser=fuser.value, seed=seed, overwrite=overwrite)
        for line in report:
            typer.echo(line)
        typer.echo(f"next: audiostory train paper-main/stage1-warm --foundation {out} ...")


def doctor(
    model: Annotated[str, typer.Argument(help="A model's name, folder or repository.")],
    *,
    text_encoder: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the text encoder it was trained with (flan-t5-large).",
            show_default="looked for",
        ),
    ] = None,
    device: Device = "cpu",
    debug: Debug = False,
) -> None:
    """Look a model over: its files, its sizes, and which feature scale its weights carry."""
    with mistakes_told(debug=debug):
        folder = resolve_model(model)
        instruction = instruction_of(DOCTORS_STORY, 24.0, 0)

        from audiostory.evaluate.doctor import examine

        with screen().status(f"reading {folder}"):
            lines = examine(model, instruction, text_encoder=text_encoder, device=device)
        for line in lines:
            typer.echo(line)
