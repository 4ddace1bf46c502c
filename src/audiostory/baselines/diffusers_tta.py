"""Text-to-audio models that the diffusers library carries: AudioLDM 2, Stable Audio Open and 3.

One adapter; what differs between the models is in their ``DiffusersModel``. Defaults are those of
the model's card or of its pipeline, cited at each. Real weights have not been run with it: each
pipeline is tested with tiny random weights of its own classes.

Shapes: ``B`` clips, ``C`` audio channels, ``N`` samples.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from audiostory.audio.waveform import Waveform
from audiostory.baselines.text_to_audio import check_length, of_length
from audiostory.errors import CheckpointError, ConfigError, InstructionError
from audiostory.models.hub import fetched, is_repo
from audiostory.optional import require

INDEX = "model_index.json"
PATTERNS = (INDEX, "*.json", "*.txt", "*.model", "*/*.safetensors")
"""Files of a pipeline that are needed; weights in pickles are left out."""


@dataclass(frozen=True, kw_only=True)
class DiffusersModel:
    """What has to be known of one model to ask its pipeline."""

    name: str
    """Its name in plans and reports."""
    pipeline: str
    """Its class in diffusers."""
    length_argument: Literal["audio_length_in_s", "audio_end_in_s", "duration"]
    """What the pipeline calls the length in seconds."""
    rate_of: Literal["vae", "vocoder"]
    """The part whose configuration has the sample rate."""
    max_duration_s: float
    """Longest clip that is asked of it, in seconds."""
    max_tokens: int | None = None
    """Tokens of a text that it reads, where that is less than its tokenizers say."""
    steps: int | None
    """Denoising steps; None takes what the checkpoint's scheduler is made for."""
    guidance_scale: float
    """Weight of the caption against none."""
    negative_prompt: str | None
    """What to keep away from; None is the empty text, or none at all."""
    repo: str | None
    """Repository on the hub in the format of diffusers; None where there is none."""
    source: str
    """Where these values are from."""


AUDIOLDM2 = DiffusersModel(
    name="AudioLDM2",
    pipeline="AudioLDM2Pipeline",
    length_argument="audio_length_in_s",
    rate_of="vocoder",
    max_duration_s=10.0,
    steps=200,
    guidance_scale=3.5,
    negative_prompt="Low quality.",
    repo="cvssp/audioldm2",
    source="example of the pipeline in diffusers (steps, negative prompt, 10 s) and its default "
    "(guidance); arXiv:2308.05734; 10 s is also the length in Table 1",
)
AUDIOLDM2_LARGE = replace(AUDIOLDM2, name="AudioLDM2-large", repo="cvssp/audioldm2-large")
STABLE_AUDIO_OPEN = DiffusersModel(
    name="Stable Audio Open 1.0",
    pipeline="StableAudioPipeline",
    length_argument="audio_end_in_s",
    rate_of="vae",
    max_duration_s=47.0,
    steps=200,
    guidance_scale=7.0,
    negative_prompt="Low quality.",
    repo="stabilityai/stable-audio-open-1.0",
    source="example of the pipeline in diffusers (steps, negative prompt) and its default "
    "(guidance); up to 47 s, arXiv:2407.14358",
)
STABLE_AUDIO_3 = DiffusersModel(
    name="Stable Audio 3 medium",
    pipeline="StableAudio3Pipeline",
    length_argument="duration",
    rate_of="vae",
    max_duration_s=380.0,
    max_tokens=256,
    steps=None,
    guidance_scale=1.0,
    negative_prompt=None,
    repo=None,
    source="documentation of the pipeline (8 steps for the distilled checkpoint, 100 for the base "
    "one, both from the scheduler; no guidance where distilled); 380 s, arXiv:2605.17991",
)


