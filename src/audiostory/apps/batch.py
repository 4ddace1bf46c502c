"""The command ``batch``: many stories from a file of rows, here or on a cluster."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiostory.apps import options
from audiostory.apps.outputs import check_can_write
from audiostory.apps.work import loaded, mistakes_told, screen, with_settings
from audiostory.errors import ConfigError, OutputError, PlanError
from audiostory.models.catalogue import DEFAULT_MODEL, resolve_model

if TYPE_CHECKING:
    from audiostory.generate.batch.folder import BatchFolder, Manifest
    from audiostory.generate.batch.many import Job, Record

FAILED = 1
"""Exit code when a story failed and the others are done."""
TOGETHER = 8
"""Stories under way at once where a GPU was asked for; on a CPU one, with the bytes of generate."""
MAX_NAMED = 10
"""Failed stories beyond this are counted, not named."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the stories are made."""

    model: str
    device: str | None
    temperature: float
    ray: str | None
    actors: int | None
    together: int | None
    """Stories under way at once, wherever a model is; None takes what suits the device."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.actors is not None and self.ray is None:
            raise ConfigError("--actors works on a cluster: give --ray, or leave it out")
        if self.ray is not None and self.device not in (None, "cpu", "cuda"):
            raise ConfigError(
                f"--device is {self.device}: on a cluster Ray deals out the GPUs; give cpu or cuda"
            )

    @property
    def num_together(self) -> int:
        """Stories under way at once."""
        has_gpu = self.device is not None and self.device != "cpu"
        return self.together or (TOGETHER if has_gpu else 1)

    def records(self, jobs: list[Job], folder: BatchFolder) -> Generator[Record, None, None]:
        """A record of each job, as it is finished."""
        if self.ray is None:
            from audiostory.generate.batch.many import narrate_many

            pipeline = loaded(self.model, self.device or "cpu", temperature=self.temperature)
            return narrate_many(pipeline, jobs, folder, together=self.num_together)
        from audiostory.generate.batch.cluster import narrate_on_cluster

        return narrate_on_cluster(
            partial(loaded_by_actor, self.model, self.device, self.temperature),
            jobs,
            folder,
            address=self.ray,
            has_gpu=None if self.device is None else self.device == "cuda",
            num_actors=self.actors,
            together=self.num_together,
        )


def batch(  # noqa: PLR0913 - one parameter per option
    rows: Annotated[
        Path,
        typer.Argument(
            help='The stories, JSON Lines: {"id": ..., "instruction": ..., "duration_s": ..., '
            '"seed": ...}, or "plan": a file, instead of an instruction.',
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder of the stories; with --ray on several machines one that all share.",
        ),
    ],
    *,
    kind: Annotated[
        str, typer.Option("--format", help="Kind of the tracks: wav, flac, ogg, opus, mp3.")
    ] = "wav",
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="auto|local|ADDRESS",
            help="Share the work over a Ray cluster: the running one (auto), one started here for "
            "the purpose (local), or the one at host:port. Several machines must share DIR.",
            show_default=False,
        ),
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Models at work on the cluster.",
            show_default="one per GPU, without GPUs one per machine",
        ),
    ] = None,
    together: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stories under way at once, on each model; 1 gives the same bytes as generate.",
            show_default="1, with --device cuda 8",
        ),
    ] = None,
    model: options.Model = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Where to compute: cpu, cuda, cuda:1, mps.",
            show_default="cpu; on a cluster its GPUs, if it has any",
        ),
    ] = None,
    temperature: options.Temperature = 0.0,
    steps: options.Steps = None,
    solver: options.Solver = None,
    sigma_shift: options.SigmaShift = None,
    guidance: options.Guidance = None,
    loudness: options.Loudness = None,
    evenness: options.Evenness = None,
    join: options.JoinCurve = None,
    overlap: options.Overlap = None,
    sample_rate: options.SampleRate = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Make many stories; run again, it goes on where it stopped and tries failed ones again."""
    with mistakes_told(debug=debug):
        settings = options.given_settings(
            steps=steps,
            solver=solver,
            sigma_shift=sigma_shift,
            guidance_scale=guidance,
            loudness_lufs=loudness,
            evenness=evenness,
            join=join,
            overlap_s=overlap,
            sample_rate_hz=sample_rate,
        )
        place = Place(
            model=resolved(model or DEFAULT_MODEL, on_cluster=ray is not None),
            device=device,
            temperature=temperature,
            ray=ray,
            actors=actors,
            together=together,
        )
        jobs = checked_jobs(rows, out, f".{kind}", settings, model)
        folder = folder_for(out, f".{kind}", place, jobs)
        made(jobs, folder, place, quiet=quiet)


def loaded_by_actor(model: str, device: str | None, temperature: float) -> Any:
    """The pipeline, on the GPU that the actor has, if it has one and may use it."""
    import torch

    found = "cuda" if torch.cuda.is_available() else "cpu"
    return loaded(model, device or found, temperature=temperature)


