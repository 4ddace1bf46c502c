"""How far cheaper ways of sampling come out from many Euler steps, and what they cost.

Every option denoises the same noise under the same conditions. Its latents are compared with those
of 50 Euler steps, what the released code does, and with the end of the path itself, which 50 Euler
steps miss, too. A distance says how much of a clip changes, not whether it gets worse.

Shapes: ``B`` clips, ``T`` latent frames, ``C`` latent channels, ``F`` frequency bins,
``N`` samples.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audiostory.audio.waveform import Waveform
from audiostory.evaluate.kinds import COMMON
from audiostory.evaluate.samples import Progress, group_captions
from audiostory.generate.conditions import ConditionReader, windows_of
from audiostory.generate.pipeline import AudioStoryPipeline
from audiostory.generate.renderer import Renderer, SamplingSettings, Take, batches_of
from audiostory.generate.sounding import settings_of
from audiostory.models.bridge import Condition
from audiostory.models.dit import DiffusionTransformer
from audiostory.story.types import Instruction

CLIP_S = 5.0
"""Length of the sounds asked for."""
REFERENCE = "euler 50"
"""The option that the others are compared with: what the released code does."""
PATH = "path"
"""The end of the path: so many steps of a second-order solver that more change nothing."""
FFT_SIZE = 1024
FLOOR_DB = -80.0
"""Levels so far below a clip's loudest bin, or further, count as alike."""


@dataclass(frozen=True)
class Job:
    """A clip to be made, and what the DiT is told of it."""

    take: Take
    condition: Condition


@dataclass(frozen=True)
class Made:
    """What an option made of a batch of clips."""

    latents: list[Tensor]
    """(T, C) of each clip, its own frames."""
    waveforms: list[Waveform]
    evaluations: float
    """How often the blocks of the DiT ran for each clip."""
    passes: float
    """The same with the null branch counted by itself."""
    seconds: float
    """Time of the denoising, the decoding left out."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """An option's costs and its distances, means over the clips."""

    option: str
    settings: SamplingSettings
    evaluations: float
    """Velocities that the DiT computed for a clip."""
    passes: float
    """Passes of a clip through the DiT: two for a velocity under guidance."""
    latent_error: float
    """RMS of the latents' difference from 50 Euler steps over the RMS of theirs."""
    latent_error_worst: float
    """The same for the clip where it is greatest."""
    path_error: float
    """The same relative to the end of the path."""
    spectral_distance_db: float
    """Log-spectral distance of the sound from that of 50 Euler steps."""
    time_ratio: float
    """Time of the denoising over that of 50 Euler steps; median of the batches."""


@dataclass(frozen=True)
class SolverReport:
    """The table of all options, and where it was measured."""

    model: str
    num_clips: int
    own: SamplingSettings
    machine: dict[str, str | int]
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)

    def to_markdown(self) -> str:
        """The table, and what its columns are."""
        facts = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        lines = [
            f"# Ways of sampling with {self.model}: {self.num_clips} clips of {CLIP_S:g} s",
            "",
            f"Guidance {self.own.guidance_scale:g}; the model's own way: {self.own.solver} "
            f"{self.own.steps}. {facts}.",
            "",
            "| option | evaluations | passes | from 50 Euler steps | worst clip "
            "| from the path's end | sound, dB | time |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.option} | {row.evaluations:g} | {row.passes:.3g} | {row.latent_error:.3f} "
            f"| {row.latent_error_worst:.3f} | {row.path_error:.3f} "
            f"| {row.spectral_distance_db:.1f} | {row.time_ratio:.2f} |"
            for row in self.rows
        ]
        return "\n".join(lines) + "\n"