class DiffusersTextToAudio:
    """One pipeline of diffusers; mono or stereo as the model makes it.

    Args:
        pipeline: with all its parts, on its device.
        model: which model it is, and how it is asked.
        long_captions: ``refuse`` raises where a caption has more tokens than the model reads,
            ``cut`` leaves the rest unread, as the pipelines do, and says so in the remarks.

    Raises:
        ConfigError: if the pipeline is of another class than the model's.
    """

    def __init__(
        self,
        pipeline: Any,
        model: DiffusersModel,
        *,
        long_captions: Literal["refuse", "cut"] = "refuse",
    ) -> None:
        if type(pipeline).__name__ != model.pipeline:
            raise ConfigError(
                f"{model.name} is a {model.pipeline}, this is a {type(pipeline).__name__}: name "
                "the model that the weights belong to"
            )
        if long_captions not in ("refuse", "cut"):
            raise ConfigError(f"no long_captions {long_captions!r}; there are refuse and cut")
        pipeline.set_progress_bar_config(disable=True)
        self.pipeline = pipeline
        self.model = model
        self.long_captions = long_captions

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str,
        model: DiffusersModel,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        long_captions: Literal["refuse", "cut"] = "refuse",
    ) -> DiffusersTextToAudio:
        """The model in a folder in the format of diffusers, or from a repository of the hub.

        Only safetensors are read.

        Raises:
            CheckpointError: if the folder holds no such pipeline, lacks parts, or the hub does not
                give it.
            MissingExtraError: if the checkpoint's scheduler needs torchsde, as Stable Audio Open's
                does, and it is not installed.
        """
        import diffusers

        folder = _folder(name_or_dir, model)
        _check_index(folder, model)
        kind = getattr(diffusers, model.pipeline)
        try:
            pipeline = kind.from_pretrained(
                folder, dtype=dtype, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise CheckpointError(
                f"{folder} cannot be read as {model.name} ({first}): fetch it again, whole"
            ) from error
        return cls(pipeline.to(device), model, long_captions=long_captions)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def max_duration_s(self) -> float:
        """Longest clip in seconds, no more than what the network's window holds."""
        window_s = self._window_s()
        limit_s = self.model.max_duration_s
        return limit_s if window_s is None else min(limit_s, window_s)

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second of the decoder or vocoder."""
        return int(getattr(self.pipeline, self.model.rate_of).config.sampling_rate)

    @torch.no_grad()
    def sound(self, caption: str, duration_s: float, *, seed: int) -> Waveform:
        """The clip; what it begins from is drawn on the CPU, whatever the device.

        The scheduler of Stable Audio Open draws more on the way, on the device.

        Raises:
            InstructionError: if the clip or the caption is longer than the model can.
        """
        check_length(self, duration_s)
        if self.long_captions == "refuse":
            self._check_caption(caption)
        arguments: dict[str, Any] = {
            self.model.length_argument: min(duration_s, self.max_duration_s),  # rounding aside
            "guidance_scale": self.model.guidance_scale,
            "generator": torch.Generator().manual_seed(seed),
            "output_type": "pt",
        }
        if self.model.negative_prompt is not None:
            arguments["negative_prompt"] = self.model.negative_prompt
        if self.model.steps is not None:
            arguments["num_inference_steps"] = self.model.steps
        try:
            audios: torch.Tensor = self.pipeline(caption, **arguments).audios
        except ValueError as error:  # how pipelines refuse what they are asked
            raise InstructionError(
                f"{self.name} does not make {duration_s:g} s of {caption[:40]!r}: {error}"
            ) from error
        samples_CN = torch.atleast_2d(audios[0]).float().cpu().contiguous()
        return of_length(Waveform(samples_CN.numpy(), self.sample_rate_hz), duration_s, self.name)

    def remarks(self, caption: str, duration_s: float, *, seed: int) -> tuple[str, ...]:
        """Whether the end of the caption was not read."""
        del duration_s, seed
        return tuple(
            f"{count} tokens, {limit} are read: the end of the caption is not"
            for count, limit in self._token_counts(caption)
            if count > limit
        )

    def _window_s(self) -> float | None:
        """Seconds in the network's window, for the model that always fills it."""
        if self.model.length_argument != "audio_end_in_s":
            return None
        frames = int(self.pipeline.transformer.config.sample_size)
        return frames * int(self.pipeline.vae.hop_length) / self.sample_rate_hz

    def _token_counts(self, caption: str) -> list[tuple[int, int]]:
        """Tokens of the caption and how many are read, for each tokenizer."""
        parts = [getattr(self.pipeline, part, None) for part in ("tokenizer", "tokenizer_2")]
        return [
            (
                len(tokenizer(caption, truncation=False, verbose=False).input_ids),
                min(
                    tokenizer.model_max_length, self.model.max_tokens or tokenizer.model_max_length
                ),
            )
            for tokenizer in parts
            if tokenizer is not None
        ]

    def _check_caption(self, caption: str) -> None:
        for count, limit in self._token_counts(caption):
            if count > limit:
                raise InstructionError(
                    f"the caption {caption[:40]!r}... has {count} tokens, {self.name} reads "
                    f"{limit}: shorten it, take a planner, or set long_captions to cut"
                )


def _folder(name_or_dir: str, model: DiffusersModel) -> Path:
    """The folder of the pipeline, fetched if it is a repository's name."""
    folder = Path(name_or_dir)
    if folder.is_dir():
        return folder
    if not is_repo(name_or_dir):
        raise CheckpointError(f"there is no folder {folder}: {way_to(model)}")
    return fetched(name_or_dir, PATTERNS)


def way_to(model: DiffusersModel) -> str:
    """How to get a model's weights, as the end of a message."""
    if model.repo is None:
        return (
            f"{model.name} is not published in the format of diffusers: convert the checkpoint "
            "with the script that diffusers has for it, and give the folder"
        )
    return f"hf download {model.repo} --local-dir DIR, and give DIR"


def _check_index(folder: Path, model: DiffusersModel) -> None:
    """Refuse folders that hold no pipeline, or another, before anything heavy is read."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} has no readable {INDEX}, so it is no pipeline of diffusers: {way_to(model)}"
        ) from error
    if index.get("_class_name") != model.pipeline:
        raise CheckpointError(
            f"{folder} holds a {index.get('_class_name')}, {model.name} is a {model.pipeline}: "
            f"{way_to(model)}"
        )
    if index.get("scheduler", ["", ""])[1] in NEED_TORCHSDE:
        require("torchsde", extra="baselines")


NEED_TORCHSDE = ("CosineDPMSolverMultistepScheduler", "DPMSolverSDEScheduler")
"""Schedulers of diffusers that draw their noise with torchsde."""
