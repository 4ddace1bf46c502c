"""Commands of those who train: ``compose``, ``recipes``, ``train``, ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
    from audiostory.train.stages import Recipe, StageConfig

WIDEST = 60
"""Values longer than this do not push the citations of all others to the right."""

RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--runs",
        help="Folder of the model's runs, with their checkpoints; runs/RECIPE if not given.",
        show_default=False,
    ),
]
StageName = Annotated[
    str, typer.Argument(help="A stage, as in 'audiostory recipes'.", show_default=False)
]
Size = Annotated[
    str | None,
    typer.Option(
        help="Size of the model: nano, nano-hearing, 3b; that of the model it begins with, or the "
        "stage's, if not given.",
        show_default=False,
    ),
]


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
    name: Annotated[str | None, typer.Argument(help="Show this recipe or stage.")] = None,
    against: Annotated[str | None, typer.Argument(help="Show what differs in this one.")] = None,
    *,
    debug: Debug = False,
) -> None:
    """List the training recipes, show one or a stage of one, or show what differs between two."""
    with mistakes_told(debug=debug):
        from audiostory.train.recipes.catalogue import RECIPES

        if name is None:
            lines = [line for recipe in RECIPES.values() for line in listed(recipe)]
        elif against is None:
            lines = shown(name)
        else:
            lines = compared(name, against)
        typer.echo("\n".join(lines))


def listed(recipe: Recipe) -> list[str]:
    """A recipe and its stages, a line each."""
    return [
        f"{recipe.name}: {recipe.about}",
        *(
            f"  {stage.name:<28} {length(stage):>13}  batch {stage.batch_size:>3}"
            f"  trains {', '.join(stage.trainable)}"
            f"{f'  size {stage.size}' if stage.size else ''}"
            for stage in recipe.stages
        ),
    ]


def length(stage: StageConfig) -> str:
    """How long a stage lasts."""
    return f"{stage.steps} steps" if stage.steps else f"{stage.epochs:g} epochs"


def shown(name: str) -> list[str]:
    """All values of a stage, or of every stage of a recipe, each with where it comes from."""
    from audiostory.train.recipes.catalogue import RECIPES, stage
    from audiostory.train.recipes.differences import citation, values_of

    if name not in RECIPES:
        each = stage(name)
        rows = {field: f"{field}: {value}" for field, value in values_of(each).items()}
        width = max(len(row) for row in rows.values() if len(row) <= WIDEST)
        said = {field: citation(each, field) for field in rows}
        return [
            each.name,
            *(
                f"  {row:<{width}}  [{said[field]}]" if said[field] else f"  {row}"
                for field, row in rows.items()
            ),
        ]
    found = RECIPES[name]
    about = [found.about, f"size: {found.size}", f"language model: {found.language_model}"]
    return [found.name, *(f"  {line}" for line in about)] + [
        line for each in found.stages for line in ("", *shown(each.name))
    ]


def compared(name: str, against: str) -> list[str]:
    """What differs between two recipes, stage by stage, or between two stages; a field a line."""
    from audiostory.train.recipes.catalogue import RECIPES, recipe, stage
    from audiostory.train.recipes.differences import recipe_differences, stage_differences

    if name in RECIPES or against in RECIPES:
        found = recipe_differences(recipe(name), recipe(against))
    else:
        found = stage_differences(stage(name), stage(against))
    lines, heading = [f"{name} | {against}"], ""
    for each in found:
        if name in RECIPES and each.stage != heading:
            heading = each.stage
            lines.append(heading)
        lines.append(f"  {each.field}: {each.left} | {each.right}")
    return lines if found else [*lines, "  no difference"]


def train(  # noqa: PLR0913 - one parameter per option
    name: StageName,
    *,
    runs: RunFolder = None,
    size: Size = None,
    corpus: Annotated[Path | None, typer.Option(help="Folder of captioned clips.")] = None,
    stories: Annotated[Path | None, typer.Option(help="Composed stories, JSON Lines.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="Folder of the text encoder.")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Folder of *.txt the tokenizer also learns from.")
    ] = None,
    questions: Annotated[
        list[str] | None,
        typer.Option(
            help="List to ask about instead of the corpus, as NAME=FOLDER; may be given again.",
            show_default=False,
        ),
    ] = None,
    foundation: Annotated[
        Path | None,
        typer.Option(help="Folder of a model whose parts are pretrained, where a recipe needs it."),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Folder of ranked sounds, as 'audiostory preferences' makes it."),
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
    bf16: Annotated[
        bool | None,
        typer.Option(
            "--bf16/--no-bf16",
            help="Compute in bfloat16 or not; as the stage says if not given.",
            show_default=False,
        ),
    ] = None,
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
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Make what the stage learns from (latents...), and stop."),
    ] = False,
    estimate: Annotated[
        int | None,
        typer.Option(min=1, help="Say what each of so many processes will hold, and stop."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Run a stage of a training recipe, or go on with it where it stopped."""
    with mistakes_told(debug=debug):
        import logging

        from audiostory.data.understanding.catalogue import named_list
        from audiostory.train.execution import Execution
        from audiostory.train.paths import Paths
        from audiostory.train.recipes.catalogue import recipe_of
        from audiostory.train.recipes.catalogue import stage as stage_called
        from audiostory.train.sources import check_ready
        from audiostory.train.workbench import Workbench, check_beginning

        console = screen()
        handler = RichHandler(logging.INFO, console, show_level=False, show_path=False)
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
        stage, recipe = stage_called(name, steps=steps, batch_size=batch_size), recipe_of(name)
        begun = None if start is None else resolve_model(start)
        if begun is not None and stage.initial == "foundation" and is_foundation(begun):
            begun, foundation = None, begun
        config = config_for([name], size, begun or foundation)
        if estimate is not None:
            from audiostory.train.memory import planned

            told = planned(config, stage.trainable, processes=estimate, shard=shard)
            typer.echo(str(told))
            return
        paths = Paths(
            runs=runs or runs_of(recipe),
            corpus=corpus,
            stories=stories,
            teacher=teacher,
            texts=texts,
            foundation=foundation,
            questions=tuple(map(named_list, questions or [])),
            pairs=pairs,
        )
        check_ready(stage, config, paths, has_start=begun is not None)
        check_beginning(stage, config, paths, start=begun, tangoflux=tangoflux)
        if prepare:
            bench = Workbench(config, paths)
            count = bench.prepare(stage, device=device, start=begun, tangoflux=tangoflux)
            typer.echo(f"{paths.cache}: all that {name} learns from; {count} samples of its own")
            return
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
        weights = Workbench(config, paths).train(
            stage,
            execution=execution,
            watchers=[TrainingBar(console)],
            start=begun,
            tangoflux=tangoflux,
        )
        typer.echo(str(weights) if weights else f"{paths.runs}: stopped early; run again to go on")


