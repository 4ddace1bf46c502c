"""The command ``preferences``: ranked sounds of a model, for preference tuning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps.options import Debug, Device, Model
from audiostory.apps.work import mistakes_told, tell
from audiostory.models.catalogue import DEFAULT_MODEL, resolve_model

if TYPE_CHECKING:
    from audiostory.curate.preferences import Asked

DURATION_S = 5.0
"""Length of a sound whose caption comes without one."""


def preferences(  # noqa: PLR0913 - one parameter per option
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the pairs.")],
    ears: Annotated[
        str,
        typer.Option(
            help="Who ranks: clap=FOLDER, or embedded, the evaluator that is shipped (a model "
            "tuned so cannot be measured with it any more).",
            metavar="NAME[=FOLDER]",
            show_default=False,
        ),
    ],
    *,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="Captions: one a line, or JSON Lines with caption and perhaps duration_s.",
            show_default=False,
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Folder of captioned clips, whose train captions are taken."),
    ] = None,
    model: Model = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Draw so many captions by the seed.", show_default="all"),
    ] = None,
    candidates: Annotated[int, typer.Option(min=2, help="Sounds made of each caption.")] = 5,
    duration: Annotated[
        float, typer.Option(help="Seconds of a sound whose caption comes without a length.")
    ] = DURATION_S,
    seed: Annotated[int, typer.Option(help="Of the draw and of the noise.")] = 0,
    device: Device = "cpu",
    debug: Debug = False,
) -> None:
    """Make several sounds of each caption, rank them, keep best and worst; goes on if stopped."""
    with mistakes_told(debug=debug):
        from audiostory.errors import ConfigError

        if (captions is None) == (corpus is None):
            raise ConfigError("give either --captions FILE or --corpus FOLDER: what to make")
        if captions is not None:
            asked = captions_in(captions, duration)
        else:
            assert corpus is not None
            asked = captions_of(corpus, duration)
        asked = drawn(asked, count, seed)
        called = model or DEFAULT_MODEL
        resolve_model(called)

        import torch

        from audiostory.curate.preferences import (
            Candidates,
            CandidatesConfig,
            make_preferences,
            told,
        )
        from audiostory.evaluate.caption_fit import build_ranker
        from audiostory.models.pretrained import load_pretrained

        ranker = build_ranker(ears, device)
        loaded = load_pretrained(called, device=device, dtype=torch.float32)
        config = CandidatesConfig(num_candidates=candidates, seed=seed)
        made = Candidates(loaded, ranker, config)
        rankings = make_preferences(output, asked, made, called, tell)
        typer.echo(f"\n{output}: {told(rankings)}")
        typer.echo(f"ranked by {ranker.described}")
        typer.echo(
            "a model that learns from them is not to be measured with "
            f"{' nor with '.join(ranker.preferred_by)}: reports will say so (docs/training.md)"
        )


def captions_in(path: Path, duration_s: float) -> list[Asked]:
    """The captions of a file, in order.

    Raises:
        CorpusError: if it cannot be read, or a line holds no caption.
    """
    from audiostory.curate.preferences import Asked
    from audiostory.errors import CorpusError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read ({error}): give a text file") from error
    asked: list[Asked] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not line.lstrip().startswith("{"):
            asked.append(Asked(caption=line.strip(), duration_s=duration_s))
            continue
        try:
            row = json.loads(line)
            caption, seconds = row["caption"].strip(), float(row.get("duration_s", duration_s))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorpusError(
                f"{path}, line {number} is no caption ({error!r}): write the caption alone, or "
                '{"caption": "...", "duration_s": 4.0}'
            ) from error
        if not caption:
            raise CorpusError(f"{path}, line {number} has an empty caption: remove it")
        asked.append(Asked(caption=caption, duration_s=seconds))
    return asked


def captions_of(corpus: Path, duration_s: float) -> list[Asked]:
    """The captions of a corpus' train split, each once, share-alike clips left out.

    Raises:
        CorpusError: if there is none.
    """
    from audiostory.curate.preferences import Asked
    from audiostory.data.sounds import load_rows

    found = dict.fromkeys(row.caption.strip() for row in load_rows(corpus, split="train"))
    return [Asked(caption=caption, duration_s=duration_s) for caption in found]


def drawn(asked: list[Asked], count: int | None, seed: int) -> list[Asked]:
    """So many captions, drawn without repetition; all if no number is given.

    Raises:
        ConfigError: if there are fewer.
    """
    import random

    from audiostory.errors import ConfigError

    if count is None:
        return asked
    if count > len(asked):
        raise ConfigError(f"--count {count}: there are only {len(asked)} captions")
    return random.Random(seed).sample(asked, count)
