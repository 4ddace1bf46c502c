"""The command ``bench``: how fast, and how far from the limit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from audiostory.apps.importing import FloatType
from audiostory.apps.options import Debug, Device, Overwrite
from audiostory.apps.outputs import check_can_write
from audiostory.apps.work import mistakes_told, screen


def bench(  # noqa: PLR0913 - one parameter per option
    *,
    size: Annotated[
        str, typer.Option(help="nano, mini or 3b: random weights but nano's.")
    ] = "nano",
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME|DIR", help="Time this model instead."),
    ] = None,
    device: Device = "cpu",
    dtype: Annotated[
        FloatType | None, typer.Option(help="Type of the weights.", show_default="the device's")
    ] = None,
    duration: Annotated[float, typer.Option(min=5.0, help="Length of the story in seconds.")] = 60,
    clips: Annotated[int, typer.Option(min=1, max=50, help="Clips in it.")] = 5,
    turns: Annotated[int, typer.Option(min=1, help="Runs of every schedule.")] = 1,
    output: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers there, too.")
    ] = None,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Time the release's own schedule against ours, on the same weights and the same story."""
    with mistakes_told(debug=debug):
        if output is not None:
            check_can_write(output, overwrite=overwrite)

        import torch

        from audiostory.evaluate.speed.run import run_bench
        from audiostory.evaluate.speed.subject import subject_of
        from audiostory.evaluate.speed.table import markdown

        with screen().status("making the model") as status:
            subject = subject_of(
                size,
                device=device,
                dtype=getattr(torch, dtype) if dtype else None,
                name_or_dir=model,
                duration_s=duration,
                num_clips=clips,
            )
            report = run_bench(subject, turns=turns, tell=status.update)
        typer.echo(markdown(report), nl=False)
        if output is not None:
            output.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
            typer.echo(f"numbers: {output}")
