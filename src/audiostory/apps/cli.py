"""The command ``audiostory``: ``generate`` is ``plan`` followed by ``render``.

Heavy packages are imported inside the commands, so that ``--help`` and mistakes answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import audiostory
from audiostory.apps import (
    batch,
    benching,
    importing,
    measuring,
    music,
    options,
    preferring,
    training,
)
from audiostory.apps.outputs import TrackFiles, check_can_write, clips_beside
from audiostory.apps.progress import show
from audiostory.apps.work import (
    check_float_track,
    check_new_plan,
    check_track,
    finish,
    instruction_of,
    loaded,
    loaded_release,
    mistakes_told,
    resumed,
    screen,
    store_for,
    until_planned,
    with_plan_saved,
    with_settings,
)
from audiostory.models.catalogue import DEFAULT_MODEL

app = typer.Typer(
    name="audiostory",
    help="An instruction becomes a finished story in sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    app()


def tell_version(asked: bool) -> None:  # noqa: FBT001 - called by typer
    """Print the version and end, if it was asked for."""
    if asked:
        typer.echo(f"audiostory {audiostory.__version__}")
        raise typer.Exit


@app.callback()
def top(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=tell_version, is_eager=True),
    ] = False,
) -> None:
    """An instruction becomes a finished story in sound."""


@app.command()
def plan(  # noqa: PLR0913 - one parameter per option
    text: options.Text,
    output: Annotated[Path, typer.Option("--output", "-o", help="The plan, story.json.")],
    *,
    duration: options.Duration = None,
    seed: options.Seed = 0,
    model: options.Model = None,
    device: options.Device = "cpu",
    weights: options.Weights = None,
    temperature: options.Temperature = 0.0,
    steps: options.Steps = None,
    solver: options.Solver = None,
    sigma_shift: options.SigmaShift = None,
    guidance: options.Guidance = None,
    loudness: options.Loudness = None,
    evenness: options.Evenness = None,
    join: options.JoinCurve = None,
    overlap: options.Overlap = None,
    sample_rate: options.SampleRate = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Write the story as a plan: a file to read, edit and render."""
    with mistakes_told(debug=debug):
        instruction = instruction_of(text, duration, seed)
        settings = options.given_settings(
            steps=steps,
            solver=solver,
            sigma_shift=sigma_shift,
            guidance_scale=guidance,
            loudness_lufs=loudness,
            evenness=evenness,
            join=join,
            overlap_s=overlap,
            sample_rate_hz=sample_rate,
        )
        check_can_write(output, overwrite=overwrite)
        pipeline = loaded(model or DEFAULT_MODEL, device, weights=weights, temperature=temperature)

        steps_made = until_planned(
            pipeline.stream(
                instruction, seed=seed, settings=options.settings_from(settings), ahead=False
            )
        )
        show(with_plan_saved(steps_made, output, overwrite=overwrite), screen(quiet=quiet))
        if not quiet:
            typer.echo(f"{output}: edit it, then: audiostory render {output} -o story.wav")


