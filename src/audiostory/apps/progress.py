"""Progress events as bars and lines on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from audiostory.generate.narration import Progress as Step
    from audiostory.story.plan import Plan
    from audiostory.train.trainer import Trainer


def show(steps: Iterable[Step], console: Console) -> Step:
    """Draw the steps as they come; the last of them."""
    from audiostory.generate.narration import ClipReady, PassagePlanned, StorylineReady

    columns = (TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.fields[at]}"))
    last: Step | None = None
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        bar = bars.add_task("starting", total=None, at="")
        for step in steps:
            last = step
            match step:
                case PassagePlanned(until_s=until_s, total_s=total_s):
                    at = f"{until_s:g} of {total_s:g} s"
                    bars.update(
                        bar, description="planning", total=total_s, completed=until_s, at=at
                    )
                case StorylineReady(plan):
                    tell(plan, console)
                    bars.update(bar, description="clips", total=len(plan.clips), completed=0, at="")
                case ClipReady(index=index, total=total):
                    at = f"{index + 1} of {total}"
                    bars.update(bar, description="clips", total=total, completed=index + 1, at=at)
    assert last is not None
    return last


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


class TrainingBar:
    """A training run's steps as a bar; nothing where the console is no terminal."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self.bars = Progress(
            *columns,
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[total_loss]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.bar = self.bars.add_task("", total=None, total_loss="")

    def stepped(self, trainer: Trainer) -> None:
        """Move on."""
        stage = trainer.stage
        self.bars.start()
        self.bars.update(
            self.bar, description=stage.name, total=stage.steps, completed=trainer.step
        )

    def logged(self, row: Mapping[str, float]) -> None:
        """Tell the weighted loss."""
        self.bars.update(self.bar, total_loss=f"loss {row['total']:.4g}")

    def finished(self, trainer: Trainer) -> None:
        """Take the bar away."""
        self.bars.stop()