def resolved(model: str, *, on_cluster: bool) -> str:
    """The model's name; on a cluster a folder's whole path, as actors work elsewhere.

    Raises:
        CheckpointError: if there is no such model.
    """
    folder = resolve_model(model)
    return str(folder.resolve()) if on_cluster and Path(model).is_dir() else model


def checked_jobs(
    rows: Path, out: Path, suffix: str, settings: dict[str, Any], model: str | None
) -> list[Job]:
    """The jobs in a file of rows, sounded with these settings.

    Raises:
        InstructionError: naming every row that cannot be told.
        OutputError: if there are no such tracks.
    """
    from audiostory.audio.waveform import kind_of
    from audiostory.generate.batch.job_file import read_jobs
    from audiostory.story.plan import Plan

    kind_of(Path(f"track{suffix}"), settings.get("sample_rate_hz"))

    def complete(job: Job) -> Job:
        if not isinstance(job.source, Plan):
            return replace(job, settings=options.settings_from(settings))
        plan = with_settings(job.source, settings)
        kind_of(out / f"{job.id}{suffix}", plan.settings.sample_rate_hz)
        if model is None and plan.model.name != DEFAULT_MODEL:
            raise PlanError(
                f"the plan is for the model {plan.model.name}, this batch is sounded with "
                f"{DEFAULT_MODEL}: give --model, or sound it on its own with `audiostory render`"
            )
        return replace(job, source=plan)

    return read_jobs(rows, complete)


def folder_for(out: Path, suffix: str, place: Place, jobs: list[Job]) -> BatchFolder:
    """The folder, made if it was not there, for stories of this model.

    Raises:
        OutputError: if it cannot be written, or holds files that stories would replace.
    """
    from audiostory.generate.batch.folder import BatchFolder
    from audiostory.generate.pipeline import fingerprint_of

    folder = BatchFolder(
        path=out.absolute(),
        suffix=suffix,
        fingerprint=fingerprint_of(resolve_model(place.model)),
        temperature=place.temperature,
    )
    folder.make()
    check_can_write(out / "results.jsonl", overwrite=True)
    foreign = [path.name for job in jobs if (path := folder.foreign(job)) is not None]
    if foreign:
        raise OutputError(
            f"{out} holds files that no batch made: {listed(foreign)}; move them, or choose other "
            "ids or another folder"
        )
    return folder


def made(jobs: list[Job], folder: BatchFolder, place: Place, *, quiet: bool) -> None:
    """Make what is not finished and say what came of it.

    Raises:
        typer.Exit: if a story failed.
        OutputError: if nothing more can be written.
    """
    from audiostory.generate.batch.claims import joined
    from audiostory.generate.batch.folder import Manifest
    from audiostory.generate.clip_store import content_key

    asked = content_key(jobs=[[job.id, folder.digest(job)] for job in jobs])
    with joined(folder.path / "records" / "batch.lock", asked) as has_company:
        if has_company:
            say("note: another command is at work on these stories: sharing the work with it")
        manifest = Manifest(folder, jobs)
        manifest.write()
        missing = [job for job in jobs if folder.finished(job) is None]
        if missing:
            try:
                records = place.records(missing, folder)
                follow(records, manifest, num_missing=len(missing), quiet=quiet)
            except KeyboardInterrupt:
                say(f"finished stories are kept in {folder.path}: run it again to go on")
                raise
            except OutputError as error:
                raise OutputError(
                    f"{error}\nfinished stories are kept: the same command goes on from there"
                ) from error
        failed = [record.id for record in manifest.known if record.status == "failed"]
        if not quiet:
            done = len(manifest.known) - len(failed)
            typer.echo(f"{manifest.path}: {done} of {len(jobs)} stories are done")
    if failed:
        say(
            f"{len(failed)} of {len(jobs)} failed: {listed(failed)}; why is in {manifest.path}; "
            "run it again to try them again"
        )
        raise typer.Exit(FAILED)


def follow(
    records: Generator[Record, None, None], manifest: Manifest, *, num_missing: int, quiet: bool
) -> None:
    """Note the records as they come, and say so."""
    try:
        with closing(records):  # interrupted between two, none goes on
            for number, record in enumerate(records, start=1):
                manifest.add(record)
                told(record, f"{number} of {num_missing}", quiet=quiet)
    finally:
        manifest.write()


def told(record: Record, count: str, *, quiet: bool) -> None:
    """Say what came of a story."""
    if record.status == "failed":
        say(f"{count}: {record.id} failed: {record.error}")
    elif not quiet:
        seconds = (record.planning_s or 0.0) + (record.rendering_s or 0.0)
        typer.echo(f"{count}: {record.track}: {record.duration_s:.2f} s in {seconds:.1f} s")


def say(text: str) -> None:
    """A line on standard error."""
    screen().print(text, markup=False, highlight=False, soft_wrap=True)


def listed(names: list[str]) -> str:
    """Names in a message, the first of them if they are many."""
    rest = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")