def export(
    stage_names: Annotated[
        list[str], typer.Argument(help="Stages of a recipe, later over earlier ones.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model's folder.")],
    *,
    runs: RunFolder = None,
    size: Size = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="The finished model that these runs began with."),
    ] = None,
    half: Annotated[bool, typer.Option(help="Store half-precision weights.")] = True,
    debug: Debug = False,
) -> None:
    """Join the weights of training runs into a model folder."""
    with mistakes_told(debug=debug):
        import torch

        from audiostory.train.paths import Paths
        from audiostory.train.recipes.catalogue import recipe_of
        from audiostory.train.workbench import Workbench, check_sizes

        dtype, recipe = torch.float16 if half else torch.float32, recipe_of(stage_names[0])
        begun = None if start is None else resolve_model(start)
        config = config_for(stage_names, size, begun)
        if begun is not None:
            check_sizes(begun, config)  # before a model of that size takes memory
        bench = Workbench(config, Paths(runs=runs or runs_of(recipe)))
        bench.export(output, stages=stage_names, dtype=dtype, start=begun)
        typer.echo(str(output))


def runs_of(recipe: Recipe) -> Path:
    """Where a recipe's runs are kept if no folder is named."""
    return Path("runs") / recipe.name


def config_for(
    stage_names: Sequence[str], size: str | None, begun: Path | None
) -> AudioStoryConfig:
    """The configuration of a model that is trained: of a size, or of the model it begins with.

    Args:
        stage_names: the stages; a deaf model gets the ears of the size that they are meant for.
        size: what was asked for; None leaves it to the others.
        begun: folder of the model that the runs begin with, if there is one.

    Raises:
        CheckpointError: if there is no model folder of ours.
        ConfigError: for a size there is none of.
    """
    from audiostory.models.model_folder import read_config
    from audiostory.train.recipes.catalogue import size_of

    meant = config_of(size or size_of(*stage_names))
    if size is not None or begun is None:
        return meant
    own = replace(read_config(begun), preferred_by=())  # no size; a run remembers it itself
    return meant if replace(meant, name=own.name, audio_encoder=None) == own else own


def is_foundation(folder: Path) -> bool:
    """Whether a model folder was made of published parts, and nothing in it has learned here."""
    from audiostory.models.foreign.foundation import PROVENANCE

    return (folder / PROVENANCE).is_file()


def config_of(size: str) -> AudioStoryConfig:
    """The configuration of a size.

    Raises:
        ConfigError: for a size there is none of.
    """
    from audiostory.errors import ConfigError
    from audiostory.models.audiostory import SIZES

    if size not in SIZES:
        raise ConfigError(f"no size '{size}'; there are {', '.join(SIZES)}")
    return SIZES[size]
