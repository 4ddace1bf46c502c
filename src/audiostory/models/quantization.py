"""Fewer bits for the language model's weights, so that it fits a smaller GPU.

Only the projections are stored in fewer bits, a scale for each output channel or group beside them;
embeddings, norms, bridge, DiT and codec stay as they are. Arithmetic stays in the model's own type.
Wraps torchao, an optional package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

from audiostory.errors import ConfigError
from audiostory.models.audiostory import AudioStoryModel
from audiostory.optional import require

Bits = Literal["int8", "int4"]


def _int8(library: Any) -> Any:
    return library.Int8WeightOnlyConfig()


def _int4(library: Any) -> Any:
    return library.Int4WeightOnlyConfig(group_size=128)


KINDS: dict[str, Callable[[Any], Any]] = {"int8": _int8, "int4": _int4}
"""How weights can be stored, and torchao's name for it."""


def quantize(model: AudioStoryModel, bits: Bits, device: torch.device | str = "cpu") -> None:
    """Store the language model's projections in fewer bits, in place, and move the model.

    Projections go to the device one by one, so that the whole model never has to fit there.

    Args:
        model: loaded on the CPU, LoRA merged, in the type it is to compute in.
        bits: ``int8`` on any device; ``int4`` on CUDA in bfloat16.
        device: where the model goes.

    Raises:
        ConfigError: if there is no such kind, or it does not go with device, type or LoRA.
        MissingExtraError: if torchao is not installed.
    """
    if bits not in KINDS:
        raise ConfigError(f"no kind of weights {bits!r}; there are {', '.join(KINDS)}")
    weight = next(model.llm.parameters())
    if model.llm.config.lora is not None:
        raise ConfigError("a language model with a LoRA is not quantized: merge it before")
    device = torch.device(device)
    if bits == "int4" and (device.type != "cuda" or weight.dtype != torch.bfloat16):
        raise ConfigError(
            f"int4 weights need CUDA and bfloat16, this model is {weight.dtype} on {device}: use "
            "int8, or --device cuda"
        )
    library = require("torchao.quantization", extra="quantize")
    library.quantize_(
        model.llm.network.model, KINDS[bits](library), filter_fn=is_projection, device=device
    )
    model.to(device)


def is_projection(module: nn.Module, name: str) -> bool:
    """Whether a part of the language model is a linear map of its blocks."""
    return isinstance(module, nn.Linear) and name.startswith("layers.")


def llm_bytes(model: AudioStoryModel) -> int:
    """Bytes that the language model's weights take as they are stored."""
    return sum(_stored_bytes(parameter) for parameter in model.llm.parameters())


def _stored_bytes(value: torch.Tensor) -> int:
    """Bytes of a tensor, or of the parts that stand for it."""
    parts = getattr(value, "tensor_data_names", None)
    if parts is None:
        return value.nbytes
    return sum(_stored_bytes(getattr(value, part)) for part in parts)
