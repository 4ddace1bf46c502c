"""All schedules on one subject, in one process, turn by turn; and how far from the limit."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from audiostory.evaluate.speed.limits import (
    arithmetic,
    bandwidth,
    best_time,
    bytes_per_token,
    operations,
)
from audiostory.evaluate.speed.schedules import SCHEDULES, Told
from audiostory.evaluate.speed.subject import Subject
from audiostory.generate.released.sound import ReleasedSettings
from audiostory.generate.sounding import settings_of

REFERENCE, EXACT, OURS = SCHEDULES


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One schedule, medians over its turns."""

    schedule: str
    total_s: float
    first_clip_s: float
    planning_s: float
    rendering_s: float
    tokens_per_s: float | None
    """Tokens of the story over the time of planning; None where clips were sounded meanwhile."""
    clip_s_per_s: float | None
    """Seconds of clips over the time of rendering; None where that began before."""
    peak_bytes: int | None
    speedup: float
    """How many times faster than the release's schedule: the median of the turns' ratios."""
    memory_share: float | None
    """Peak memory over that of the release's schedule."""
    latents_error: float | None
    """Largest difference of any latent from the release's schedule, over its largest latent."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How near to what the hardware can do at most, measured on the spot."""

    bandwidth_gb_s: float
    bytes_per_token: int
    decode_limit: float
    """Tokens per second if reading the weights were all there is to do."""
    decode_share: float
    """Tokens per second of one text, step by step, over that limit."""
    teraflops: float
    """Of a large matrix product, in 10^12 operations per second."""
    dit_limit: float
    """Clip-seconds per second if arithmetic were all there is to do."""
    dit_share: float | None
    """Clip-seconds per second of ours over that limit; None where planning went on meanwhile."""


@dataclass(frozen=True, kw_only=True)
class BenchReport:
    """What ``audiostory bench`` prints."""

    subject: str
    hardware: str
    story: str
    turns: int
    timings: tuple[Timing, ...]
    limits: Limits


def run_bench(
    subject: Subject, *, turns: int = 1, tell: Callable[[str], None] = lambda _: None
) -> BenchReport:
    """Time every schedule in turn, as often as asked.

    Args:
        subject: model and story.
        turns: how often each schedule is run; their order is reversed every other time.
        tell: is told what is being done.
    """
    settings = ReleasedSettings()
    _ = subject.vocabulary  # part of loading
    tell("warming up")
    for schedule in SCHEDULES.values():
        schedule(subject.shortened(), replace(settings, steps=1))
    told: dict[str, list[Told]] = {name: [] for name in SCHEDULES}
    for turn in range(turns):
        for name in list(SCHEDULES)[:: 1 if turn % 2 == 0 else -1]:
            tell(f"turn {turn + 1} of {turns}: {name}")
            told[name].append(SCHEDULES[name](subject, settings))
    tell("what the hardware can do")
    timings = tuple(timing_of(name, runs, told[REFERENCE]) for name, runs in told.items())
    config = subject.model.config
    return BenchReport(
        subject=f"{config.name}, weights {subject.weights}, {dtype_of(subject)}",
        hardware=hardware(subject.model.device),
        story=f"{subject.plan.duration_s:g} s, {len(subject.plan.clips)} clips",
        turns=turns,
        timings=timings,
        limits=limits_of(subject, timings[-1], told[OURS]),
    )


def timing_of(name: str, runs: Sequence[Told], reference: Sequence[Told]) -> Timing:
    """Medians of one schedule's runs, and how they compare with those of the reference."""
    peaks = [run.watch.peak_bytes for run in runs]
    most = max((peak for peak in peaks if peak is not None), default=None)
    other = max((run.watch.peak_bytes or 0 for run in reference), default=0)
    planning_s = median(run.watch.planned_s for run in runs)
    rendering_s = median(run.watch.total_s - run.watch.planned_s for run in runs)
    return Timing(
        schedule=name,
        total_s=median(run.watch.total_s for run in runs),
        first_clip_s=median(run.watch.first_clip_s for run in runs),
        planning_s=planning_s,
        rendering_s=rendering_s,
        tokens_per_s=None if runs[0].overlaps else runs[0].num_tokens / planning_s,
        clip_s_per_s=None if runs[0].overlaps else runs[0].clip_s / rendering_s,
        peak_bytes=most,
        speedup=median(
            other.watch.total_s / run.watch.total_s
            for run, other in zip(runs, reference, strict=True)
        ),
        memory_share=most / other if most and other else None,
        latents_error=latents_error(runs[0], reference[0]),
    )


def latents_error(run: Told, reference: Told) -> float | None:
    """Largest difference of latents, relative; None where they are not meant to be the same."""
    if run.latents_BTC is None or reference.latents_BTC is None or run is reference:
        return None
    difference = (run.latents_BTC.float() - reference.latents_BTC.float()).abs().max()
    return float(difference / reference.latents_BTC.float().abs().max())


@torch.no_grad()
def limits_of(subject: Subject, ours: Timing, runs: Sequence[Told]) -> Limits:
    """How near our schedule comes to what the hardware can do."""
    model, weight = subject.model, next(subject.model.parameters())
    num_bytes = bytes_per_token(model.llm)
    speed = bandwidth(num_bytes, weight)
    steps = settings_of(subject.plan, model)
    longest_s = max(clip.duration_s for clip in subject.plan.clips)
    patch = model.dit.config.patch_frames
    num_frames = max(patch, model.codec.num_frames(longest_s) // patch * patch)
    num_frames = min(num_frames, model.dit.config.max_frames)
    per_step = operations(model, num_frames, model.bridge.null_condition.shape[1])
    branches = 1 if steps.guidance_scale == 1 else 2
    per_clip_s = per_step * branches * steps.steps / longest_s
    rate = arithmetic(weight)
    return Limits(
        bandwidth_gb_s=speed / 1e9,
        bytes_per_token=num_bytes,
        decode_limit=speed / num_bytes,
        decode_share=single_steps_per_s(subject) * num_bytes / speed,
        teraflops=rate / 1e12,
        dit_limit=rate / per_clip_s,
        dit_share=None if ours.clip_s_per_s is None else ours.clip_s_per_s * per_clip_s / rate,
    )


@torch.no_grad()
def single_steps_per_s(subject: Subject, *, num_steps: int = 64) -> float:
    """Tokens per second of one text, each scored, after a prompt of some hundred tokens."""
    llm, memory = subject.model.llm, subject.model.llm.new_memory()
    memory.read([[1] * 256])

    def steps() -> None:
        memory.forget(0, 256)
        for _ in range(num_steps):
            int(llm.logits(memory.read([[1]])[0, -1]).argmax())

    return num_steps / best_time(steps, subject.model.device, repeats=3)


def median(values: Iterator[float]) -> float:
    """The middle one."""
    return float(statistics.median(values))


def dtype_of(subject: Subject) -> str:
    """The type of the model's weights."""
    return str(next(subject.model.parameters()).dtype).removeprefix("torch.")


def hardware(device: torch.device) -> str:
    """What is computed on, in words."""
    if device.type == "cuda":
        return f"one {torch.cuda.get_device_name(device)}"
    return f"{torch.get_num_threads()} threads of a CPU"
