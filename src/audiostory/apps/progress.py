"""Progress events as bars and lines on the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from audiostory.generate.narration import Narration
    from audiostory.generate.narration import Progress as Step
    from audiostory.story.plan import Plan


def show(steps: Iterable[Step], console: Console) -> Narration:
    """Draw the steps as they come; the narration that the last of them holds."""
    from audiostory.generate.narration import (
        ClipReady,
        NarrationReady,
        PassagePlanned,
        StorylineReady,
    )

    columns = (TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.fields[at]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        planning = bars.add_task("planning", total=None, at="", visible=False)
        clips = bars.add_task("clips", total=None, at="", visible=False)
        for step in steps:
            match step:
                case PassagePlanned():
                    at = f"{step.until_s:g} of {step.total_s:g} s"
                    bars.update(
                        planning, total=step.total_s, completed=step.until_s, at=at, visible=True
                    )
                case StorylineReady(plan):
                    bars.update(planning, visible=False)
                    tell(plan, console)
                case ClipReady():
                    at = f"{step.index + 1} of {step.total}"
                    bars.update(
                        clips, total=step.total, completed=step.index + 1, at=at, visible=True
                    )
                case NarrationReady(narration):
                    return narration
    raise AssertionError("the stream ended without a narration")


def tell(plan: Plan, console: Console) -> None:
    """The plan's clips as a table, and its notes."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="cyan", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for clip in plan.clips:
        layer = "" if clip.layer == "main" else escape(clip.layer)
        table.add_row(f"{clip.start_s:.1f}-{clip.end_s:.1f} s", layer, escape(clip.caption))
    console.print(table)
    for note in plan.provenance.notes:
        console.print(f"note: {note}", style="yellow", markup=False, highlight=False)
