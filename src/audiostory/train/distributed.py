"""One process or many: who they are, how a module is spread over them, what they agree on.

Processes are started by ``torchrun`` or ``accelerate launch``, which tell each its rank; accelerate
sets them up for the device at hand (gloo on CPUs, nccl on GPUs). The module itself is wrapped by
torch: ``DistributedDataParallel``, or ``fully_shard`` (FSDP2), block by block. Accelerate would do
either on GPUs only through its ``Accelerator``, which refuses FSDP2 on CPUs, where it is tested.

With one process every method here does nothing, so that the loop needs no second path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from audiostory.errors import ConfigError, TrainingError
from audiostory.optional import require
from audiostory.train.execution import Execution

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: the first one may encode a whole corpus meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The processes of a run, as one of them sees them."""

    device: torch.device
    """Where this one computes."""
    rank: int = 0
    """Which one this is."""
    count: int = 1
    """How many there are."""
    shard: bool = False
    """Whether weights, gradients and moments are shared out over them."""

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0

    def spread(self, module: nn.Module, *, skips_some: bool = False) -> nn.Module:
        """The module as all processes together train it; its parameters may be other objects then.

        Args:
            module: on its device, with the parameters that do not learn frozen.
            skips_some: whether there are steps that do not reach every parameter that learns, the
                same ones in all processes; replicas then look for them in every step.

        Raises:
            TrainingError: if nothing in it learns.
        """
        if self.count == 1:
            return module
        if not any(value.requires_grad for value in module.parameters()):
            raise TrainingError("nothing to train: every parameter is frozen")
        if self.shard:
            return self._sharded(module)
        return DistributedDataParallel(
            module,
            find_unused_parameters=skips_some,
            gradient_as_bucket_view=True,
        )

    def _sharded(self, module: nn.Module) -> nn.Module:
        mesh = init_device_mesh(self.device.type, (self.count,))
        sharded: set[nn.Parameter] = set()
        for block in blocks_of(module):
            fully_shard(block, mesh=mesh)
            sharded |= set(block.parameters())
        still = {each for each in module.parameters() if not each.requires_grad}
        fully_shard(module, mesh=mesh, ignored_params=still - sharded)
        return module

    def syncing(self, module: nn.Module, *, is_last: bool) -> AbstractContextManager[object]:
        """Around forward and backward of a part: replicas exchange gradients after the last one.

        Shares are exchanged after each, or every process would hold all gradients.
        """
        if isinstance(module, DistributedDataParallel) and not is_last:
            return module.no_sync()
        return nullcontext()

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def agreed(self, *answers: bool) -> list[bool]:
        """What the first process says; clocks differ, decisions must not."""
        if self.count == 1:
            return list(answers)
        told = torch.tensor(answers, device=self.device, dtype=torch.int)
        distributed.broadcast(told, 0)
        return [bool(answer) for answer in told.tolist()]

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            distributed.barrier()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Within the block the first process goes before all others, which then find its files."""
        if not self.is_first:
            self.wait()
        try:
            yield
        finally:
            if self.is_first:
                self.wait()


def launched(execution: Execution) -> Processes:
    """The processes that a launcher started, or this one alone.

    Raises:
        ConfigError: for shares without processes to share them.
        MissingExtraError: if there are several, but accelerate is not installed.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        if execution.shard:
            raise ConfigError(
                "--shard needs processes to share with: start the run with torchrun or "
                "accelerate launch (docs/training-at-scale.md), or leave it out"
            )
        return Processes(device=torch.device(execution.device))
    accelerate = require("accelerate", extra="train")
    state = accelerate.PartialState(cpu=execution.device == "cpu", timeout=PATIENCE)
    return Processes(
        device=state.device,
        rank=state.process_index,
        count=state.num_processes,
        shard=execution.shard,
    )


def blocks_of(module: nn.Module) -> list[nn.Module]:
    """The transformer blocks of the parts in which something learns.

    They are what upstream libraries list in a network's ``_no_split_modules``; networks that are
    frozen (a codec, an encoder) have none here.
    """
    blocks: list[nn.Module] = []
    for network in module.modules():
        kinds = getattr(network, "_no_split_modules", None) or ()
        if kinds and any(value.requires_grad for value in network.parameters()):
            blocks += [each for each in network.modules() if type(each).__name__ in kinds]
    return list(dict.fromkeys(blocks))


def whole(value: Tensor) -> Tensor:
    """A tensor with all of its shares; all processes must ask at once."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def own_bytes(values: Sequence[Tensor]) -> int:
    """Bytes of what this process holds of tensors."""
    held = (value.to_local() if isinstance(value, DTensor) else value for value in values)
    return sum(value.nbytes for value in held)
