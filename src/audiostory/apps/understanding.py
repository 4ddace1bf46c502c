"""The command ``audiostory evaluate understanding``: what a system says of recordings (Table 2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps.options import Debug
from audiostory.apps.work import mistakes_told
from audiostory.errors import MeasureError

if TYPE_CHECKING:
    from audiostory.evaluate.understanding.predictions import Asked
    from audiostory.evaluate.understanding.run import Understanding


def understanding(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="What a system said, JSON Lines: a head with task (captions, answers), set, "
            "version and system, then one id and text a line.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    corpus: Annotated[
        Path, typer.Option(help="Folder of the set: its lists and sounds.", metavar="DIR")
    ],
    *,
    protocol: Annotated[
        str,
        typer.Option(help="When an answer is right: majority, any, unanimous or each annotator."),
    ] = "majority",
    max_missing: Annotated[
        int, typer.Option(min=0, help="Recordings of the list that may be missing.")
    ] = 0,
    debug: Debug = False,
) -> None:
    """Score captions (CIDEr, METEOR, SPICE, SPIDEr) or answers (accuracy) of a system."""
    with mistakes_told(debug=debug):
        typer.echo(markdown(measured(predictions, corpus, protocol, max_missing)))


def measured(predictions: Path, corpus: Path, protocol: str, max_missing: int) -> Understanding:
    """The numbers of a file of predictions.

    Raises:
        OutputError: if the file is damaged.
        CorpusError: if the set cannot be read.
        MeasureError: if predictions and set do not fit together.
        ConfigError: if there is no such protocol.
    """
    from typing import cast, get_args

    from audiostory.data.sets.catalogue import load_set
    from audiostory.data.sets.clotho_aqa import load_clotho_aqa
    from audiostory.errors import ConfigError
    from audiostory.evaluate.understanding.answers import Protocol
    from audiostory.evaluate.understanding.jars import find_java
    from audiostory.evaluate.understanding.predictions import read_predictions
    from audiostory.evaluate.understanding.run import measure_answers, measure_captions

    asked, said = read_predictions(predictions)
    if asked.task == "captions":
        items = load_set(asked.set, corpus, max_missing=max_missing)
        check_version(asked, items.version)
        return measure_captions(said, items, system=asked.system, java=find_java())
    if protocol not in get_args(Protocol):
        raise ConfigError(
            f"there is no protocol {protocol!r}: choose from {', '.join(get_args(Protocol))}"
        )
    questions = load_clotho_aqa(corpus, max_missing=max_missing)
    check_version(asked, questions.version)
    chosen = cast("Protocol", protocol)
    return measure_answers(said, questions, system=asked.system, protocol=chosen)


def check_version(asked: Asked, version: str) -> None:
    """Nothing, if predictions answer the set as it is read.

    Raises:
        MeasureError: if they answer another version: other recordings, or another choice of them.
    """
    if asked.version != version:
        raise MeasureError(
            f"these are predictions for {asked.set} {asked.version}, the folder holds {version}: "
            "predict anew, or name the folder that was predicted from"
        )


def markdown(found: Understanding) -> str:
    """The numbers as Markdown, what is missing among them."""
    asked = found.asked
    lines = [
        f"# {asked.system} on {asked.set} {asked.version}: {asked.task}",
        "",
        "| number | value | 95 % interval | recordings | what it is |",
        "|---|---|---|---|---|",
    ]
    for one in found.measured:
        column, value = one.score.column, one.score.value
        told = "–" if value is None else f"{value:.{column.decimals}f}"
        around = one.interval
        spread = "–" if around is None else f"{around.low:.2f} to {around.high:.2f}"
        detail = one.score.missing or column.detail
        lines.append(f"| {column.title} | {told} | {spread} | {one.score.num_units} | {detail} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in found.notes)]) + "\n"