@app.command()
def render(  # noqa: PLR0913 - one parameter per option
    story: Annotated[Path, typer.Argument(help="The plan, story.json.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The track: wav, flac, ogg, mp3.")],
    *,
    model: options.Model = None,
    profile: options.Way = options.Profile.STORY,
    device: options.Device = "cpu",
    weights: options.Weights = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    sigma_shift: options.SigmaShift = None,
    guidance: options.Guidance = None,
    loudness: options.Loudness = None,
    evenness: options.Evenness = None,
    join: options.JoinCurve = None,
    overlap: options.Overlap = None,
    sample_rate: options.SampleRate = None,
    picture: options.Picture = False,
    overwrite: options.Overwrite = False,
    resume: options.Resume = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Make a plan sound. Clips that are finished already are not made again."""
    files = TrackFiles(output)
    with mistakes_told(debug=debug, files=files):
        from audiostory.story.plan_file import load_plan

        settings = options.given_settings(
            steps=steps,
            solver=solver,
            sigma_shift=sigma_shift,
            guidance_scale=guidance,
            loudness_lufs=loudness,
            evenness=evenness,
            join=join,
            overlap_s=overlap,
            sample_rate_hz=sample_rate,
        )
        is_release = profile is options.Profile.RELEASE
        if is_release:
            options.check_release(settings, resume=resume)
            check_float_track(output)
        plan = with_settings(load_plan(story), settings)
        may_replace = overwrite or resume
        rate_hz = plan.settings.sample_rate_hz
        check_track(files, rate_hz, overwrite=may_replace, picture=picture)
        if is_release:
            steps_made = loaded_release(
                model or plan.model.name, device, settings, weights=weights
            ).stream(plan)
        else:
            pipeline = loaded(model or plan.model.name, device, weights=weights)
            steps_made = pipeline.stream(plan, store=store_for(files, clips_beside(story)))
        finish(
            steps_made,
            files,
            picture=picture,
            overwrite=may_replace,
            quiet=quiet,
            subtype="FLOAT" if is_release else None,
        )


@app.command()
def generate(  # noqa: PLR0913 - one parameter per option
    text: options.Text,
    output: Annotated[Path, typer.Option("--output", "-o", help="The track: wav, flac, ogg, mp3.")],
    *,
    duration: options.Duration = None,
    seed: options.Seed = 0,
    model: options.Model = None,
    profile: options.Way = options.Profile.STORY,
    device: options.Device = "cpu",
    weights: options.Weights = None,
    temperature: options.Temperature = 0.0,
    steps: options.Steps = None,
    solver: options.Solver = None,
    sigma_shift: options.SigmaShift = None,
    guidance: options.Guidance = None,
    loudness: options.Loudness = None,
    evenness: options.Evenness = None,
    join: options.JoinCurve = None,
    overlap: options.Overlap = None,
    sample_rate: options.SampleRate = None,
    picture: options.Picture = False,
    overwrite: options.Overwrite = False,
    resume: options.Resume = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Tell a story and make it sound; the plan is written beside the track."""
    files = TrackFiles(output)
    with mistakes_told(debug=debug, files=files):
        instruction = instruction_of(text, duration, seed)
        settings = options.given_settings(
            steps=steps,
            solver=solver,
            sigma_shift=sigma_shift,
            guidance_scale=guidance,
            loudness_lufs=loudness,
            evenness=evenness,
            join=join,
            overlap_s=overlap,
            sample_rate_hz=sample_rate,
        )
        is_release = profile is options.Profile.RELEASE
        if is_release:
            options.check_release(settings, resume=resume, temperature=temperature)
            check_float_track(output)
        begun = None
        if resume and files.plan.exists():
            begun = resumed(files.plan, instruction, seed, model or DEFAULT_MODEL, settings)
        may_replace = overwrite or begun is not None
        check_track(files, sample_rate, overwrite=may_replace, picture=picture)
        if begun is None:
            check_new_plan(files.plan, overwrite=overwrite)
        if is_release:
            released = loaded_release(model or DEFAULT_MODEL, device, settings, weights=weights)
            steps_made = released.stream(instruction, seed=seed)
        else:
            pipeline = loaded(
                model or DEFAULT_MODEL, device, weights=weights, temperature=temperature
            )
            steps_made = pipeline.stream(
                begun or instruction,
                seed=seed,
                settings=options.settings_from(settings),
                store=store_for(files),
            )
        kept = with_plan_saved(steps_made, files.plan, overwrite=overwrite)
        finish(
            kept,
            files,
            picture=picture,
            overwrite=may_replace,
            quiet=quiet,
            subtype="FLOAT" if is_release else None,
        )
        if not quiet:
            typer.echo(
                f"plan: {files.plan}: edit it, then: audiostory render {files.plan} -o new.wav"
            )


app.command()(batch.batch)
for command in (training.compose, training.recipes, training.train, training.export):
    app.command()(command)
app.command("compose-music")(music.compose_music)
app.command("import-release")(importing.import_release)
app.command()(importing.foundation)
app.command()(importing.doctor)
app.command()(preferring.preferences)
app.command()(benching.bench)
app.add_typer(measuring.app, name="evaluate")
