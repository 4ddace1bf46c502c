"""What the commands have in common: loading, resuming, finishing, and telling mistakes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from audiostory.apps.options import WeightType, instruction_words
from audiostory.apps.outputs import TrackFiles, check_can_write
from audiostory.errors import AudioStoryError, ConfigError, OutputError, PlanError
from audiostory.models.catalogue import resolve_model

if TYPE_CHECKING:
    from audiostory.generate.clip_store import FolderStore
    from audiostory.generate.narration import Progress
    from audiostory.generate.pipeline import AudioStoryPipeline
    from audiostory.generate.released.pipeline import ReleasedPipeline
    from audiostory.story.plan import Plan
    from audiostory.story.types import Instruction

MISTAKE = 2
"""Exit code when the person can mend it."""
INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def screen(*, quiet: bool = False) -> Console:
    """Where progress and mistakes are shown: standard error."""
    return Console(stderr=True, quiet=quiet)


def tell(what: str, share: float) -> None:
    """Show on standard error how far a run is."""
    screen().print(f"\r{what} {share:4.0%}", end="", highlight=False)


@contextmanager
def mistakes_told(*, debug: bool, files: TrackFiles | None = None) -> Iterator[None]:
    """Turn our errors, and Ctrl-C, into a line or two and an exit code.

    Args:
        debug: let errors through with their traceback.
        files: the track that is being made; what is finished of it is kept.
    """
    try:
        yield
    except AudioStoryError as error:
        if debug:
            raise
        text = f"error: {error}".encode(errors="replace").decode()
        screen().print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(MISTAKE) from None
    except typer.Exit:  # a RuntimeError by descent, and no trouble of a device
        raise
    except (RuntimeError, MemoryError) as error:
        reason = device_trouble(error)
        if debug or reason is None:
            raise
        if files is not None and files.clips.is_dir():
            reason += f"; finished clips are kept in {files.clips}: --resume goes on from there"
        screen().print(f"error: {reason}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(MISTAKE) from None
    except KeyboardInterrupt:
        text = "stopped"
        if files is not None and files.clips.is_dir():
            text += f": finished clips are kept in {files.clips}; --resume goes on from there"
        screen().print(text, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def device_trouble(error: Exception) -> str | None:
    """What is wrong with the machine that computes, and the way out; None for other errors."""
    import torch

    first_line = str(error).partition("\n")[0]
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return (
            f"memory does not suffice ({first_line}): free some, take a smaller model, "
            "--weights bfloat16 or int8, or another --device"
        )
    if isinstance(error, torch.AcceleratorError) or "CUDA error" in first_line:
        return f"the device failed ({first_line}): look after it, or compute on another --device"
    return None


def instruction_of(text: str, duration_s: float | None, seed: int) -> Instruction:
    """What is asked for, checked before anything heavy is loaded."""
    from audiostory.story.plan import MAX_SEED
    from audiostory.story.types import Instruction

    if not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"--seed is {seed}: give a whole number from 0 to {MAX_SEED}")
    return Instruction(text=instruction_words(text).strip(), duration_s=duration_s)


def check_track(
    files: TrackFiles, sample_rate_hz: int | None, *, overwrite: bool, picture: bool
) -> None:
    """Nothing, if the track and its picture can be written.

    Raises:
        OutputError: if they cannot, or the track's suffix names no kind of sound or none that
            takes the rate asked for.
    """
    from audiostory.audio.waveform import kind_of

    kind_of(files.track, sample_rate_hz)
    check_can_write(files.track, overwrite=overwrite)
    if picture:
        check_can_write(files.picture, overwrite=overwrite)


def check_new_plan(path: Path, *, overwrite: bool) -> None:
    """Nothing, if a plan can be written beside the track.

    Raises:
        OutputError: if it cannot, or is there already: perhaps from a command that was stopped.
    """
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} exists: go on with it (--resume), begin again (--overwrite), or choose "
            "another name"
        )
    check_can_write(path, overwrite=overwrite)


def loaded(
    name_or_dir: str,
    device: str,
    *,
    weights: WeightType | None = None,
    temperature: float = 0.0,
) -> AudioStoryPipeline:
    """A pipeline with that model; a wrong name is told before torch is loaded."""
    resolve_model(name_or_dir)

    from audiostory.generate.pipeline import AudioStoryPipeline
    from audiostory.generate.reasoner import ReasonerConfig
    from audiostory.generate.transcript import Sampling

    reasoner = ReasonerConfig(sampling=Sampling(temperature=temperature))
    return AudioStoryPipeline.from_pretrained(
        name_or_dir, device=device, reasoner=reasoner, **types_of(weights)
    )


def types_of(weights: WeightType | None) -> dict[str, Any]:
    """What a type of weights means to those who load a model: ``dtype`` or ``quantize``."""
    import torch

    if weights is None:
        return {}
    if weights in (WeightType.INT8, WeightType.INT4):
        return {"quantize": weights.value}
    return {"dtype": getattr(torch, weights)}


RELEASE_NAMES = {
    "steps": "steps",
    "guidance_scale": "guidance_scale",
    "sample_rate_hz": "target_rate_hz",
}
"""How the released way calls the settings that it shares with plans."""


def loaded_release(
    name_or_dir: str, device: str, given: dict[str, Any], *, weights: WeightType | None = None
) -> ReleasedPipeline:
    """The released way with that model; a wrong name is told before torch is loaded.

    Raises:
        ConfigError: if a given setting cannot be.
    """
    resolve_model(name_or_dir)

    from audiostory.generate.released.pipeline import ReleasedPipeline
    from audiostory.generate.released.sound import ReleasedSettings

    settings = ReleasedSettings(**{RELEASE_NAMES[name]: given[name] for name in given})
    return ReleasedPipeline.from_pretrained(
        name_or_dir, device=device, settings=settings, **types_of(weights)
    )


def check_float_track(path: Path) -> None:
    """Nothing, if the file can hold samples as they come, however large.

    Raises:
        OutputError: if it cannot.
    """
    if path.suffix.lower() != ".wav":
        raise OutputError(
            f"{path}: --profile release writes samples as they are, unbounded: name a .wav file"
        )


def store_for(files: TrackFiles, *also: Path) -> FolderStore:
    """The finished clips of a track, those of other folders among them."""
    from audiostory.generate.clip_store import FolderStore

    return FolderStore(files.clips, also=also)


def with_settings(plan: Plan, given: dict[str, Any]) -> Plan:
    """The plan, sounded in the ways that were given instead of its own.

    A loudness that is asked for is measured anew, and so is that of clips evened in another way.
    """
    if given.keys() & {"loudness_lufs", "evenness"}:
        given = given | {"level": None}
    return plan.model_copy(update={"settings": plan.settings.model_copy(update=given)})


def resumed(
    path: Path, instruction: Instruction, seed: int, model: str, given: dict[str, Any]
) -> Plan:
    """The plan that an interrupted command left.

    Raises:
        PlanError: if another story was asked for then.
    """
    from audiostory.story.plan_file import load_plan

    plan = load_plan(path)
    wanted: dict[str, object] = {
        "instruction": instruction.text,
        "duration": instruction.duration_s,
        "seed": seed,
        "model": model,
    }
    there: dict[str, object] = {
        "instruction": plan.instruction.text,
        "duration": plan.instruction.duration_s,
        "seed": plan.seed,
        "model": plan.model.name,
    }
    wanted |= given
    there |= {name: getattr(plan.settings, name) for name in given}
    for name, value in wanted.items():
        if there[name] != value:
            raise PlanError(
                f"{path} was made with another {name}: {short(there[name])}, not {short(value)}; "
                "use the same command, or begin again with --overwrite and without --resume"
            )
    return plan


def short(value: object) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def until_planned(steps: Iterator[Progress]) -> Iterator[Progress]:
    """The steps up to the finished plan; no clip is made."""
    from audiostory.generate.narration import StorylineReady

    for step in steps:
        yield step
        if isinstance(step, StorylineReady):
            return


def with_plan_saved(
    steps: Iterator[Progress], path: Path, *, overwrite: bool
) -> Iterator[Progress]:
    """The same steps; the plan is on disk as soon as it is made, and at the end with its gain."""
    from audiostory.generate.narration import NarrationReady, StorylineReady
    from audiostory.story.plan_file import load_plan, save_plan

    def is_edited(told: Plan) -> bool:
        """Whether somebody has changed the file since; what they wrote is theirs."""
        try:
            there = load_plan(path)
        except PlanError:
            return True
        return with_settings(there, {"level": None}) != with_settings(told, {"level": None})

    for step in steps:
        if isinstance(step, StorylineReady):
            save_plan(step.plan, path, overwrite=overwrite)
        if isinstance(step, NarrationReady):
            if is_edited(step.narration.plan):
                text = f"note: {path} was edited meanwhile: left as it is, without the track's gain"
                screen().print(text, markup=False, highlight=False, soft_wrap=True)
            else:
                save_plan(step.narration.plan, path, overwrite=True)
        yield step


def finish(
    steps: Iterator[Progress],
    files: TrackFiles,
    *,
    picture: bool,
    overwrite: bool,
    quiet: bool,
    subtype: str | None = None,
) -> None:
    """Follow the steps to the end, write the track and say what came of it.

    Args:
        steps: from an instruction or a plan to a narration.
        files: where the track and its picture go.
        picture: whether to draw it.
        overwrite: whether both may be replaced.
        quiet: say nothing.
        subtype: encoding of the track; None is the usual one of its kind.
    """
    from audiostory.apps.progress import show
    from audiostory.audio.waveform import save
    from audiostory.generate.narration import NarrationReady

    began = time.perf_counter()
    last = show(steps, screen(quiet=quiet))
    assert isinstance(last, NarrationReady)
    narration = last.narration
    save(narration.waveform, files.track, overwrite=overwrite, subtype=subtype)
    if picture:
        from audiostory.audio.picture import draw_story

        draw_story(narration.waveform, narration.plan, files.picture, overwrite=overwrite)
    if not quiet:
        waveform = narration.waveform
        typer.echo(
            f"{files.track}: {waveform.duration_s:.2f} s at {waveform.sample_rate_hz} Hz, "
            f"{len(narration.plan.clips)} clips, made in {time.perf_counter() - began:.1f} s"
        )
        typer.echo(f"loudness: {narration.loudness.summary}")
        if picture:
            typer.echo(f"picture: {files.picture}")
