"""Commands of those who train: ``compose``, ``recipes``, ``train``, ``export``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.logging import RichHandler

from audiostory.apps.options import Debug, Device
from audiostory.apps.progress import TrainingBar
from audiostory.apps.work import mistakes_told, screen
from audiostory.models.catalogue import resolve_model

if TYPE_CHECKING:
    from audiostory.models.audiostory import AudioStoryConfig
    from audiostory.train.materials import Paths
    from audiostory.train.workbench import Workbench

RunFolder = Annotated[
    Path, typer.Option("--runs", help="Folder of the model's runs; checkpoints are kept there.")
]
RecipeName = Annotated[str, typer.Argument(help="A recipe's name.", show_default=False)]
Size = Annotated[str, typer.Option(help="Size of the model: nano, 3b.")]
DEFAULT_RUNS = Path("runs/nano")


def compose(
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON Lines of stories.")],
    *,
    count: Annotated[int, typer.Option(min=1, help="How many stories.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same stories.")] = 0,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Captioned clips to sound the stories with; without, words only."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Compose training stories: instruction, storyline, captions, and with a corpus their sound."""
    with mistakes_told(debug=debug):
        from audiostory.curate.compose import compose_stories

        compose_stories(output, count, seed, corpus)
        typer.echo(f"{output}: {count} stories")


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this recipe.")] = None,
    against: Annotated[str | None, typer.Argument(help="Show what differs in this one.")] = None,
    *,
    debug: Debug = False,
) -> None:
    """List the training recipes, show one, or show what differs between two."""
    with mistakes_told(debug=debug):
        from audiostory.train.recipes import RECIPES, recipe

        if name is None:
            for stage in RECIPES.values():
                typer.echo(
                    f"{stage.name:<18} {stage.steps:>6} steps  trains {', '.join(stage.trainable)}"
                )
            return
        shown, other = asdict(recipe(name)), asdict(recipe(against)) if against else {}
        for field, value in shown.items():
            if not against:
                typer.echo(f"{field}: {value}")
            elif value != other[field]:
                typer.echo(f"{field}: {value} | {other[field]}")


def train(  # noqa: PLR0913 - one parameter per option
    name: RecipeName,
    *,
    runs: RunFolder = DEFAULT_RUNS,
    size: Size = "nano",
    corpus: Annotated[Path | None, typer.Option(help="Folder of captioned clips.")] = None,
    stories: Annotated[Path | None, typer.Option(help="Composed stories, JSON Lines.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="Folder of the text encoder.")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Folder of *.txt the tokenizer also learns from.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Begin with a finished model, by name or folder."),
    ] = None,
    tangoflux: Annotated[
        Path | None,
        typer.Option(help="Folder of declare-lab/TangoFlux, whose DiT ours begins with."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Length of the whole run.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop and checkpoint after this.")] = None,
    device: Device = "cpu",
    bf16: Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16 (GPU).")] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make batches ahead (GPU).")
    ] = 0,
    accumulate: Annotated[
        int, typer.Option(min=1, help="Parts of a batch computed one after another.")
    ] = 1,
    checkpoint_activations: Annotated[
        bool, typer.Option("--checkpoint-activations", help="Compute activations twice.")
    ] = False,
    shard: Annotated[
        bool, typer.Option("--shard", help="Share weights and moments out over the processes.")
    ] = False,
    samples_every: Annotated[
        int, typer.Option(min=0, help="Render a few captions after every so many steps.")
    ] = 0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write numbers for TensorBoard, too.")
    ] = False,
    estimate: Annotated[
        int | None,
        typer.Option(min=1, help="Say what each of so many processes will hold, and stop."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Run a training recipe, or go on with it where it stopped."""
    with mistakes_told(debug=debug):
        import logging

        from audiostory.train.execution import Execution
        from audiostory.train.materials import Paths
        from audiostory.train.recipes import recipe

        console = screen()
        handler = RichHandler(logging.INFO, console, show_level=False, show_path=False)
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
        stage = recipe(name, steps=steps, batch_size=batch_size)
        if estimate is not None:
            from audiostory.train.memory import planned

            trainable = stage.trainable
            told = planned(config_of(size), trainable, processes=estimate, shard=shard)
            typer.echo(str(told))
            return
        paths = Paths(runs=runs, corpus=corpus, stories=stories, teacher=teacher, texts=texts)
        execution = Execution(
            device=device,
            bf16=bf16,
            num_workers=workers,
            accumulate=accumulate,
            checkpoint_activations=checkpoint_activations,
            shard=shard,
            stop_after_s=None if minutes is None else 60 * minutes,
            samples_every=samples_every,
            tensorboard=tensorboard,
        )
        weights = workbench(size, paths).train(
            stage,
            execution=execution,
            watchers=[TrainingBar(console)],
            start=None if start is None else resolve_model(start),
            tangoflux=tangoflux,
        )
        typer.echo(str(weights) if weights else f"{runs}: stopped early; run again to go on")


def export(
    recipe_names: Annotated[list[str], typer.Argument(help="Recipes, later over earlier ones.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model's folder.")],
    *,
    runs: RunFolder = DEFAULT_RUNS,
    size: Size = "nano",
    half: Annotated[bool, typer.Option(help="Store half-precision weights.")] = True,
    debug: Debug = False,
) -> None:
    """Join the weights of training runs into a model folder."""
    with mistakes_told(debug=debug):
        import torch

        from audiostory.train.materials import Paths

        dtype = torch.float16 if half else torch.float32
        bench = workbench(size, Paths(runs=runs))
        bench.export(output, recipes=recipe_names, dtype=dtype)
        typer.echo(str(output))


def workbench(size: str, paths: Paths) -> Workbench:
    """A workbench for a model of that size.

    Raises:
        ConfigError: for a size there is none of.
    """
    from audiostory.train.workbench import Workbench

    return Workbench(config_of(size), paths)


def config_of(size: str) -> AudioStoryConfig:
    """The configuration of that size.

    Raises:
        ConfigError: for a size there is none of.
    """
    from audiostory.errors import ConfigError
    from audiostory.models.audiostory import SIZES

    if size not in SIZES:
        raise ConfigError(f"no size '{size}'; there are {', '.join(SIZES)}")
    return SIZES[size]
