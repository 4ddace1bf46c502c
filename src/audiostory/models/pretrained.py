"""A model by its name or folder, whichever way it is kept: ours, or the released one."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import torch

from audiostory.errors import ConfigError
from audiostory.models import quantization
from audiostory.models.catalogue import DEFAULT_MODEL, is_release, resolve_model
from audiostory.models.foreign.companions import COMPANIONS, found_companion
from audiostory.models.foreign.release_files import find_release, weights_in
from audiostory.models.model_folder import CONFIG, Pretrained, from_pretrained
from audiostory.models.quantization import Bits
from audiostory.models.shards import INDEX


def load_pretrained(
    name_or_dir: str = DEFAULT_MODEL,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    quantize: Bits | None = None,
) -> Pretrained:
    """A model and its vocabulary, in evaluation mode.

    Args:
        name_or_dir: a known name, a folder of ours or of the release, or a repository of the hub
            (``TencentARC/AudioStory-3B``), which is fetched with all it needs.
        device: where the model goes.
        dtype: what its weights become; None takes what suits the device.
        quantize: store the language model's projections in fewer bits; it computes in ``dtype``.

    Raises:
        CheckpointError: if there is no such model, or its files are damaged, incomplete or of
            another one.
        ConfigError: if there is no such device here, or it cannot be quantized so.
        MissingExtraError: if quantizing needs a package that is not installed.
    """
    folder = resolve_model(name_or_dir)
    check_device(device)
    dtype = dtype or dtype_for(device)
    first = device if quantize is None else "cpu"  # whole, it may not fit the device
    if is_release(folder):
        from audiostory.models.checkpoint import read_release  # slow, and only needed here

        files = find_release(folder, may_fetch=not Path(name_or_dir).is_dir())
        loaded = read_release(files, device=first, dtype=dtype)
    else:
        loaded = from_pretrained(folder, device=first, dtype=dtype)
    if quantize is not None:
        quantization.quantize(loaded.model, quantize, device)
    return loaded


def variant_of(fingerprint: str, dtype: torch.dtype, quantize: Bits | None) -> str:
    """A fingerprint of weights held in some type: those in float32 have the files' own."""
    kinds = [str(dtype).removeprefix("torch.")] if dtype != torch.float32 else []
    return "-".join([fingerprint, *kinds, *([quantize] if quantize else [])])


def check_device(device: torch.device | str) -> None:
    """Nothing, if something can be computed there.

    Raises:
        ConfigError: with torch's reason and the way out.
    """
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"nothing can be computed on {str(device)!r} here ({reason}): use cpu, or install a "
            "torch that has this device (docs/install.md)"
        ) from error


def dtype_for(device: torch.device | str) -> torch.dtype:
    """float32 on CPUs, where results are the same everywhere; bfloat16 on accelerators."""
    return torch.float32 if torch.device(device).type == "cpu" else torch.bfloat16


def fingerprint_of(folder: Path) -> str:
    """What tells the model in ``folder`` from all others: a digest of every byte it is made of.

    Our index holds the digest of every weights file, the release's archive the checksum of every
    tensor, and loading checks both: those stand for the weights. Other files are read.
    """
    digest = hashlib.sha256()
    for path in _release_parts(folder) if is_release(folder) else (folder / INDEX, folder / CONFIG):
        digest.update(_content(path))
    return digest.hexdigest()[:32]


def _release_parts(folder: Path) -> list[Path]:
    """The files that a release in a folder is made of, and its companions' in and around it.

    Those that come from the hub are left out: they are always the same.
    """
    found = {role: found_companion(role, folder) for role in COMPANIONS}
    beside = [
        place / name
        for role, place in found.items()
        if place is not None
        for names in COMPANIONS[role].files
        for name in names.split("|")
    ]
    paths = [*weights_in(folder), folder / "config.yaml", *beside]
    return [path for path in paths if path.is_file()]


def _content(path: Path) -> bytes:
    """What stands for the content of a file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return repr([(part.filename, part.CRC) for part in archive.infolist()]).encode()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
