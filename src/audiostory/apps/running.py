"""Running a stage or a whole course from the command line, and telling how it goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from audiostory.apps.progress import TrainingBar
from audiostory.apps.recipes import length
from audiostory.apps.work import screen

if TYPE_CHECKING:
    from audiostory.train.course import Course, Leg, Place
    from audiostory.train.execution import Execution
    from audiostory.train.paths import Paths
    from audiostory.train.workbench import Workbench


@dataclass(frozen=True)
class Beginning:
    """What one stage begins with, instead of what it says itself."""

    start: Path | None
    """A model folder."""
    tangoflux: Path | None
    """A folder of TangoFlux's DiT."""


def tell_memory(legs: Sequence[Leg], processes: int, *, shard: bool) -> None:
    """What each of so many processes will hold, stage by stage."""
    from audiostory.train.memory import planned

    for leg in legs:
        told = planned(leg.config, leg.stage.trainable, processes=processes, shard=shard)
        typer.echo(f"{leg.stage.name}: {told}" if len(legs) > 1 else str(told))


def ready(leg: Leg, paths: Paths, first: Beginning) -> Workbench:
    """The model of a stage, after making sure that all it needs is there."""
    from audiostory.train.readiness import check_ready
    from audiostory.train.workbench import Workbench, check_beginning

    check_ready(leg.stage, leg.config, paths, has_start=first.start is not None)
    check_beginning(leg.stage, leg.config, paths, start=first.start, tangoflux=first.tangoflux)
    return Workbench(leg.config, paths)


def run_stage(leg: Leg, paths: Paths, execution: Execution, first: Beginning) -> None:
    """Run one stage; say where its weights are, or that there is more to do."""
    weights = ready(leg, paths, first).train(
        leg.stage,
        execution=execution,
        watchers=[TrainingBar(screen())],
        start=first.start,
        tangoflux=first.tangoflux,
    )
    typer.echo(str(weights) if weights else f"{paths.runs}: stopped early; run again to go on")


def prepare_stage(leg: Leg, paths: Paths, execution: Execution, first: Beginning) -> None:
    """Make what one stage learns from; say where it is, and how many samples there are."""
    count = ready(leg, paths, first).prepare(
        leg.stage, device=execution.device, start=first.start, tangoflux=first.tangoflux
    )
    told = f"all that {leg.stage.name} learns from; {count} samples of its own"
    typer.echo(f"{paths.cache}: {told}")


def run_course(course: Course, execution: Execution) -> None:
    """Run the stages of a recipe; say which of how many, how long each took, and what is next."""
    course.check()
    began = time.monotonic()
    for place in course.run(execution=execution, watchers=lambda: [TrainingBar(screen())]):
        typer.echo(told_place(place))
        if place.state == "stopped":
            typer.echo(f"{course.paths.runs}: stopped early; run again to go on")
            return
    taken = minutes_of(time.monotonic() - began)
    typer.echo(f"{course.name}: all {len(course.legs)} stages have ended, after {taken} now")
    folder = (
        "" if course.paths.runs == Path("runs") / course.name else f" --runs {course.paths.runs}"
    )
    is_begun = any(leg.stage.initial == "foundation" for leg in course.legs)
    begun = f" --from {course.paths.foundation}" if is_begun else ""
    typer.echo(f"next: audiostory export {course.name}{begun}{folder} -o MODEL")


def told_place(place: Place) -> str:
    """A line on where a course is."""
    stage = place.leg.stage
    at = f"stage {place.number} of {place.count}: {stage.name}"
    return {
        "had ended": f"{at} had ended before",
        "begins": f"{at} begins, {length(stage)}",
        "ended": f"{at} ended after {minutes_of(place.seconds)}",
        "stopped": f"{at} stopped after {minutes_of(place.seconds)}",
    }[place.state]


def minutes_of(seconds: float) -> str:
    """A time in a message."""
    return f"{seconds / 60:.1f} min"
