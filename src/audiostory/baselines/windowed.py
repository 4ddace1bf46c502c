"""Long sound from a short model without training: windows that share their overlaps at every step.

After FreeAudio (arXiv:2507.08557): a planner divides the time into windows with a caption each;
neighbours are composed in latent space while they are denoised; a reference holds the whole
together. FreeAudio's code is not published, and it works inside the attention of another model;
what is done here instead, with the flow model of TangoFlux, is in ``docs/baselines.md``. Averaging
the overlaps at every step is MultiDiffusion's (arXiv:2302.08113); matching means and deviations is
that of adaptive instance normalisation (arXiv:1703.06868), on predicted clean latents.

Shapes: ``K`` windows, ``W`` latent frames in a window, ``T`` latent frames of the track, ``C``
latent channels, ``N`` samples.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from audiostory.audio.loudness import normalize
from audiostory.audio.waveform import Waveform
from audiostory.baselines.planned import (
    MAX_OVERLAP_S,
    Piece,
    check_media,
    noted_parts,
    pieces_of,
    plan_of_planned,
)
from audiostory.baselines.planners import Planner
from audiostory.baselines.text_to_audio import of_length
from audiostory.errors import ConfigError, ShapeError
from audiostory.generate.narration import Narration
from audiostory.models.flow import FlowConfig, Velocity
from audiostory.models.foreign.tangoflux_checkpoint import LoadedTangoFlux
from audiostory.models.solvers import solve
from audiostory.models.tangoflux import TANGOFLUX_FLOW
from audiostory.story.plan import Plan, PlanModel, PlanSettings
from audiostory.story.types import Instruction


@dataclass(frozen=True, kw_only=True)
class WindowedConfig:
    """How windows are composed. None of these values is tuned: no weights were at hand."""

    overlap_s: float = 2.0
    """How long neighbours share their latents, in seconds; at most half of the shorter one."""
    reference_weight: float = 0.3
    """How far the statistics of a window's predicted clean latents are moved to those of the first
    window, from 0 (not at all) to 1."""
    reference_from: float = 0.5
    """Noise level down to which they are moved: what is decided early is the scene, not detail."""
    windows_at_once: int = 8
    """Windows in one pass of the DiT, which guidance doubles. Captions of one pass are padded to
    the longest, which TangoFlux's attention sees, so that 1 may sound a little different."""
    flow: FlowConfig = TANGOFLUX_FLOW
    """Solver and guidance."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: if a value cannot be.
        """
        if not (0 <= self.overlap_s <= MAX_OVERLAP_S and self.windows_at_once >= 1):
            raise ConfigError(
                f"an overlap of {self.overlap_s} s, {self.windows_at_once} windows at once: give "
                f"0 to {MAX_OVERLAP_S:g} s, and at least one window"
            )
        if not (0 <= self.reference_weight <= 1 and 0 <= self.reference_from <= 1):
            raise ConfigError("reference_weight and reference_from lie between 0 and 1")
        if self.flow.cache_interval != 1:
            raise ConfigError("windows need every velocity computed: set cache_interval to 1")


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of the track that is denoised in one pass."""

    start: int
    """First frame of the track."""
    num_frames: int
    """Frames of the track that it has; what a model's fixed window holds beyond is its own."""

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.start + self.num_frames


