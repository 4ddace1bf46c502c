"""Conditions and lengths to sound: takes are denoised in batches and decoded one by one (Sec. 4.2).

A clip is rendered as one take, or, where it is longer than the model can make at once, as several
that fade into each other. What a take sounds like depends on its own seed, condition and length;
which takes share a batch changes no more than the last bits of its numbers.

Shapes: ``B`` takes, ``T`` latent frames, ``C`` latent channels.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from audiostory.audio.join import Placement, assemble, lengths_to_render
from audiostory.audio.waveform import Waveform, samples_in
from audiostory.errors import DeviceMemoryError
from audiostory.generate.frame_bound import frames_at_once
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import Condition
from audiostory.models.capture import captured
from audiostory.models.feature_cache import foretold_velocities
from audiostory.models.flow import EVERYWHERE, FlowConfig, guided_velocity
from audiostory.models.solvers import solve
from audiostory.story.plan import derive_seed

log = logging.getLogger(__name__)

TAKE_OVERLAP_S = 1.0
"""How long two takes of one clip sound together; at most a quarter of the longest take."""
SILENT_PEAK = 2e-3
"""Peak (of full scale) below which a take says nothing: -54 dB."""
MORE_ATTEMPTS = 3
"""How often a silent take is made again, before its silence is believed."""


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How noise becomes latents; the fields are those of ``FlowConfig``, whose names they have."""

    steps: int
    guidance_scale: float
    solver: str
    sigma_shift: float = 1.0
    guidance_interval: tuple[float, float] = EVERYWHERE
    cache_interval: int = 1

    @classmethod
    def of(cls, flow: FlowConfig) -> SamplingSettings:
        """A model's own ways."""
        return cls(
            steps=flow.steps,
            guidance_scale=flow.guidance_scale,
            solver=flow.solver,
            sigma_shift=flow.sigma_shift,
            guidance_interval=flow.guidance_interval,
            cache_interval=flow.cache_interval,
        )

    @property
    def is_plain(self) -> bool:
        """Whether every velocity is computed in the same way."""
        return self.guidance_interval == EVERYWHERE and self.cache_interval == 1


@dataclass(frozen=True, kw_only=True)
class Take:
    """A stretch of sound made in one go: a clip, or a part of a long one."""

    clip_index: int
    """Which clip of the plan it belongs to, from 0."""
    duration_s: float
    """Seconds, overlaps included; what the DiT is told."""
    num_frames: int
    """Latent frames, whole patches."""
    num_samples: int
    """Samples kept of what is decoded."""
    seed: int
    """Seed of its noise."""


