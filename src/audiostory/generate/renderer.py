"""Conditions and lengths to sound: takes are denoised in batches and decoded one by one (Sec. 4.2).

A clip is rendered as one take, or, where it is longer than the model can make at once, as several
that fade into each other. What a take sounds like depends on its own seed, condition and length;
which takes share a batch depends on the plan and the settings alone.

Shapes: ``B`` takes, ``T`` latent frames, ``C`` latent channels.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from audiostory.audio.join import Placement, assemble, lengths_to_render
from audiostory.audio.waveform import Waveform, samples_in
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import Condition
from audiostory.models.flow import guided_velocity, solve
from audiostory.story.plan import derive_seed

log = logging.getLogger(__name__)

MAX_BATCH_FRAMES = 384
"""Latent frames denoised together, padding included: half a minute of nano's."""
TAKE_OVERLAP_S = 1.0
"""How long two takes of one clip sound together; at most a quarter of the longest take."""
SILENT_PEAK = 2e-3
"""Peak (of full scale) below which a take says nothing: -54 dB."""
MORE_ATTEMPTS = 3
"""How often a silent take is made again, before its silence is believed."""


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How noise becomes latents."""

    steps: int
    guidance_scale: float
    solver: str


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
        self.sample_rate_hz: int = model.codec.sample_rate_hz
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
        """The sound of takes, denoised as one batch.

        Silent ones are made again, apart, from noise of other seeds that derive from their own, and
        logged; a take that stays silent is left so.

        Args:
            takes: what to make.
            conditions: one for each take.
            settings: how noise becomes latents.
        """
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
        noise_BTC, frame_mask_BT = self._noise(takes)
        velocity = guided_velocity(
            self.model.dit,
            Condition.joined(conditions).tokens_BSD,
            torch.tensor([take.duration_s for take in takes], device=noise_BTC.device),
            null_condition_1SD=self.model.bridge.null_condition,
            guidance_scale=settings.guidance_scale,
            frame_mask_BT=None if frame_mask_BT.all() else frame_mask_BT,
        )
        latents_BTC = solve(velocity, noise_BTC, steps=settings.steps, solver=settings.solver)
        return [self._decode(take, latents_BTC[[row]]) for row, take in enumerate(takes)]

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
        return noise_BTC.to(weight), frame_mask_BT.to(weight.device)

    def _decode(self, take: Take, latents_1TC: Tensor) -> Waveform:
        waveform_1CN = self.model.codec.decode(latents_1TC[:, : take.num_frames])
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
