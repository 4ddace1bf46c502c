"""Commands of those who train: ``compose``, ``train``, ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.logging import RichHandler

from audiostory.apps.options import Debug, Device
from audiostory.apps.running import Beginning, prepare_stage, run_course, run_stage, tell_memory
from audiostory.apps.work import mistakes_told, screen
from audiostory.models.catalogue import resolve_model

if TYPE_CHECKING:
    from audiostory.models.audiostory import AudioStoryConfig
    from audiostory.train.stages import Recipe

RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--runs",
        help="Folder of the model's runs, with their checkpoints; runs/RECIPE if not given.",
        show_default=False,
    ),
]
StageName = Annotated[
    str,
    typer.Argument(
        help="A stage, as in 'audiostory recipes', or a recipe: all its stages in their order.",
        show_default=False,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="Size of the model: nano, nano-hearing, miniature, 3b; that of the model it begins "
        "with, or the stage's, if not given.",
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
    """Run a stage of a training recipe, or all of them, or go on where the last one stopped."""
    with mistakes_told(debug=debug):
        import logging

        from audiostory.data.understanding.catalogue import named_list
        from audiostory.errors import ConfigError
        from audiostory.train.course import Course, Leg
        from audiostory.train.execution import Execution
        from audiostory.train.paths import Paths
        from audiostory.train.recipes.catalogue import recipe_of, stages_in

        handler = RichHandler(logging.INFO, screen(), show_level=False, show_path=False)
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
        stages = stages_in(name, steps=steps, batch_size=batch_size)
        recipe, begun = recipe_of(name), None if start is None else resolve_model(start)
        if begun is not None and stages[0].initial == "foundation" and is_foundation(begun):
            begun, foundation = None, begun
        options = {"--from": begun, "--tangoflux": tangoflux, "--prepare": prepare}
        if name == recipe.name and (given := [key for key, value in options.items() if value]):
            raise ConfigError(
                f"{', '.join(given)} {'are' if len(given) > 1 else 'is'} for one stage, and "
                f"'{name}' is a recipe of {len(stages)}: give a stage's name"
            )
        legs = [
            Leg(stage=stage, config=config_for([stage.name], size, begun or foundation))
            for stage in stages
        ]
        if estimate is not None:
            tell_memory(legs, estimate, shard=shard)
            return
        paths = Paths(
            runs=runs or runs_of(recipe),
            corpus=corpus,
            stories=stories,
            teacher=teacher,
            texts=texts,
            foundation=foundation,
            pairs=pairs,
            questions=tuple(map(named_list, questions or [])),
        )
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
        if name == recipe.name:
            run_course(Course(name, legs, paths), execution)
        else:
            leg, first = legs[0], Beginning(begun, tangoflux)
            (prepare_stage if prepare else run_stage)(leg, paths, execution, first)


def export(
    stage_names: Annotated[
        list[str],
        typer.Argument(help="A recipe, or stages of one, later over earlier ones."),
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
        from audiostory.train.recipes.catalogue import exported, recipe_of
        from audiostory.train.workbench import Workbench

        dtype, recipe = torch.float16 if half else torch.float32, recipe_of(stage_names[0])
        stages = exported(stage_names)
        begun = None if start is None else resolve_model(start)
        config = config_for(stages, size, begun)
        bench = Workbench(config, Paths(runs=runs or runs_of(recipe)))
        bench.export(output, stages=stages, dtype=dtype, start=begun)
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
        ConfigError: for a size there is none of, or that the model does not have.
    """
    from audiostory.errors import ConfigError
    from audiostory.models.model_folder import read_config
    from audiostory.train.recipes.catalogue import size_of

    meant = config_of(size or size_of(*stage_names))
    if begun is None:
        return meant
    own = replace(read_config(begun), preferred_by=())  # what it remembers is no size
    if own == meant or replace(meant, name=own.name, audio_encoder=None) == own:
        return meant
    if size is not None:
        raise ConfigError(
            f"{begun} holds a '{own.name}' of other sizes than '{size}': leave --size out"
        )
    return own


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