def options_of(own: SamplingSettings) -> dict[str, SamplingSettings]:
    """The ways of sampling that are compared, by name; all keep the model's guidance scale."""
    plain = SamplingSettings(steps=50, guidance_scale=own.guidance_scale, solver="euler")
    options = {REFERENCE: plain}
    for steps in (8, 10, 12, 16, 25):
        euler = replace(plain, steps=steps)
        bashforth = replace(euler, solver="adams_bashforth")
        midpoint = replace(euler, steps=steps // 2, solver="midpoint")
        heun = replace(euler, steps=steps // 2, solver="heun")
        options |= {
            f"euler {steps}": euler,
            f"euler {steps}, shift 2": replace(euler, sigma_shift=2.0),
            f"adams_bashforth {steps}": bashforth,
            f"adams_bashforth {steps}, shift 1.5": replace(bashforth, sigma_shift=1.5),
            f"adams_bashforth {steps}, shift 2": replace(bashforth, sigma_shift=2.0),
            f"midpoint {steps // 2}, shift 2": replace(midpoint, sigma_shift=2.0),
            f"heun {steps // 2}, shift 2": replace(heun, sigma_shift=2.0),
        }
    for low, high in ((0.2, 1.0), (0.4, 1.0), (0.0, 0.95), (0.0, 0.8)):
        name = f"euler 16, guidance in {low:g}..{high:g}"
        options[name] = replace(options["euler 16"], guidance_interval=(low, high))
    for steps, interval in ((16, 2), (25, 2), (50, 2), (50, 3), (50, 5)):
        name = f"euler {steps}, cache {interval}"
        options[name] = replace(plain, steps=steps, cache_interval=interval)
    return options


def measure_solvers(
    pipeline: AudioStoryPipeline,
    folder: Path,
    *,
    num_clips: int = 24,
    options: dict[str, SamplingSettings] | None = None,
    progress: Progress | None = None,
) -> SolverReport:
    """Sample the same clips in every way; writes ``solvers.json`` and ``solvers.md``.

    Args:
        pipeline: the model.
        folder: where the report goes.
        num_clips: how many captions are sounded.
        options: ways of sampling, ``REFERENCE`` among them; by default ``options_of``.
        progress: called with what is being done and its share done.
    """
    jobs = captioned(pipeline, num_clips)
    own = settings_of(pipeline.plan(Instruction(text="rain", duration_s=CLIP_S)), pipeline.model)
    options = options or options_of(own)
    accurate = replace(options[REFERENCE], steps=100, solver="adams_bashforth", sigma_shift=2.0)
    renderer = Renderer(pipeline.model)
    by_take = {job.take: job.condition for job in jobs}
    made: dict[str, list[Made]] = {name: [] for name in (PATH, *options)}
    batches = batches_of([job.take for job in jobs], renderer.max_batch_frames)
    for number, takes in enumerate(batches):
        conditions = [by_take[take] for take in takes]
        if number == 0:  # so that the first option does not pay for what is done once
            renderer.latents(takes, conditions, replace(own, steps=1))
        for name, settings in {PATH: accurate, **options}.items():
            made[name].append(sampled(renderer, takes, conditions, settings))
        if progress:
            progress("sampling", (number + 1) / len(batches))
    report = SolverReport(
        model=pipeline.name,
        num_clips=len(jobs),
        own=own,
        machine=machine_facts(next(pipeline.model.parameters())),
        rows=tuple(_row(name, settings, made) for name, settings in options.items()),
    )
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_json(), indent=1)
    (folder / "solvers.json").write_text(text + "\n", encoding="utf-8")
    (folder / "solvers.md").write_text(report.to_markdown(), encoding="utf-8")
    return report


def captioned(pipeline: AudioStoryPipeline, num_clips: int) -> list[Job]:
    """Plain captions of many kinds of sound as jobs: the first clip of what the model plans.

    Raises:
        CorpusError: if so many captions are not known.
    """
    texts = group_captions(None, COMMON, -(-num_clips // len(COMMON)))
    captions = [caption for round_ in zip(*texts.values(), strict=True) for caption in round_]
    renderer = Renderer(pipeline.model)
    reader = ConditionReader(pipeline.model, pipeline.tokenizer)
    jobs: list[Job] = []
    for number, caption in enumerate(captions[:num_clips]):
        plan = pipeline.plan(Instruction(text=caption, duration_s=CLIP_S), seed=number)
        window = windows_of(plan, pipeline.reasoner.reading)[0]
        take = renderer.takes(number, plan.clips[0].duration_s, plan.clips[0].seed)[0]
        jobs.append(Job(take, reader.read(window)[0]))
    return jobs


def sampled(
    renderer: Renderer,
    takes: Sequence[Take],
    conditions: Sequence[Condition],
    settings: SamplingSettings,
) -> Made:
    """The takes, sampled as one batch in that way."""
    with counted_passes(renderer.model.dit) as batch_sizes:
        began = time.perf_counter()
        latents_BTC = renderer.latents(takes, conditions, settings)
        if latents_BTC.is_cuda:
            torch.cuda.synchronize(latents_BTC.device)
        seconds = time.perf_counter() - began
    return Made(
        latents=[latents_BTC[row, : take.num_frames].cpu() for row, take in enumerate(takes)],
        waveforms=[renderer.decode(take, latents_BTC[[row]]) for row, take in enumerate(takes)],
        evaluations=len(batch_sizes),
        passes=sum(batch_sizes) / len(takes),
        seconds=seconds,
    )


@contextmanager
def counted_passes(dit: DiffusionTransformer) -> Iterator[list[int]]:
    """How many clips went through the DiT's blocks each time they ran within it."""
    batch_sizes: list[int] = []

    def count(_module: Any, _given: Any, given: dict[str, Tensor]) -> None:
        batch_sizes.append(len(given["hidden_states"]))

    attention: Any = dit.transformer.transformer_blocks[0].attn
    hook = attention.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield batch_sizes
    finally:
        hook.remove()


def relative_error(latents_TC: Tensor, truth_TC: Tensor) -> float:
    """RMS of the difference over the RMS of the truth."""
    difference = (latents_TC.double() - truth_TC.double()).square().mean().sqrt()
    return float(difference / truth_TC.double().square().mean().sqrt())


def spectral_distance_db(waveform: Waveform, truth: Waveform) -> float:
    """Log-spectral distance: RMS over frequency of the levels' difference, mean over time, in dB.

    Levels lower than ``FLOOR_DB`` under the truth's loudest bin are lifted to that.
    """
    own_FT, true_FT = _power(waveform), _power(truth)
    floor = max(float(true_FT.max()) * 10 ** (FLOOR_DB / 10), 1e-20)
    own_FT, true_FT = (10 * power.clamp(min=floor).log10() for power in (own_FT, true_FT))
    return float((own_FT - true_FT).square().mean(dim=0).sqrt().mean())


def _power(waveform: Waveform) -> Tensor:
    """Power ``(F, T)`` of the channels' mean."""
    samples_N = torch.from_numpy(waveform.samples.mean(axis=0)).double()
    window_N = torch.hann_window(FFT_SIZE, dtype=torch.float64)
    spectrum = torch.stft(samples_N, FFT_SIZE, window=window_N, return_complex=True)
    return spectrum.abs().square()


def _row(name: str, settings: SamplingSettings, made: dict[str, list[Made]]) -> Row:
    own, reference = made[name], made[REFERENCE]
    errors = _errors(own, reference)
    distances = [
        spectral_distance_db(waveform, truth)
        for batch, true_batch in zip(own, reference, strict=True)
        for waveform, truth in zip(batch.waveforms, true_batch.waveforms, strict=True)
    ]
    ratios = [
        batch.seconds / true_batch.seconds for batch, true_batch in zip(own, reference, strict=True)
    ]
    return Row(
        option=name,
        settings=settings,
        evaluations=own[0].evaluations,
        passes=own[0].passes,
        latent_error=float(np.mean(errors)),
        latent_error_worst=max(errors),
        path_error=float(np.mean(_errors(own, made[PATH]))),
        spectral_distance_db=float(np.mean(distances)),
        time_ratio=float(np.median(ratios)),
    )


def _errors(own: Sequence[Made], truth: Sequence[Made]) -> list[float]:
    return [
        relative_error(latents_TC, true_TC)
        for batch, true_batch in zip(own, truth, strict=True)
        for latents_TC, true_TC in zip(batch.latents, true_batch.latents, strict=True)
    ]


def machine_facts(weight: Tensor) -> dict[str, str | int]:
    """Where a measurement was made."""
    device = torch.cuda.get_device_name(weight.device) if weight.is_cuda else str(weight.device)
    return {
        "device": device,
        "dtype": str(weight.dtype).removeprefix("torch."),
        "processor": platform.machine(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
