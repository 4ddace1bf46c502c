"""TangoFlux behind the seam of all generators: one text, one sound of up to half a minute."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from audiostory.audio.loudness import normalize
from audiostory.audio.waveform import Waveform
from audiostory.errors import InstructionError
from audiostory.generate.narration import Narration
from audiostory.models.foreign.companions import fetch_companion
from audiostory.models.foreign.tangoflux_checkpoint import FILES, LoadedTangoFlux, read_tangoflux
from audiostory.models.hub import fetched
from audiostory.models.tangoflux import TANGOFLUX_FLOW
from audiostory.story.plan import PlanModel, PlanSettings, plan_of
from audiostory.story.stated import stated_duration
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline

DEFAULT_DURATION_S = 10.0
"""Length of a sound where nobody asks for one (the release)."""


class TangoFluxGenerator:
    """Instruction to sound in one go, without a story.

    Args:
        loaded: model and autoencoder.
    """

    def __init__(self, loaded: LoadedTangoFlux) -> None:
        self.model = loaded.model
        self.codec = loaded.codec

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str = "declare-lab/TangoFlux",
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> TangoFluxGenerator:
        """The generator in a folder, or from the hub, with the text encoder that it needs.

        Raises:
            CheckpointError: if its files are missing or damaged, or the hub does not give them.
        """
        folder, text_encoder = Path(name_or_dir), None
        if not folder.is_dir():
            folder, text_encoder = fetched(name_or_dir, FILES), fetch_companion("text_encoder")
        return cls(read_tangoflux(folder, text_encoder=text_encoder, device=device, dtype=dtype))

    @property
    def max_duration_s(self) -> float:
        """Longest sound in seconds: what the latents' window holds."""
        frames = self.model.dit.config.max_frames
        window_s = frames * self.codec.hop / self.codec.sample_rate_hz
        return min(self.model.dit.config.max_duration_s, window_s)

    @torch.no_grad()
    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The sound of the whole instruction, as long as asked for, as loud as it comes.

        The window is always filled and cut, as in the release, whose samples come out for its seed.

        Raises:
            InstructionError: if more is asked for than the window holds, or the text is too long.
        """
        duration_s = self._duration_s(instruction)
        began = time.perf_counter()
        weight = next(self.model.dit.parameters())
        shape = (1, self.model.dit.config.max_frames, self.codec.latent_channels)
        noise_1TC = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(weight)
        latents_1TC = self.model.latents(
            self.model.condition([instruction.text]),
            torch.tensor([duration_s], device=weight.device),
            noise_1TC,
            TANGOFLUX_FLOW,
        )
        (samples_CN,) = self.codec.decode(latents_1TC).float().cpu()
        kept_CN = samples_CN[:, : int(duration_s * self.codec.sample_rate_hz)].contiguous()
        waveform, loudness = normalize(Waveform(kept_CN.numpy(), self.codec.sample_rate_hz), None)
        return Narration(
            waveform=waveform,
            plan=plan_of(
                story_of_one(instruction.text, duration_s),
                instruction,
                duration_s=duration_s,
                seed=seed,
                model=PlanModel(name="TangoFlux"),
                settings=PlanSettings(loudness_lufs=None),
            ),
            loudness=loudness,
            planning_s=0.0,
            rendering_s=time.perf_counter() - began,
        )

    def _duration_s(self, instruction: Instruction) -> float:
        asked = instruction.duration_s or stated_duration(instruction.text)
        duration_s = DEFAULT_DURATION_S if asked is None else asked
        if duration_s > self.max_duration_s:
            raise InstructionError(
                f"{duration_s:g} s are asked for; TangoFlux makes at most "
                f"{self.max_duration_s:.1f} s: ask for less, or take AudioStory"
            )
        return duration_s


def story_of_one(text: str, duration_s: float) -> Story:
    """A whole instruction as the one event of a story."""
    words = " ".join(text.split())
    event = Event(start_s=0.0, end_s=duration_s, detail=words, sounds=words)
    return Story(
        storyline=Storyline(summary=words, events=(event,)),
        clips=(Clip(caption=words, duration_s=duration_s),),
    )
