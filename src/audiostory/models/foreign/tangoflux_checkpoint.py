"""The released TangoFlux: a generator of its own, and what the released DiT began from.

Its folder holds ``tangoflux.safetensors`` (DiT and text encoder), ``vae.safetensors`` and
``config.json``; the text encoder's vocabulary and sizes come from Flan-T5-large's folder.

Source: declare-lab/TangoFlux on the hub; its key layout is that of the generator in the released
AudioStory, without its prefix (``checkpoint.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import T5Config, T5EncoderModel

from audiostory.errors import CheckpointError
from audiostory.models.checkpoint import GENERATOR, TEXT_ENCODER, Origin, name_of_release
from audiostory.models.dit import DiffusionTransformer
from audiostory.models.foreign.companions import found_companion, way_to
from audiostory.models.foreign.release_sizes import autoencoder_sizes, dit_sizes
from audiostory.models.tangoflux import TangoFlux
from audiostory.models.tensor_files import opened_tensors
from audiostory.models.text_encoder import TextEncoder, tokenizer_in
from audiostory.models.vae import OobleckAutoencoder
from audiostory.models.weights import fill, listed, misfits, shapes_of, without_numbers

WEIGHTS, AUTOENCODER, CONFIG = "tangoflux.safetensors", "vae.safetensors", "config.json"
FILES = (WEIGHTS, AUTOENCODER, CONFIG)
DUPLICATE = "encoder.embed_tokens.weight"
"""The text encoder's table under a second name; it may be stored or not."""


@dataclass(frozen=True)
class LoadedTangoFlux:
    """TangoFlux with the autoencoder that makes its latents sound."""

    model: TangoFlux
    codec: OobleckAutoencoder


def read_tangoflux(
    folder: Path,
    *,
    text_encoder: Path | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> LoadedTangoFlux:
    """The released TangoFlux, in evaluation mode.

    Args:
        folder: of declare-lab/TangoFlux.
        text_encoder: folder of flan-t5-large, for vocabulary and sizes; else it is looked for in
            and around ``folder``.
        device: where the model goes.
        dtype: what its weights become.

    Raises:
        CheckpointError: naming all that is missing, unknown, misshapen or of another model.
    """
    encoder_folder = text_encoder or found_companion("text_encoder", folder)
    if encoder_folder is None:
        raise CheckpointError(way_to("text_encoder", folder))
    origins = _origins(folder)
    generator = {k: v for k, v in origins.items() if k.startswith("dit.")}
    encoder_parts = {k: v for k, v in origins.items() if not k.startswith("dit.")}
    with without_numbers():
        dit = DiffusionTransformer(dit_sizes(folder / CONFIG))
        network = T5EncoderModel(T5Config.from_pretrained(encoder_folder, local_files_only=True))
        network.tie_weights()
        autoencoder = opened_tensors(folder / AUTOENCODER)
        codec = OobleckAutoencoder(autoencoder_sizes(autoencoder.shapes))
    encoder_parts.pop(f"text_encoder.{DUPLICATE}", None)
    parts = (
        (dit, "dit.", generator),
        (network, "text_encoder.", encoder_parts),
        (codec, "", {f"network.{k}": Origin(autoencoder, k) for k in autoencoder.shapes}),
    )
    problems = [
        problem
        for module, prefix, own in parts
        for problem in misfits(
            {f"{prefix}{k}": v for k, v in shapes_of(module).items()},
            {k: v.shape for k, v in own.items()},
        )
    ]
    if problems:
        raise CheckpointError(f"{folder} does not fit: {listed(problems)}")
    for module, prefix, own in parts:
        _fill_all(module, prefix, own, device=device, dtype=dtype)
    network.tie_weights()
    model = TangoFlux(TextEncoder(network, tokenizer_in(encoder_folder, network)), dit)
    return LoadedTangoFlux(
        model.to(device=device, dtype=dtype).eval(), codec.to(device=device, dtype=dtype).eval()
    )


def start_dit_from_tangoflux(dit: DiffusionTransformer, folder: Path) -> None:
    """Give a DiT the weights of TangoFlux's, to train on from there (Sec. 5.1).

    Args:
        dit: of the same sizes; it keeps its device and type.
        folder: of declare-lab/TangoFlux.

    Raises:
        CheckpointError: naming all that does not fit.
    """
    own = dit_origins(folder)
    wanted = {f"dit.{k}": v for k, v in shapes_of(dit).items()}
    if problems := misfits(wanted, {k: v.shape for k, v in own.items()}):
        raise CheckpointError(f"the DiT of {folder} does not fit: {listed(problems)}")
    weight = next(dit.parameters())
    _fill_all(dit, "dit.", own, device=weight.device, dtype=weight.dtype)


def dit_origins(folder: Path) -> dict[str, Origin]:
    """Where each tensor of TangoFlux's DiT lies, by our names in a model (``dit.``...).

    Raises:
        CheckpointError: if files are missing, or tensors are unknown.
    """
    return {name: each for name, each in _origins(folder).items() if name.startswith("dit.")}


def _origins(folder: Path) -> dict[str, Origin]:
    """Where each tensor of DiT and text encoder lies, under ``dit.`` and ``text_encoder.``."""
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise CheckpointError(
            f"{folder} lacks {', '.join(missing)}: hf download declare-lab/TangoFlux "
            f"{' '.join(FILES)} --local-dir {folder}"
        )
    file = opened_tensors(folder / WEIGHTS)
    origins: dict[str, Origin] = {}
    unknown: list[str] = []
    for name in file.shapes:
        if f"{GENERATOR}{name}".startswith(TEXT_ENCODER):
            origins[f"text_encoder.{name.partition('.')[2]}"] = Origin(file, name)
            continue
        try:
            ours = name_of_release(f"{GENERATOR}{name}")
        except CheckpointError:
            ours = None
        if ours is None:
            unknown.append(f"{name} is unknown")
        else:
            origins[ours] = Origin(file, name)
    if unknown:
        raise CheckpointError(f"{folder / WEIGHTS} does not fit: {listed(unknown)}")
    return origins


def _fill_all(
    module: torch.nn.Module,
    prefix: str,
    origins: Mapping[str, Origin],
    *,
    device: torch.device | str,
    dtype: torch.dtype,
) -> None:
    """Give every tensor of a module its numbers."""
    for name, origin in origins.items():
        ((_, value),) = origin.file.read([origin.name])
        fill(module, name.removeprefix(prefix), value, device=device, dtype=dtype)
