"""How many latent frames are denoised together: what suits the device."""

from __future__ import annotations

import torch

from audiostory.models.dit import DiffusionTransformer, DitConfig

CPU_FRAMES = 384
"""Half a minute of nano's; more at once is no faster on a CPU."""
MOST_FRAMES = 8192
"""More do not make a GPU faster, but finished clips rarer."""
WIDTHS_PER_POSITION = 40
"""Numbers that are alive at once for a position in attention, in widths of the model.

In a single block: the stream and its norm (2), the MLP before and after its activation (8), query,
key and value with their norms (5), the turned query and key in 32 bits with their halves (12), what
attention finds, beside the MLP and projected (7). That makes 34; the rest is for rounding up.
"""
BRANCHES = 2
"""Guidance sends every clip through the DiT twice."""
CONDITIONS = 2
"""Positions for each patch of frames, condition tokens included: as many again for short clips."""
SHARE = 0.5
"""Of the free memory; the other half is for the codec, the language model and fragments."""


def frames_at_once(dit: DiffusionTransformer) -> int:
    """Latent frames, padding included, that this DiT denoises together where it is now.

    On CUDA it follows from the memory that is free, rounded so that a card gives the same number
    again unless something else fills it; anywhere else it is fixed.
    """
    weight = next(dit.parameters())
    if weight.device.type != "cuda":
        return CPU_FRAMES
    free, _ = torch.cuda.mem_get_info(weight.device)
    free += torch.cuda.memory_reserved(weight.device) - torch.cuda.memory_allocated(weight.device)
    return frames_within(free, dit.config, weight.element_size())


def frames_within(free_bytes: int, config: DitConfig, bytes_per_number: int) -> int:
    """Latent frames whose activations fit into free memory: a power of two, at most the most.

    A frame takes ``BRANCHES * CONDITIONS * WIDTHS_PER_POSITION`` numbers of the model's width,
    divided by the frames of a patch; ``SHARE`` of the memory may be taken. One clip of any length
    is always allowed: where not even that fits, the renderer says so.
    """
    width = config.num_heads * config.head_dim
    per_patch = BRANCHES * CONDITIONS * WIDTHS_PER_POSITION * width * bytes_per_number
    fitting = int(SHARE * free_bytes * config.patch_frames / per_patch)
    rounded = 1 << max(fitting, 1).bit_length() - 1
    return min(max(rounded, config.max_frames), MOST_FRAMES)
