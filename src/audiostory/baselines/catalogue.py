"""The baselines that can be named: what they are, whom to cite, and how they are built.

Nothing heavy is imported before a model is built.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from audiostory.baselines.fingerprints import KnownBy, identity_of
from audiostory.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from audiostory.baselines.planned import PlannedGenerator
    from audiostory.baselines.planners import Planner
    from audiostory.baselines.text_to_audio import TextToAudio


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How a model is loaded, where it is loaded at all."""

    device: str = "cpu"
    """Where it computes."""
    dtype: str = "float32"
    """What its weights become: a type of torch, by name."""
    long_captions: Literal["refuse", "cut"] = "refuse"
    """What the models of diffusers do with a caption that is too long."""
    timeout_s: float = 600.0
    """How long one clip of a command may take, or an endpoint may be silent."""


def _clip_by_clip(planner: Planner, model: TextToAudio) -> PlannedGenerator:
    from audiostory.baselines.planned import PlannedTextToAudio

    return PlannedTextToAudio(planner, model)


def _windowed(planner: Planner, model: TextToAudio) -> PlannedGenerator:
    from audiostory.baselines.tangoflux import TangoFluxGenerator
    from audiostory.baselines.windowed import WindowedTangoFlux
    from audiostory.models.foreign.tangoflux_checkpoint import LoadedTangoFlux

    assert isinstance(model, TangoFluxGenerator), "windows are made of what _tangoflux builds"
    return WindowedTangoFlux(planner, LoadedTangoFlux(model.model, model.codec))


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One entry of the catalogue."""

    name: str
    """What it is asked for by."""
    max_duration_s: float | None
    """Longest sound in seconds; None where there is no limit."""
    citation: str
    """Paper, or what it is."""
    licence: str
    """Of code and weights, as their sources state it; read them before use."""
    location: str
    """What has to be given to build it, and how to come by it; empty where nothing is needed."""
    build: Callable[[str, BuildOptions], TextToAudio]
    """The model, from its location."""
    compose: Callable[[Planner, TextToAudio], PlannedGenerator] = _clip_by_clip
    """How the model sounds what a planner decides: by default one clip after another."""
    known_by: KnownBy = "weights"
    """What tells it from another of its name."""

    def identity(self, location: str | None, options: BuildOptions) -> str:
        """Words that change whenever what is at a location would answer differently.

        Raises:
            ConfigError: if the location must not be told in a report.
        """
        return identity_of(self.known_by, location or "", options.dtype)


def build_text_to_audio(
    name: str, location: str | None = None, options: BuildOptions | None = None
) -> TextToAudio:
    """The text-to-audio model called ``name``.

    Args:
        name: a key of ``BASELINES``.
        location: folder of weights or repository of the hub, folder of a corpus, or a command or
            an address, as the entry's ``location`` says.
        options: how it is loaded.

    Raises:
        ConfigError: if there is no such model, or a location is given where none is needed.
        CheckpointError: if the location is missing, or does not hold the model.
        CorpusError: if a corpus cannot be read.
        MissingExtraError: if a package that the model needs is not installed.
    """
    if name not in BASELINES:
        raise ConfigError(f"no baseline {name!r}; there are {', '.join(BASELINES)}")
    baseline = BASELINES[name]
    if baseline.location and not location:
        raise CheckpointError(f"{name} needs {baseline.location}")
    if location and not baseline.location:
        raise ConfigError(f"{name} is computed, nothing is loaded: leave {location!r} out")
    return baseline.build(location or "", options or BuildOptions())


def build_baseline(
    name: str, planner: Planner, location: str | None = None, options: BuildOptions | None = None
) -> PlannedGenerator:
    """The baseline called ``name``, with a planner: a generator of whole stories.

    Args:
        name: a key of ``BASELINES``.
        planner: decides captions and durations.
        location: as for ``build_text_to_audio``.
        options: how the model is loaded.

    Raises:
        AudioStoryError: as ``build_text_to_audio`` does.
    """
    model = build_text_to_audio(name, location, options)
    return BASELINES[name].compose(planner, model)


def _tangoflux(location: str, options: BuildOptions) -> TextToAudio:
    from audiostory.baselines.tangoflux import TangoFluxGenerator

    return TangoFluxGenerator.from_pretrained(
        location, device=options.device, dtype=_dtype(options.dtype)
    )


def _diffusers(constant: str) -> Callable[[str, BuildOptions], TextToAudio]:
    """The builder of a model that ``diffusers_tta`` has under the name ``constant``."""

    def build(location: str, options: BuildOptions) -> TextToAudio:
        from audiostory.baselines import diffusers_tta

        return diffusers_tta.DiffusersTextToAudio.from_pretrained(
            location,
            getattr(diffusers_tta, constant),
            device=options.device,
            dtype=_dtype(options.dtype),
            long_captions=options.long_captions,
        )

    return build


def _external(name: str) -> Callable[[str, BuildOptions], TextToAudio]:
    """The builder of a model behind a command or an address; 10 s at 16 kHz, as in Table 1."""

    def build(location: str, options: BuildOptions) -> TextToAudio:
        from audiostory.baselines.external import (
            CommandTextToAudio,
            ExternalConfig,
            HttpTextToAudio,
        )

        config = ExternalConfig(
            name=name, max_duration_s=10.0, sample_rate_hz=16_000, timeout_s=options.timeout_s
        )
        if location.startswith(("http://", "https://")):
            return HttpTextToAudio(location, config)
        return CommandTextToAudio(_words(location), config)

    return build


def _retrieval(location: str, options: BuildOptions) -> TextToAudio:
    from audiostory.baselines.retrieval import RetrievalTextToAudio

    del options
    return RetrievalTextToAudio(Path(location), kept_back_only=True)


def _noise(location: str, options: BuildOptions) -> TextToAudio:
    from audiostory.baselines.noise import NoiseTextToAudio

    del location, options
    return NoiseTextToAudio()


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"{command!r} is no command ({error}): quote it as for a shell") from None


def _dtype(name: str):  # noqa: ANN202 - torch is not imported here
    import torch

    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ConfigError(f"no type {name!r} for weights; there are float32, bfloat16, float16")
    return dtype


_INSTALLED = (
    "a command that keeps the contract of docs/baselines.md, around your installation of {repo}, "
    "or the address of an endpoint"
)
_RESEARCH = "weights for research alone: Stability AI Community License, WavCaps' academic terms"
_HUB = "its folder, or the name of its repository ({repo}): hf download {repo} --local-dir DIR"

BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline(
            name="tangoflux",
            max_duration_s=30.0,
            citation="TangoFlux, arXiv:2412.21037",
            licence=_RESEARCH,
            location=_HUB.format(repo="declare-lab/TangoFlux"),
            build=_tangoflux,
        ),
        Baseline(
            name="tangoflux-windowed",
            max_duration_s=None,
            citation="after FreeAudio, arXiv:2507.08557, with TangoFlux, arXiv:2412.21037",
            licence=_RESEARCH,
            location=_HUB.format(repo="declare-lab/TangoFlux"),
            build=_tangoflux,
            compose=_windowed,
        ),
        Baseline(
            name="audioldm2",
            max_duration_s=10.0,
            citation="AudioLDM 2, arXiv:2308.05734",
            licence="weights CC BY-NC-SA 4.0",
            location=_HUB.format(repo="cvssp/audioldm2"),
            build=_diffusers("AUDIOLDM2"),
        ),
        Baseline(
            name="audioldm2-large",
            max_duration_s=10.0,
            citation="AudioLDM 2, arXiv:2308.05734",
            licence="weights CC BY-NC-SA 4.0",
            location=_HUB.format(repo="cvssp/audioldm2-large"),
            build=_diffusers("AUDIOLDM2_LARGE"),
        ),
        Baseline(
            name="stable-audio-open",
            max_duration_s=47.0,
            citation="Stable Audio Open, arXiv:2407.14358",
            licence="weights Stability AI Community License; accept it on the hub first",
            location=_HUB.format(repo="stabilityai/stable-audio-open-1.0"),
            build=_diffusers("STABLE_AUDIO_OPEN"),
        ),
        Baseline(
            name="stable-audio-3",
            max_duration_s=380.0,
            citation="Stable Audio 3, arXiv:2605.17991",
            licence="weights Stability AI Community License; accept it on the hub first",
            location="a folder in the format of diffusers: fetch stabilityai/stable-audio-3-medium "
            "and convert it with the script that diffusers has for it",
            build=_diffusers("STABLE_AUDIO_3"),
        ),
        Baseline(
            name="make-an-audio",
            max_duration_s=10.0,
            citation="Make-An-Audio, arXiv:2301.12661",
            licence="code MIT; for the weights see its page",
            location=_INSTALLED.format(repo="github.com/Text-to-Audio/Make-An-Audio"),
            build=_external("Make-An-Audio"),
            known_by="program",
        ),
        Baseline(
            name="codi",
            max_duration_s=10.0,
            citation="CoDi, arXiv:2305.11846",
            licence="see github.com/microsoft/i-Code, i-Code-V3",
            location=_INSTALLED.format(repo="github.com/microsoft/i-Code, i-Code-V3"),
            build=_external("CoDi"),
            known_by="program",
        ),
        Baseline(
            name="next-gpt",
            max_duration_s=10.0,
            citation="NExT-GPT, arXiv:2309.05519",
            licence="code BSD 3-Clause; weights CC BY-NC-SA 4.0",
            location=_INSTALLED.format(repo="github.com/NExT-GPT/NExT-GPT"),
            build=_external("NExT-GPT"),
            known_by="program",
        ),
        Baseline(
            name="retrieval",
            max_duration_s=None,
            citation="a floor: the nearest clip kept from the evaluator (baselines/retrieval.py)",
            licence="that of each clip, named in the plan's notes",
            location="the folder of a corpus with metadata.jsonl",
            build=_retrieval,
            known_by="corpus",
        ),
        Baseline(
            name="noise",
            max_duration_s=None,
            citation="a floor: bursts of noise with the plan's timing (baselines/noise.py)",
            licence="none needed",
            location="",
            build=_noise,
            known_by="nothing",
        ),
    )
}
"""All of them, by name."""
