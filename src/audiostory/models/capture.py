"""Work on tensors of fixed shapes as a CUDA graph: captured once, then replayed in one launch.

Small kernels wait for Python far longer than they run; a graph has no Python in it. Elsewhere than
on CUDA the work is simply done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Work = Callable[..., Tensor]
"""Tensors to one tensor, without looking at their values on the CPU."""
WHOLE_DEVICE = threading.Lock()
"""Held by whoever captures a graph, or waits until a device has done all it was asked to."""
WARM_UPS = 3
"""Runs before capturing, in which kernels choose themselves."""


def captured(work: Work, *examples: Tensor) -> Work:
    """The same work, as a graph where the examples lie on CUDA.

    What cannot be captured is done as ever, and that is logged.

    Args:
        work: is run a few times on the examples.
        examples: of the shapes, types and device of all inputs to come.
    """
    if examples[0].device.type != "cuda":
        return work
    try:
        with torch.cuda.device(examples[0].device):
            return _Graph(work, *examples)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        log.warning("going on without a CUDA graph, which is slower: %s", error)
        return work


class _Graph:
    """A captured piece of work and the memory that it reads and writes."""

    def __init__(self, work: Work, *examples: Tensor) -> None:
        self.work = work  # and with it every tensor that the graph goes on reading
        self.inputs = [example.clone() for example in examples]
        self.graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                work(*self.inputs)
            # other threads may go on computing meanwhile, but neither capture nor wait for the
            # whole device
            with (
                WHOLE_DEVICE,
                torch.cuda.graph(self.graph, stream=stream, capture_error_mode="thread_local"),
            ):
                self.output = work(*self.inputs)
        torch.cuda.current_stream().wait_stream(stream)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the work makes of other inputs, the caller's own."""
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        self.graph.replay()
        return self.output.clone()
