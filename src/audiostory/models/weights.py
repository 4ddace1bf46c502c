"""A model before it has numbers, and how it gets them: by name, one tensor at a time.

Networks are built without memory for their weights ("meta"), compared with what files hold, and
filled tensor by tensor in the type and on the device that are wanted: loading never needs much more
memory than the model itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers.initialization import no_init_weights

from audiostory.errors import CheckpointError
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel

EXACT = "codec."
"""Weights under this name keep float32."""
ROOM = 0.95
"""Share of the free memory that a model may take."""

Shapes = Mapping[str, tuple[int, ...]]


@contextmanager
def without_numbers() -> Iterator[None]:
    """Within the block, modules get parameters without memory; buffers are made as ever."""
    register: Callable[..., None] = nn.Module.register_parameter

    def register_empty(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        register(self, name, param)
        if param is not None and not param.is_meta:
            empty = nn.Parameter(param.detach().to("meta"), param.requires_grad)
            register(self, name, empty)

    nn.Module.register_parameter = register_empty
    try:
        with no_init_weights():
            yield
    finally:
        nn.Module.register_parameter = register


def without_weights(config: AudioStoryConfig) -> AudioStoryModel:
    """A model whose parameters have shapes but neither numbers nor memory yet."""
    with without_numbers():
        model = AudioStoryModel(config)
    model.llm.network.tie_weights()  # done in the initialisation that was left out
    return model


def stored(model: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds of a model: parameters and lasting buffers, tied ones once."""
    seen: set[int] = set()
    kept: dict[str, Tensor] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            kept[name] = value
    return kept


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shapes of what a checkpoint holds of a model."""
    return {name: tuple(value.shape) for name, value in stored(model).items()}


def misfits(wanted: Shapes, found: Shapes) -> list[str]:
    """What of the found tensors does not fit the wanted ones, in words."""
    unknown = [f"{name} is unknown" for name in found if name not in wanted]
    misshapen = [
        f"{name} is {list(shape)}, needs {list(wanted[name])}"
        for name, shape in found.items()
        if name in wanted and tuple(shape) != tuple(wanted[name])
    ]
    missing = [f"{name} is missing" for name in wanted if name not in found]
    return [*missing, *unknown, *misshapen]


def listed(problems: list[str]) -> str:
    """All problems in one text, however many."""
    return "; ".join(problems)


def type_of(name: str, dtype: torch.dtype) -> torch.dtype:
    """The type of a model's weight where it is to compute in ``dtype``.

    The codec stays in float32: eight bits of mantissa would be heard as noise.
    """
    return torch.float32 if name.startswith(EXACT) else dtype


@torch.no_grad()
def fill(
    model: nn.Module,
    name: str,
    value: Tensor,
    *,
    device: torch.device | str,
    dtype: torch.dtype,
) -> None:
    """Give a parameter or buffer of the model its numbers.

    Args:
        model: built ``without_weights``.
        name: as in ``stored``.
        value: the numbers, anywhere and of any type; they are copied.
        device: where they go.
        dtype: what they become.
    """
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    old = module.get_parameter(leaf) if leaf in module._parameters else module.get_buffer(leaf)
    if isinstance(old, nn.Parameter):
        wanted = dtype if old.is_floating_point() else old.dtype
        made = value.to(device, wanted, copy=True, memory_format=torch.contiguous_format)
        module._parameters[leaf] = nn.Parameter(made, old.requires_grad)
    else:
        wanted = dtype if value.is_floating_point() else old.dtype
        module._buffers[leaf] = value.to(device, wanted, copy=True)


def size_of(shapes: Shapes, dtype: torch.dtype) -> int:
    """Bytes of a model's weights where it is to compute in ``dtype``."""
    return sum(math.prod(shape) * type_of(name, dtype).itemsize for name, shape in shapes.items())


def finished(model: AudioStoryModel, *, device: torch.device | str) -> AudioStoryModel:
    """The filled model in evaluation mode; what was never stored keeps the type it was made in.

    Raises:
        CheckpointError: if a parameter was given no numbers.
    """
    model.llm.network.tie_weights()
    if empty := [name for name, value in stored(model).items() if value.is_meta]:
        raise CheckpointError(f"the model got no {listed(empty)}")
    return model.to(device).eval()


def check_memory(num_bytes: int, device: torch.device | str) -> None:
    """Nothing, if a model of that size fits the device's free memory.

    Raises:
        CheckpointError: with both sizes and the ways out.
    """
    free = free_memory(torch.device(device))
    if free is not None and num_bytes > ROOM * free:
        raise CheckpointError(
            f"the model takes {num_bytes / 1e9:.1f} GB, {free / 1e9:.1f} GB are free on {device}: "
            "load it in a smaller type (bfloat16), or on another device"
        )


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a device; None where nobody can say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    known = [_available(Path("/proc/meminfo")), _left_of_group(Path("/sys/fs/cgroup"))]
    return min((free for free in known if free is not None), default=None)


def _available(meminfo: Path) -> int | None:
    """What Linux says could be given to a program."""
    if not meminfo.is_file():
        return None
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def _left_of_group(folder: Path) -> int | None:
    """What the control group that this program runs in may still take."""
    for limit, used, about in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        if not (folder / limit).is_file():
            continue
        most = (folder / limit).read_text().strip()
        if most == "max":
            return None
        stat = dict(line.split() for line in (folder / about).read_text().splitlines())
        reclaimable = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
        return int(most) - int((folder / used).read_text()) + reclaimable
    return None
