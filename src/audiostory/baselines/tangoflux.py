"""TangoFlux behind both seams: one text, one sound of up to half a minute.

As a ``TextToAudio`` it sounds the captions of any planner (``planned.py``); as a generator it
answers an instruction in one go, with the seed and the default length of its release.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch

from audiostory.audio.loudness import normalize
from audiostory.audio.waveform import Waveform
from audiostory.baselines.planned import check_media
from audiostory.baselines.planners import asked_duration, story_of_one
from audiostory.baselines.text_to_audio import check_length, of_length
from audiostory.errors import CheckpointError, InstructionError
from audiostory.generate.narration import Narration
from audiostory.models.foreign.companions import fetch_companion
from audiostory.models.foreign.tangoflux_checkpoint import FILES, LoadedTangoFlux, read_tangoflux
from audiostory.models.hub import fetched, is_repo
from audiostory.models.tangoflux import TANGOFLUX_FLOW
from audiostory.story.plan import PlanModel, PlanSettings, plan_of
from audiostory.story.types import Instruction

REPO = "declare-lab/TangoFlux"
"""Where its weights are published."""
DEFAULT_DURATION_S = 10.0
"""Length of a sound where nobody asks for one (the release)."""


class TangoFluxGenerator:
    """Instruction or caption to sound in one go, without a story.

    Args:
        loaded: model and autoencoder.
    """

    name = "TangoFlux"

    def __init__(self, loaded: LoadedTangoFlux) -> None:
        self.model = loaded.model
        self.codec = loaded.codec

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str = REPO,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> TangoFluxGenerator:
        """The generator in a folder, or from the hub, with the text encoder that it needs.

        Raises:
            CheckpointError: if its files are missing or damaged, or the hub does not give them.
        """
        return cls(load_tangoflux(name_or_dir, device=device, dtype=dtype))

    @property
    def max_duration_s(self) -> float:
        """Longest sound in seconds: what the latents' window holds."""
        frames = self.model.dit.config.max_frames
        window_s = frames * self.codec.hop / self.codec.sample_rate_hz
        return min(self.model.dit.config.max_duration_s, window_s)

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second of its autoencoder."""
        return self.codec.sample_rate_hz

    @torch.no_grad()
    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        """The sound of a caption, as loud as it comes.

        The window is always filled and cut, as in the release, whose samples come out for its seed.

        Raises:
            InstructionError: if more is asked for than the window holds, or the text is too long.
        """
        check_length(self, duration_s)
        weight = next(self.model.dit.parameters())
        shape = (1, self.model.dit.config.max_frames, self.codec.latent_channels)
        noise_1TC = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(weight)
        latents_1TC = self.model.latents(
            self.model.condition([caption]),
            torch.tensor([duration_s], device=weight.device),
            noise_1TC,
            TANGOFLUX_FLOW,
        )
        (samples_CN,) = self.codec.decode(latents_1TC).float().cpu()
        return of_length(Waveform(samples_CN.numpy(), self.sample_rate_hz), duration_s, self.name)

    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The sound of the whole instruction, as long as asked for, as loud as it comes.

        Raises:
            InstructionError: if more is asked for than the window holds, the text is too long, or
                there is a sound or a video.
        """
        check_media(instruction, self.name)
        duration_s = self._duration_s(instruction)
        began = time.perf_counter()
        sound = self.sound(instruction.text, duration_s, seed=seed)
        waveform, loudness = normalize(sound, None)
        return Narration(
            waveform=waveform,
            plan=plan_of(
                story_of_one(instruction.text, duration_s),
                instruction,
                duration_s=duration_s,
                seed=seed,
                model=PlanModel(name=self.name),
                settings=PlanSettings(loudness_lufs=None),
            ),
            loudness=loudness,
            planning_s=0.0,
            rendering_s=time.perf_counter() - began,
        )

    def _duration_s(self, instruction: Instruction) -> float:
        asked_s = asked_duration(instruction)
        duration_s = DEFAULT_DURATION_S if asked_s is None else asked_s
        if duration_s > self.max_duration_s:
            raise InstructionError(
                f"{duration_s:g} s are asked for; TangoFlux makes at most "
                f"{self.max_duration_s:.1f} s: ask for less, or take AudioStory"
            )
        return duration_s


def load_tangoflux(
    name_or_dir: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> LoadedTangoFlux:
    """TangoFlux in a folder, or from the hub, with the text encoder that it needs.

    Raises:
        CheckpointError: if its files are missing or damaged, or the hub does not give them.
    """
    folder, text_encoder = Path(name_or_dir), None
    if not folder.is_dir():
        if not is_repo(name_or_dir):
            raise CheckpointError(
                f"there is no folder {folder}: hf download {REPO} {' '.join(FILES)} --local-dir "
                "DIR, and give DIR"
            )
        folder, text_encoder = fetched(name_or_dir, FILES), fetch_companion("text_encoder")
    return read_tangoflux(folder, text_encoder=text_encoder, device=device, dtype=dtype)
