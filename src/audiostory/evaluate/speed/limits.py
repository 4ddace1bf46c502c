"""What the hardware could do at most, measured on the spot: bytes and operations per second.

Decoding one text reads every weight of the language model once a token, so memory bandwidth bounds
it; denoising multiplies large matrices, so arithmetic does.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from audiostory.models.audiostory import AudioStoryModel
from audiostory.models.capture import WHOLE_DEVICE
from audiostory.models.llm import LanguageModel

MOST_BYTES = 4 * 1024**3
"""Largest memory that is read to measure bandwidth; beyond any cache."""
MATRIX_ROWS = {"cpu": 2048, "cuda": 8192}
"""Sides of the square matrices whose product measures arithmetic, by kind of device."""


def bytes_per_token(llm: LanguageModel) -> int:
    """Bytes of weights that one step of one text reads; of the embedding, only as output layer."""
    weights = sum(parameter.nbytes for parameter in llm.parameters())
    if llm.config.tie_embeddings:
        return weights
    return weights - llm.network.model.embed_tokens.weight.nbytes


@torch.no_grad()
def bandwidth(num_bytes: int, weight: Tensor) -> float:
    """Bytes per second at which products with a vector read as much memory.

    Args:
        num_bytes: size of what is read: small models lie in a cache, which is faster.
        weight: its device and type are those measured.
    """
    width = 2048
    rows = max(width, min(num_bytes, MOST_BYTES) // (width * weight.element_size()))
    matrix, vector = weight.new_ones(rows, width), weight.new_ones(width)
    return matrix.nbytes / best_time(lambda: matrix @ vector, weight.device)


@torch.no_grad()
def arithmetic(weight: Tensor) -> float:
    """Operations per second of a large matrix product; an addition counts like a product."""
    rows = MATRIX_ROWS.get(weight.device.type, 2048)
    matrix = weight.new_ones(rows, rows)
    return 2 * rows**3 / best_time(lambda: matrix @ matrix, weight.device)


@torch.no_grad()
def operations(model: AudioStoryModel, num_frames: int, num_conditions: int) -> int:
    """Operations of one evaluation of the DiT on one clip, as torch counts them."""
    weight = next(model.dit.parameters())
    config = model.config
    inputs = (
        weight.new_zeros(1, num_frames, config.codec.latent_channels),
        weight.new_zeros(1),
        weight.new_zeros(1, num_conditions, config.bridge.width),
        weight.new_zeros(1),
    )
    with FlopCounterMode(display=False) as counter:
        model.dit(*inputs)
    return counter.get_total_flops()


def best_time(work: Callable[[], object], device: torch.device, *, repeats: int = 5) -> float:
    """Seconds that a piece of work takes at best, after once for warming up."""
    work()
    times: list[float] = []
    for _ in range(repeats):
        synchronize(device)
        began = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - began)
    return min(times)


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was asked to."""
    if device.type == "cuda":
        with WHOLE_DEVICE:
            torch.cuda.synchronize(device)
