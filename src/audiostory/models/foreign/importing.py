"""The released checkpoint, written once in our own layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from audiostory.errors import OutputError
from audiostory.models.checkpoint import read_release
from audiostory.models.foreign.release_files import find_release
from audiostory.models.model_folder import save_pretrained
from audiostory.models.weights import stored


def import_release(
    folder: Path,
    out: Path,
    *,
    dtype: torch.dtype = torch.bfloat16,
    companions: Mapping[str, Path] | None = None,
    may_fetch: bool = False,
    feature_scale: float | None = None,
    generation_divides: Literal["once", "twice"] = "once",
    overwrite: bool = False,
) -> list[str]:
    """Write the release in ``folder`` as a model folder; what was done, in words.

    Args:
        folder: the release's.
        out: the model folder to write.
        dtype: how weights are stored; LoRA is merged in float32 before.
        companions: folders of what the release needs besides, by role; else they are looked for.
        may_fetch: whether missing companions are fetched from the hub.
        feature_scale: of the bridge, instead of the one in ``config.yaml``.
        generation_divides: how often the bridge divides by it.
        overwrite: replace a model folder that is there.

    Raises:
        OutputError: if ``out`` exists or cannot be written.
        CheckpointError: if the release is damaged, incomplete or of another model.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists: choose another folder, or overwrite")
    options = {} if feature_scale is None else {"t5_feature_scale": feature_scale}
    files = find_release(folder, companions, may_fetch=may_fetch, options=options)
    loaded = read_release(files, dtype=dtype)
    config = loaded.model.config
    bridge = replace(config.bridge, generation_divides=generation_divides)
    loaded.model.config = replace(config, bridge=bridge)
    save_pretrained(loaded.model, loaded.tokenizer, out, dtype=None, overwrite=overwrite)
    num_bytes = sum(value.nbytes for value in stored(loaded.model).values())
    ears = files.companions.get("whisper")
    return [
        f"{out}: {num_bytes / 1e9:.2f} GB of weights in {str(dtype).removeprefix('torch.')}, "
        "the autoencoder's in float32, LoRA merged",
        *(f"{role}: {path}" for role, path in files.companions.items()),
        f"bridge: divides by {bridge.feature_scale:g} {generation_divides}",
        "ears: " + ("Whisper's" if ears else "none (no whisper-large-v3 beside it)"),
    ]
