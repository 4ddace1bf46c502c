"""Every encoder by its name, built from local weights or fetched ones, or said to be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from audiostory.errors import CheckpointError, ConfigError, MissingExtraError
from audiostory.evaluate.encoders.ast import AstConfig, load_ast
from audiostory.evaluate.encoders.clap import (
    CLAP,
    CLAP_GENERAL,
    CLAP_MUSIC_SPEECH,
    ClapConfig,
    load_clap,
)
from audiostory.evaluate.encoders.cnn14 import (
    CNN14_16K,
    CNN14_32K,
    CNN14_WEIGHTS,
    Cnn14Config,
    load_cnn14,
)
from audiostory.evaluate.encoders.encoder import AudioEncoder
from audiostory.evaluate.encoders.hub_folder import find_folder
from audiostory.evaluate.encoders.mert import MertConfig, load_mert
from audiostory.evaluate.encoders.openl3 import load_openl3
from audiostory.evaluate.encoders.passt import load_passt
from audiostory.evaluate.encoders.vggish import VGGISH_WEIGHTS, load_vggish
from audiostory.evaluate.encoders.weights_file import (
    FetchProgress,
    WeightsFile,
    find_weights,
    sha256_of,
)
from audiostory.evaluate.encoders.yamnet import load_yamnet
from audiostory.models.pretrained import check_device


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What building an encoder needs to know besides its name."""

    weights: Path | str | None = None
    """A file, folder, URL with ``#sha256=``, or repository of the hub; None takes what was
    published, from the cache or its server."""
    device: torch.device | str = "cpu"
    cache: Path | None = None
    """Folder that fetched files are kept in; None is ``~/.cache/audiostory``. Repositories of the
    hub are kept in the hub's own."""
    progress: FetchProgress | None = None


@dataclass(frozen=True)
class EncoderMissing:
    """An encoder that cannot be had here: its numbers are left out, never made up."""

    name: str
    reason: str
    """What is missing, and how it can be had."""
    way_out: str
    """What to ask for to have its numbers all the same."""

    @property
    def described(self) -> str:
        """One line for a report's list of what was left out."""
        return f"{self.name}: {self.reason}. {self.way_out}"


def _vggish(options: BuildOptions) -> AudioEncoder:
    weights = find_weights(
        VGGISH_WEIGHTS, options.weights, cache=options.cache, progress=options.progress
    )
    return load_vggish(weights, device=options.device)


def _cnn14(config: Cnn14Config, options: BuildOptions) -> AudioEncoder:
    published = CNN14_WEIGHTS[config.name]
    weights = find_weights(
        published, options.weights, cache=options.cache, progress=options.progress
    )
    return load_cnn14(config, weights, device=options.device)


def _clap(config: ClapConfig, options: BuildOptions) -> AudioEncoder:
    return load_clap(config, find_folder(options.weights, config.repo), device=options.device)


def _ast(options: BuildOptions) -> AudioEncoder:
    config = AstConfig()
    return load_ast(config, find_folder(options.weights, config.repo), device=options.device)


def _mert(options: BuildOptions) -> AudioEncoder:
    config = MertConfig()
    return load_mert(config, find_folder(options.weights, config.repo), device=options.device)


def _yamnet(options: BuildOptions) -> AudioEncoder:
    if options.weights is None:
        return load_yamnet(device=options.device)
    path = Path(options.weights)
    return load_yamnet(WeightsFile(path, sha256_of(path)), device=options.device)


ENCODERS: dict[str, Callable[[BuildOptions], AudioEncoder]] = {
    "vggish": _vggish,
    "cnn14-32k": lambda options: _cnn14(CNN14_32K, options),
    "cnn14-16k": lambda options: _cnn14(CNN14_16K, options),
    "clap": lambda options: _clap(CLAP, options),
    "clap-general": lambda options: _clap(CLAP_GENERAL, options),
    "clap-music-speech": lambda options: _clap(CLAP_MUSIC_SPEECH, options),
    "ast": _ast,
    "passt": lambda options: load_passt(given=options.weights, device=options.device),
    "openl3": lambda options: load_openl3(given=options.weights, device=options.device),
    "mert": _mert,
    "yamnet": _yamnet,
}
"""How each encoder is built."""


def build_encoder(
    name: str, weights: Path | str | None = None, device: torch.device | str = "cpu"
) -> AudioEncoder:
    """The encoder of this name, ready to hear.

    Args:
        name: one of ``ENCODERS``.
        weights: as in ``BuildOptions``.
        device: where it computes.

    Raises:
        ConfigError: if there is no encoder of this name, or no such device here.
        CheckpointError: if its weights are missing, cannot be fetched, or are of another network.
        MissingExtraError: if a package it needs does not load.
    """
    return build_with(name, BuildOptions(weights=weights, device=device))


def build_with(name: str, options: BuildOptions) -> AudioEncoder:
    """The encoder of this name, built with options; raises as ``build_encoder`` does."""
    if name not in ENCODERS:
        raise ConfigError(f"there is no encoder {name!r}: choose from {', '.join(ENCODERS)}")
    check_device(options.device)
    return ENCODERS[name](options)


def find_encoder(name: str, options: BuildOptions | None = None) -> AudioEncoder | EncoderMissing:
    """The encoder of this name, or what stands in its way.

    Weights that were asked for and cannot be used are a mistake, not a thing that is missing: they
    raise.

    Raises:
        ConfigError: if there is no encoder of this name, or no such device here.
        CheckpointError: if ``options.weights`` is not None and cannot be used.
    """
    options = options or BuildOptions()
    try:
        return build_with(name, options)
    except MissingExtraError as error:
        return EncoderMissing(name, str(error), f"--encoder {name} needs that package")
    except CheckpointError as error:
        if options.weights is not None:
            raise
        return EncoderMissing(name, str(error), f"--encoder {name}=PATH uses weights of yours")
