"""Clips to sound as the release makes them: one noise for all, the whole window, linear joins.

Every clip of every story starts from the same noise and fills all frames that the DiT takes; what
is too much is cut off after decoding. All clips but the last are made longer by the crossfade.

Source: the released inference script and its audio generator.
Shapes: ``B`` clips, ``T`` latent frames, ``C`` channels (of the latent space in latents, of sound
in samples), ``N`` samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from audiostory.audio.crossfade import (
    Crossfaded,
    hard_joins,
    linear_crossfade,
    num_resampled,
    resampled_to_ceil,
)
from audiostory.audio.waveform import Samples
from audiostory.errors import ConfigError
from audiostory.generate.frame_bound import frames_at_once
from audiostory.generate.released.decoding import LOOKAHEADS, Lookahead
from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.bridge import Condition
from audiostory.models.flow import guided_velocity
from audiostory.models.solvers import solve


@dataclass(frozen=True)
class Schedule:
    """In which order the release's work is done; no order changes what comes out."""

    ahead: Lookahead
    """How much of a bridge block the language model reads at once."""
    has_one_batch: bool
    """Whether clips are denoised together, as many as fit, or one after another."""


SCHEDULES = {
    "as_released": Schedule(LOOKAHEADS["step_by_step"], has_one_batch=False),
    "batched": Schedule(LOOKAHEADS["blocks"], has_one_batch=True),
}


@dataclass(frozen=True, kw_only=True)
class ReleasedSettings:
    """How the release tells and sounds a story; the defaults are its script's."""

    max_new_tokens: int = 1600
    """Longest story, in tokens (the script's default)."""
    repetition_penalty: float | None = None
    """Instead of the model's own, which is that of its base model's generation settings (1.05 in
    Qwen2.5-3B-Instruct, which the release decodes with)."""
    lead_phrase_seed: int | None = None
    """Draws the phrase before the instruction, as the script's ``--seed`` does (0 there); None
    takes the instruction in its own words, as the released evaluation script does."""
    steps: int = 50
    """Euler steps from noise to sound (the script)."""
    guidance_scale: float = 4.0
    """Weight of the condition against the null condition (the script)."""
    noise_seed: int = 0
    """Seed of the one noise (the audio generator's default, which no script changes)."""
    target_rate_hz: int = 32_000
    """Samples per second of the track (the script)."""
    crossfade_s: float = 3.0
    """How long neighbours sound together (the script)."""
    schedule: Literal["as_released", "batched"] = "batched"
    """The order of the work: the release's, or the quick one."""

    def __post_init__(self) -> None:
        """Refuse settings under which nothing can be made.

        Raises:
            ConfigError: naming the field.
        """
        if self.schedule not in SCHEDULES:
            known = ", ".join(SCHEDULES)
            raise ConfigError(f"schedule is {self.schedule!r}: there are {known}")
        if self.steps < 1:
            raise ConfigError(f"steps is {self.steps}: at least one is needed")
        if not self.guidance_scale >= 1:
            raise ConfigError(
                f"guidance_scale is {self.guidance_scale}: use 1 for none, more for some"
            )
        if self.target_rate_hz < 1 or not self.crossfade_s >= 0:
            raise ConfigError(
                f"target_rate_hz is {self.target_rate_hz} and crossfade_s {self.crossfade_s}: "
                "give a positive rate, and 0 s or more"
            )


class ReleasedRenderer:
    """Makes clips sound with one model, the release's way."""

    def __init__(self, model: AudioStoryModel, settings: ReleasedSettings) -> None:
        self.model = model
        self.settings = settings

    @property
    def max_samples(self) -> int:
        """Most samples of one clip, at the codec's rate: the whole window."""
        return self.model.dit.config.max_frames * self.model.codec.hop

    def lengths_s(self, durations_s: Sequence[float]) -> list[float]:
        """What the DiT is told of each clip: its duration, and the crossfade before another one."""
        return [*(it + self.settings.crossfade_s for it in durations_s[:-1]), *durations_s[-1:]]

    def num_samples(self, length_s: float) -> int:
        """Samples kept of a clip at the codec's rate, if the window has as many."""
        return int(length_s * self.model.codec.sample_rate_hz)

    def hard_joins(self, durations_s: Sequence[float]) -> tuple[int, ...]:
        """Which clips of such durations will follow without a crossfade, by index."""
        from_hz, to_hz = self.model.codec.sample_rate_hz, self.settings.target_rate_hz
        lengths = [
            num_resampled(min(self.num_samples(length_s), self.max_samples), from_hz, to_hz)
            for length_s in self.lengths_s(durations_s)
        ]
        return hard_joins(lengths, int(self.settings.crossfade_s * to_hz))

    def noise(self) -> Tensor:
        """The noise ``(1, T, C)`` that every clip starts from, the same on every device."""
        shape = (1, self.model.dit.config.max_frames, self.model.codec.latent_channels)
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.settings.noise_seed))

    @torch.no_grad()
    def latents(self, condition: Condition, lengths_s: Sequence[float]) -> Tensor:
        """Latents ``(B, T, C)`` of clips, denoised as one batch.

        Args:
            condition: of each clip.
            lengths_s: what the DiT is told of each.
        """
        weight = next(self.model.dit.parameters())
        velocity = guided_velocity(
            self.model.dit,
            condition.tokens_BSD,
            torch.tensor(lengths_s, device=weight.device),
            null_condition_1SD=self.model.bridge.null_condition,
            guidance_scale=self.settings.guidance_scale,
        )
        noise_BTC = self.noise().repeat(len(condition), 1, 1).to(weight)
        return solve(velocity, noise_BTC, steps=self.settings.steps)

    @torch.no_grad()
    def samples(self, latents_1TC: Tensor, length_s: float) -> Samples:
        """Samples (C, N) of one clip at the codec's rate, from the start of what is decoded."""
        (decoded_CN,) = self.model.codec.decode(latents_1TC.to(self.model.codec_dtype))
        kept_CN = decoded_CN[:, : self.num_samples(length_s)]
        return kept_CN.float().cpu().contiguous().numpy()

    def clips(self, condition: Condition, durations_s: Sequence[float]) -> Iterator[Samples]:
        """The samples of each clip, in the order of the settings' schedule."""
        lengths_s, count = self.lengths_s(durations_s), len(durations_s)
        fitting = max(1, frames_at_once(self.model.dit) // self.model.dit.config.max_frames)
        step = min(count, fitting) if SCHEDULES[self.settings.schedule].has_one_batch else 1
        for first in range(0, count, step):
            batch = range(first, min(first + step, count))
            conditions = Condition.joined([condition.clip(index) for index in batch])
            latents_BTC = self.latents(conditions, [lengths_s[index] for index in batch])
            for row, index in enumerate(batch):
                yield self.samples(latents_BTC[row : row + 1], lengths_s[index])

    def track(self, clips: Sequence[Samples]) -> Crossfaded:
        """All clips at the track's rate, joined."""
        from_hz, to_hz = self.model.codec.sample_rate_hz, self.settings.target_rate_hz
        resampled = [resampled_to_ceil(clip, from_hz, to_hz) for clip in clips]
        return linear_crossfade(resampled, to_hz, self.settings.crossfade_s)
