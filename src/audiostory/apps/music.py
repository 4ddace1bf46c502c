"""The command ``compose-music``: a corpus of orchestral phrases, played on a soundfont."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from audiostory.apps.options import Debug
from audiostory.apps.work import mistakes_told, tell
from audiostory.curate.orchestra.soundfont import DEFAULT_SOUNDFONT, soundfont_at


def compose_music(
    output: Annotated[Path, typer.Option("--output", "-o", help="The corpus' folder.")],
    *,
    count: Annotated[int, typer.Option(min=1, help="How many clips; two of every score.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same clips.")] = 0,
    soundfont: Annotated[
        Path, typer.Option(help="General MIDI sounds (sf2, sf3); Debian's fluid-soundfont-gm.")
    ] = DEFAULT_SOUNDFONT,
    license: Annotated[
        str, typer.Option(help="Licence of the clips, with a soundfont that we do not know.")
    ] = "",
    attribution: Annotated[
        str, typer.Option(help="Whom to name, with a soundfont that we do not know.")
    ] = "",
    debug: Debug = False,
) -> None:
    """Compose and play captioned orchestral phrases, or go on with them where it stopped."""
    with mistakes_told(debug=debug):
        from audiostory.curate.orchestra import folder
        from audiostory.curate.orchestra.render import SoundfontRenderer

        known = soundfont_at(soundfont, license=license, attribution=attribution)
        renderer = SoundfontRenderer(soundfont)
        rows = folder.compose_music(
            output, count, seed, soundfont=known, renderer=renderer, progress=tell
        )
        splits = Counter(row.split for row in rows)
        told = ", ".join(f"{splits[name]} {name}" for name in ("train", "val", "test"))
        minutes = sum(row.seconds for row in rows) / 60
        typer.echo(f"\n{output}: {len(rows)} clips, {minutes:.1f} min ({told})")