class Renderer:
    """Makes takes sound with one model's DiT and codec."""

    def __init__(self, model: AudioStoryModel) -> None:
        self.model = model
        self.has_shrunk = False
        """Whether memory did not suffice for the batches it made at first."""
        self.sample_rate_hz: int = model.codec.sample_rate_hz
        self.max_batch_frames = frames_at_once(model.dit)
        """Latent frames denoised together, padding included; fewer once memory did not suffice."""
        config = model.dit.config
        max_samples = config.max_frames * model.codec.hop
        self.max_take_s = min(config.max_duration_s, max_samples / self.sample_rate_hz)
        self.take_overlap_s = min(TAKE_OVERLAP_S, self.max_take_s / 4)

    def takes(self, clip_index: int, length_s: float, seed: int) -> list[Take]:
        """The takes of a clip of ``length_s`` seconds; the first one has the clip's own seed."""
        parts = self._parts(length_s)
        lengths_s = lengths_to_render(parts, self.take_overlap_s)
        return [
            self._take(clip_index, take_s, derive_seed(seed, number) if number else seed)
            for number, take_s in enumerate(lengths_s)
        ]

    def joined(self, takes: Sequence[Waveform], length_s: float) -> Waveform:
        """The takes of one clip as one sound of ``length_s`` seconds."""
        if len(takes) == 1:
            return takes[0]
        return assemble(
            takes,
            self._parts(length_s),
            total_s=length_s,
            sample_rate_hz=self.sample_rate_hz,
            overlap_s=self.take_overlap_s,
        )

    @torch.no_grad()
    def render(
        self, takes: Sequence[Take], conditions: Sequence[Condition], settings: SamplingSettings
    ) -> list[Waveform]:
        """The sound of takes, denoised as one batch, or in more where memory does not suffice.

        Silent ones are made again, apart, from noise of other seeds that derive from their own, and
        logged; a take that stays silent is left so.

        Args:
            takes: what to make.
            conditions: one for each take.
            settings: how noise becomes latents.

        Raises:
            DeviceMemoryError: if memory does not even suffice for one take.
        """
        waveforms: list[Waveform] = []
        for batch in batches_of(takes, self.max_batch_frames):
            own = slice(len(waveforms), len(waveforms) + len(batch))
            waveforms += self._fitted(batch, conditions[own], settings)
        return waveforms

    def _fitted(
        self, takes: Sequence[Take], conditions: Sequence[Condition], settings: SamplingSettings
    ) -> list[Waveform]:
        """The sound of takes; where memory does not suffice, in batches of half as many frames."""
        with suppress(torch.OutOfMemoryError):
            return self._audible(takes, conditions, settings)
        self._shrink(takes)  # out here, where what the failed batch held is free
        return self.render(takes, conditions, settings)

    def _shrink(self, takes: Sequence[Take]) -> None:
        """Allow only batches of half as many frames as memory did not suffice for."""
        longest, device = max(takes, key=lambda take: take.num_frames), self.model.device
        if len(takes) == 1:
            raise DeviceMemoryError(
                f"a sound of {longest.duration_s:.1f} s does not fit into the memory of {device}, "
                "even alone: free memory there, or take a smaller model or another --device; fewer "
                "--steps do not help"
            )
        self.max_batch_frames = len(takes) * longest.num_frames // 2
        self.has_shrunk = True
        log.warning(
            "%d sounds at once do not fit into the memory of %s: going on with at most %d frames "
            "at once",
            len(takes), device, self.max_batch_frames,
        )  # fmt: skip
        if device.type == "cuda":
            torch.cuda.empty_cache()

    def _audible(
        self, takes: Sequence[Take], conditions: Sequence[Condition], settings: SamplingSettings
    ) -> list[Waveform]:
        """The sound of takes as one batch; silent ones are tried again."""
        waveforms = self._rendered(takes, conditions, settings)
        for attempt in range(1, MORE_ATTEMPTS + 1):
            rows = [row for row, waveform in enumerate(waveforms) if is_silent(waveform)]
            if not rows:
                break
            clips = sorted({takes[row].clip_index + 1 for row in rows})
            log.info("clips %s came out silent and are made again from other noise", clips)
            again = [  # numbers below zero belong to no part of a long clip
                replace(takes[row], seed=derive_seed(takes[row].seed, -attempt)) for row in rows
            ]
            made = self._rendered(again, [conditions[row] for row in rows], settings)
            for row, waveform in zip(rows, made, strict=True):
                waveforms[row] = waveform
        return waveforms

    def _rendered(
        self, takes: Sequence[Take], conditions: Sequence[Condition], settings: SamplingSettings
    ) -> list[Waveform]:
        """The sound of takes from their own noise, denoised as one batch."""
        latents_BTC = self.latents(takes, conditions, settings)
        return [self.decode(take, latents_BTC[[row]]) for row, take in enumerate(takes)]

    @torch.no_grad()
    def latents(
        self, takes: Sequence[Take], conditions: Sequence[Condition], settings: SamplingSettings
    ) -> Tensor:
        """Clean latents ``(B, T, C)`` of takes from their own noise, denoised as one batch.

        Args:
            takes: what to make; the frames beyond a take's own are meaningless.
            conditions: one for each take.
            settings: how noise becomes latents.
        """
        noise_BTC, frame_mask_BT = self._noise(takes)
        velocity = guided_velocity(
            self.model.dit,
            Condition.joined(conditions).tokens_BSD,
            torch.tensor([take.duration_s for take in takes], device=noise_BTC.device),
            null_condition_1SD=self.model.bridge.null_condition,
            guidance_scale=settings.guidance_scale,
            guidance_interval=settings.guidance_interval,
            frame_mask_BT=None if frame_mask_BT.all() else frame_mask_BT,
        )
        if settings.is_plain:
            velocity = captured(velocity, noise_BTC, noise_BTC.new_ones(len(takes)))
        with foretold_velocities(self.model.dit, settings.cache_interval):
            return solve(
                velocity,
                noise_BTC,
                steps=settings.steps,
                solver=settings.solver,
                sigma_shift=settings.sigma_shift,
            )

    def _parts(self, length_s: float) -> list[Placement]:
        """Where the takes of a clip begin and end, overlaps left out."""
        count = 1
        if length_s > self.max_take_s:
            count = math.ceil(length_s / (self.max_take_s - self.take_overlap_s))
        return [
            Placement(start_s=length_s * number / count, duration_s=length_s / count)
            for number in range(count)
        ]

    def _take(self, clip_index: int, duration_s: float, seed: int) -> Take:
        patch = self.model.dit.config.patch_frames
        num_frames = math.ceil(self.model.codec.num_frames(duration_s) / patch) * patch
        return Take(
            clip_index=clip_index,
            duration_s=duration_s,
            num_frames=num_frames,
            num_samples=samples_in(duration_s, self.sample_rate_hz),
            seed=seed,
        )

    def _noise(self, takes: Sequence[Take]) -> tuple[Tensor, Tensor]:
        """Each take's own noise ``(B, T, C)``, padded with zeros, and the mask of its frames.

        The noise of a take is drawn on the CPU in its own shape: it depends neither on its
        neighbours in the batch nor on the device.
        """
        weight = next(self.model.dit.parameters())
        num_frames = max(take.num_frames for take in takes)
        channels = self.model.codec.latent_channels
        noise_BTC = torch.zeros(len(takes), num_frames, channels)
        frame_mask_BT = torch.zeros(len(takes), num_frames, dtype=torch.bool)
        for row, take in enumerate(takes):
            rng = torch.Generator().manual_seed(take.seed)
            own = slice(take.num_frames)
            noise_BTC[row, own] = torch.randn(take.num_frames, channels, generator=rng)
            frame_mask_BT[row, own] = True
        return noise_BTC.to(weight.device), frame_mask_BT.to(weight.device)

    @torch.no_grad()
    def decode(self, take: Take, latents_1TC: Tensor) -> Waveform:
        """The sound of a take's latents, its own frames and samples of it."""
        own_1TC = latents_1TC[:, : take.num_frames].to(self.model.codec_dtype)
        waveform_1CN = self.model.codec.decode(own_1TC)
        samples_CN = waveform_1CN[0, :, : take.num_samples].float().cpu().contiguous()
        return Waveform(samples_CN.numpy(), self.sample_rate_hz)


def is_silent(waveform: Waveform) -> bool:
    """Whether all samples lie under ``SILENT_PEAK``."""
    return float(np.abs(waveform.samples).max(initial=0.0)) < SILENT_PEAK


def batches_of(takes: Sequence[Take], max_frames: int) -> list[list[Take]]:
    """Consecutive takes in batches of at most ``max_frames`` frames, padding included.

    A take alone may exceed the bound. The split depends on nothing but the takes' lengths, so a
    plan is always batched in the same way.
    """
    batches: list[list[Take]] = []
    for take in takes:
        grown = [*(batches[-1] if batches else []), take]
        if len(grown) > 1 and len(grown) * max(t.num_frames for t in grown) <= max_frames:
            batches[-1] = grown
        else:
            batches.append([take])
    return batches
