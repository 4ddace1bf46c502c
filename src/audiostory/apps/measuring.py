"""Commands of those who measure: ``audiostory evaluate reserve``, ``solvers`` and more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps import benchmarking, studying, understanding
from audiostory.apps.options import Debug, Device, Model
from audiostory.apps.work import loaded, mistakes_told, tell
from audiostory.models.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from audiostory.audio.waveform import Waveform

app = typer.Typer(help="Measure a model.", no_args_is_help=True)
Corpus = Annotated[Path, typer.Option(help="Folder of captioned clips.")]
Report = Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")]
CLIP_S = 5.0
"""Length of the sounds asked for when recognisability is measured."""


@app.command()
def reserve(
    output: Report,
    *,
    model: Model = None,
    instructions: Annotated[
        Path | None,
        typer.Option(
            help="Instructions of your own, JSON Lines like assets/reserve_instructions.jsonl.",
            show_default="the 200 held in reserve",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first instruction's story.")] = 0,
    debug: Debug = False,
) -> None:
    """Plan the 200 instructions held in reserve and check each plan."""
    with mistakes_told(debug=debug):
        from audiostory.evaluate.reserve import reserve_rows, run_reserve

        rows = reserve_rows(instructions)

        pipeline = loaded(model or DEFAULT_MODEL, "cpu")
        report = run_reserve(
            lambda instruction, seed: pipeline.plan(instruction, seed=seed),
            output,
            rows=rows,
            seed=seed,
            progress=tell,
        )
        typer.echo(report.to_markdown())


@app.command()
def recognisability(
    corpus: Corpus,
    output: Report,
    *,
    model: Model = None,
    groups: Annotated[
        list[str] | None,
        typer.Option(
            "--group", help="A kind of sound; may be given several times.", show_default="36 kinds"
        ),
    ] = None,
    evaluator: Annotated[
        Path | None,
        typer.Option(
            help="Folder of another embedded evaluator.", metavar="DIR", show_default="shipped"
        ),
    ] = None,
    per_group: Annotated[int, typer.Option(min=1, help="Captions per kind of sound.")] = 8,
    debug: Debug = False,
) -> None:
    """Sound captions of 36 kinds through the whole path and see what they are heard as."""
    with mistakes_told(debug=debug):
        import torch

        from audiostory.audio.waveform import Waveform, resample
        from audiostory.evaluate.embedded.evaluator import load_evaluator
        from audiostory.evaluate.kinds import EVERY
        from audiostory.evaluate.recognisability import Ears, run_recognisability
        from audiostory.story.types import Instruction

        pipeline = loaded(model or DEFAULT_MODEL, "cpu")
        codec = pipeline.model.codec

        def render(caption: str, seed: int) -> Waveform:
            return pipeline.generate(
                Instruction(text=caption, duration_s=CLIP_S), seed=seed
            ).waveform

        @torch.no_grad()
        def reconstruct(waveform: Waveform) -> Waveform:
            heard = resample(waveform, codec.sample_rate_hz)
            decoded = codec.decode(codec.encode(torch.from_numpy(heard.samples)[None]))
            samples = decoded[0, :, : heard.num_samples].numpy()
            return Waveform(samples, codec.sample_rate_hz)

        report = run_recognisability(
            Ears(load_evaluator(evaluator), groups or EVERY),
            corpus,
            render,
            output,
            reconstruct=reconstruct,
            per_group=per_group,
            preferred_by=pipeline.model.config.preferred_by,
            progress=tell,
        )
        typer.echo(report.to_markdown())


@app.command()
def solvers(
    output: Report,
    *,
    model: Model = None,
    device: Device = "cpu",
    clips: Annotated[int, typer.Option(min=1, help="Clips of 5 s that are sampled.")] = 24,
    debug: Debug = False,
) -> None:
    """Sample the same clips in many ways: how far from 50 Euler steps, and in what time."""
    with mistakes_told(debug=debug):
        from audiostory.evaluate.solver_distance import measure_solvers

        pipeline = loaded(model or DEFAULT_MODEL, device)
        report = measure_solvers(pipeline, output, num_clips=clips, progress=tell)
        typer.echo(report.to_markdown())


@app.command("train-evaluator")
def train_evaluator(
    corpus: Corpus,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the evaluator.")],
    *,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a text encoder that words are learnt from: all-MiniLM-L6-v2.",
            metavar="DIR",
            show_default="words as the shipped evaluator has them",
        ),
    ] = None,
    texts: Annotated[
        list[Path] | None,
        typer.Option(
            help="Captions that words are learnt from, JSON Lines with a field caption; may be "
            "given several times.",
            show_default="the corpus' own",
        ),
    ] = None,
    stories: Annotated[
        int | None,
        typer.Option(
            min=0, help="Composed stories whose texts are learnt from, too.", show_default="12000"
        ),
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="Folder of the run; it goes on where it stopped.")
    ] = Path("runs/evaluator"),
    version: Annotated[str, typer.Option(help="Name in every header of its numbers.")] = "own",
    debug: Debug = False,
) -> None:
    """Learn the embedded evaluator anew: some 40 minutes on two CPU cores, words an hour more."""
    with mistakes_told(debug=debug):
        from audiostory.data.sounds import load_rows
        from audiostory.errors import ConfigError
        from audiostory.evaluate.embedded import training, words_training
        from audiostory.evaluate.embedded.evaluator import load_evaluator

        if teacher is None:
            if texts or stories is not None:
                raise ConfigError(
                    "--texts and --stories are for learning words anew: name a --teacher as well"
                )
            words = load_evaluator().network.words
        else:
            captions = [row.caption for row in load_rows(corpus, split="train")]
            said = [
                *captions_in(texts or []),
                *composed_texts(12_000 if stories is None else stories),
                *captions,
            ]
            words = words_training.learnt_words(teacher, said, runs, words_training.WordTraining())
        made = training.train_evaluator(
            corpus, words, runs, output, training.EvaluatorTraining(version=version), tell
        )
        typer.echo(json.dumps(dict(made.report), indent=1))


def captions_in(paths: list[Path]) -> list[str]:
    """Sentences of the captions of JSON Lines files.

    Raises:
        CorpusError: naming the line, if a file cannot be read or has no captions.
    """
    from audiostory.data.manifest import read_objects
    from audiostory.errors import CorpusError

    found: list[str] = []
    for path in paths:
        for number, entry in read_objects(path):
            caption = entry.get("caption")
            if not isinstance(caption, str):
                raise CorpusError(f"{path}:{number}: no field caption with a text")
            found += [one.strip() for one in caption.split(". ") if one.strip()]
    return found


def composed_texts(count: int) -> list[str]:
    """Instructions, sounds and captions of stories composed in words."""
    from random import Random

    from audiostory.curate.compose import compose

    rows = (compose(Random(seed)) for seed in range(count))
    return [
        text
        for row in rows
        for text in (row.instruction, *row.captions, *(event.sounds for event in row.events))
    ]


for command in (benchmarking.run, benchmarking.report, studying.study, studying.study_score):
    app.command()(command)
for command in (understanding.understand, understanding.understanding):
    app.command()(command)