def overlapping(edges: Sequence[int], overlap: int) -> list[Window]:
    """Windows around stretches that follow each other, each reaching into its neighbours.

    The middle of an overlap is the edge between two stretches. An overlap is shortened to half of
    the shorter of its two stretches, so that no frame belongs to more than two windows.

    Args:
        edges: frames at which stretches begin, and the end of the last.
        overlap: frames that neighbours share.

    Raises:
        ShapeError: if the edges do not rise.
    """
    lengths = [after - before for before, after in pairwise(edges)]
    if not lengths or min(lengths) < 1:
        raise ShapeError(f"edges {list(edges)} do not rise: each window needs a frame of its own")
    shared = [min(overlap, a // 2, b // 2) for a, b in pairwise(lengths)]
    starts = [edges[0], *(edge - n // 2 for edge, n in zip(edges[1:-1], shared, strict=True))]
    ends = [*(edge + n - n // 2 for edge, n in zip(edges[1:-1], shared, strict=True)), edges[-1]]
    return [
        Window(start=start, num_frames=end - start) for start, end in zip(starts, ends, strict=True)
    ]


def blend_weights(windows: Sequence[Window], width: int) -> Tensor:
    """Weights (K, W) of the windows' frames: over an overlap one window goes over into the next.

    The weights of one frame of the track add up to 1. Frames beyond a window's own have 1.
    """
    weights_KW = torch.ones(len(windows), width)
    for index, (before, after) in enumerate(pairwise(windows)):
        shared = before.end - after.start
        rising = (torch.arange(shared) + 0.5) / max(shared, 1)
        weights_KW[index + 1, :shared] = rising
        weights_KW[index, before.num_frames - shared : before.num_frames] = 1 - rising
    return weights_KW


def shared_noise(
    windows: Sequence[Window], width: int, channels: int, seeds: Sequence[int]
) -> Tensor:
    """Noise (K, W, C) of each window's own seed; an overlap has that of the window before."""
    noise_KWC = torch.stack(
        [
            torch.randn((1, width, channels), generator=torch.Generator().manual_seed(seed))[0]
            for seed in seeds
        ]
    )
    for index, (before, after) in enumerate(pairwise(windows)):
        shared = before.end - after.start
        own = slice(before.num_frames - shared, before.num_frames)
        noise_KWC[index + 1, :shared] = noise_KWC[index, own]
    return noise_KWC


def shared_velocity(velocity: Velocity, windows: Sequence[Window], weights_KW: Tensor) -> Velocity:
    """The velocity of all windows with equal values where they overlap.

    Windows that are equal in their overlaps before a step of any solver are so after it.
    """

    def shared(latents_KWC: Tensor, sigma_K: Tensor) -> Tensor:
        own_KWC = velocity(latents_KWC, sigma_K)
        mixed_KWC = own_KWC.clone()
        for index, (before, after) in enumerate(pairwise(windows)):
            count = before.end - after.start
            last = slice(before.num_frames - count, before.num_frames)
            blend_SC = (
                weights_KW[index, last, None].to(own_KWC) * own_KWC[index, last]
                + weights_KW[index + 1, :count, None].to(own_KWC) * own_KWC[index + 1, :count]
            )
            mixed_KWC[index, last] = blend_SC
            mixed_KWC[index + 1, :count] = blend_SC
        return mixed_KWC

    return shared


def referenced_velocity(
    velocity: Velocity, windows: Sequence[Window], *, weight: float, down_to: float
) -> Velocity:
    """The velocity towards clean latents that resemble those of the first window.

    At a noise level sigma, the clean latents that a velocity v points to are x - sigma v. Mean and
    deviation over time of each channel are moved by ``weight`` of the way to those of the first
    window, which itself stays as it is.

    Args:
        velocity: of all windows.
        windows: their frames of the track; statistics are taken over these.
        weight: 0 changes nothing, 1 makes the statistics equal.
        down_to: noise level from which on nothing is changed.
    """
    if weight == 0:
        return velocity

    def referenced(latents_KWC: Tensor, sigma_K: Tensor) -> Tensor:
        own_KWC = velocity(latents_KWC, sigma_K)
        if not (sigma_K >= down_to).all() or not (sigma_K > 0).all():
            return own_KWC
        sigma_K11 = sigma_K[:, None, None].to(own_KWC)
        clean_KWC = latents_KWC - sigma_K11 * own_KWC
        first_SC = clean_KWC[0, : windows[0].num_frames]
        moved_KWC = own_KWC.clone()
        for index, window in enumerate(windows[1:], start=1):
            clean_SC = clean_KWC[index, : window.num_frames]
            alike_SC = _with_statistics_of(clean_SC, first_SC)
            target_SC = torch.lerp(clean_SC, alike_SC, weight)
            moved_KWC[index, : window.num_frames] -= (target_SC - clean_SC) / sigma_K11[index]
        return moved_KWC

    return referenced


def _with_statistics_of(own_SC: Tensor, other_SC: Tensor) -> Tensor:
    """Frames with the mean and deviation over time of others, channel by channel."""
    deviation_C = own_SC.std(dim=0, correction=0).clamp_min(1e-6)  # a constant stays constant
    scaled_SC = (own_SC - own_SC.mean(dim=0)) / deviation_C
    return scaled_SC * other_SC.std(dim=0, correction=0) + other_SC.mean(dim=0)


def composed(latents_KWC: Tensor, windows: Sequence[Window]) -> Tensor:
    """The track's latents (1, T, C): each window's own frames in their place.

    After them comes what the last window holds beyond: the decoder hears the track's last frames
    as TangoFlux's does, and it is then cut.
    """
    width = latents_KWC.shape[1]
    track_TC = latents_KWC.new_zeros(windows[-1].start + width, latents_KWC.shape[2])
    for latents_WC, window in zip(latents_KWC, windows, strict=True):
        track_TC[window.start : window.end] = latents_WC[: window.num_frames]
    track_TC[windows[-1].start :] = latents_KWC[-1]
    return track_TC[None]


class WindowedTangoFlux:
    """Tracks of any length from TangoFlux, their windows denoised together.

    Args:
        planner: decides captions and durations.
        loaded: model and autoencoder.
        config: how windows are composed.
    """

    sounded_by = "TangoFlux, windowed"

    def __init__(
        self, planner: Planner, loaded: LoadedTangoFlux, config: WindowedConfig | None = None
    ) -> None:
        self.planner = planner
        self.model = loaded.model
        self.codec = loaded.codec
        self.config = config or WindowedConfig()

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"{self.planner.name} + {self.sounded_by}"

    @torch.no_grad()
    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The track of a planned story, as loud as it comes, its peaks under the ceiling.

        Raises:
            InstructionError: if the instruction has sound or video, or cannot be planned, or a
                caption is longer than the text encoder reads.
            ChatError: if the planner's language model gives no usable plan.
            PlanError: if the planner's texts cannot stand in a plan.
        """
        check_media(instruction, self.name)
        began = time.perf_counter()
        plan = self._plan(instruction, seed)
        planned = time.perf_counter()
        latents_1TC = self._latents(pieces_of(plan, self._longest_s))
        (samples_CN,) = self.codec.decode(latents_1TC).float().cpu()
        track = Waveform(samples_CN.numpy(), self.codec.sample_rate_hz)
        waveform, loudness = normalize(of_length(track, plan.duration_s, self.name), None)
        return Narration(
            waveform=waveform,
            plan=plan,
            loudness=loudness,
            planning_s=planned - began,
            rendering_s=time.perf_counter() - planned,
        )

    @property
    def _longest_s(self) -> float:
        """The longest stretch whose window, with half an overlap at either end, the DiT holds."""
        config = self.model.dit.config
        window_s = min(config.max_duration_s, config.max_frames / self.codec.frames_per_s)
        longest_s = window_s - self.config.overlap_s - 2 / self.codec.frames_per_s  # of rounding
        if longest_s <= 0:
            raise ConfigError(
                f"windows overlap by {self.config.overlap_s:g} s and hold {window_s:.1f} s: lower "
                "overlap_s"
            )
        return longest_s

    def _plan(self, instruction: Instruction, seed: int) -> Plan:
        longest_s = self._longest_s
        planned = self.planner.plan(instruction, max_clip_s=longest_s, seed=seed)
        return plan_of_planned(
            noted_parts(planned, longest_s, "one window"),
            instruction,
            seed=seed,
            model=PlanModel(name=self.name),
            settings=PlanSettings(
                guidance_scale=self.config.flow.guidance_scale,
                steps=self.config.flow.steps,
                solver=self.config.flow.solver,
                sigma_shift=self.config.flow.sigma_shift,
                overlap_s=self.config.overlap_s,
                evenness=0.0,
                loudness_lufs=None,
            ),
        )

    def _latents(self, pieces: Sequence[Piece]) -> Tensor:
        """The track's latents (1, T, C), all windows denoised together."""
        flow, weight = self.config.flow, next(self.model.dit.parameters())
        rate, width = self.codec.frames_per_s, self.model.dit.config.max_frames
        total_s = pieces[-1].start_s + pieces[-1].duration_s
        edges = [round(piece.start_s * rate) for piece in pieces]
        edges.append(self.codec.num_frames(total_s))
        windows = overlapping(edges, round(self.config.overlap_s * rate))
        assert all(window.num_frames <= width for window in windows), "pieces leave room for it"
        reach = [
            window.num_frames - (after - before)
            for window, (before, after) in zip(windows, pairwise(edges), strict=True)
        ]
        seconds = [
            piece.duration_s + frames / rate for piece, frames in zip(pieces, reach, strict=True)
        ]
        velocity = referenced_velocity(
            self._velocity([piece.caption for piece in pieces], seconds),
            windows,
            weight=self.config.reference_weight,
            down_to=self.config.reference_from,
        )
        seeds = [piece.seed for piece in pieces]
        noise_KWC = shared_noise(windows, width, self.codec.latent_channels, seeds)
        latents_KWC = solve(
            shared_velocity(velocity, windows, blend_weights(windows, width)),
            noise_KWC.to(weight),
            steps=flow.steps,
            solver=flow.solver,
            sigma_shift=flow.sigma_shift,
        )
        return composed(latents_KWC, windows)

    def _velocity(self, captions: Sequence[str], seconds: Sequence[float]) -> Velocity:
        """TangoFlux's guided velocity of all windows, so many at once, each under its caption."""
        device, flow = next(self.model.dit.parameters()).device, self.config.flow
        groups = [
            slice(first, first + self.config.windows_at_once)
            for first in range(0, len(captions), self.config.windows_at_once)
        ]
        velocities = [
            self.model.velocity(
                self.model.condition(captions[group]),
                torch.tensor(seconds[group], device=device),
                guidance_scale=flow.guidance_scale,
                guidance_interval=flow.guidance_interval,
            )
            for group in groups
        ]

        def velocity(latents_KWC: Tensor, sigma_K: Tensor) -> Tensor:
            return torch.cat(
                [
                    one(latents_KWC[group], sigma_K[group])
                    for one, group in zip(velocities, groups, strict=True)
                ]
            )

        return velocity
