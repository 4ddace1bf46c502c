"""Random initial weights from a ``torch.Generator`` alone.

Constructors of upstream networks draw from torch's global generator. ``seeded`` lends them the
state of ours for as long as they run and puts the global state back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Within the block, CPU draws without a generator come from ``generator``.

    Example:
        ``with seeded(torch.Generator().manual_seed(7)): model = LanguageModel(config)``
    """
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(torch.get_rng_state())


@contextmanager
def seeded_on(device: torch.device, generator: torch.Generator) -> Iterator[None]:
    """As ``seeded``, and on a GPU its draws without a generator follow from ``generator``, too."""
    if device.type != "cuda":
        with seeded(generator):
            yield
        return
    seed = int(torch.randint(2**62, (1,), generator=generator))
    with seeded(generator), torch.random.fork_rng(devices=[device]):
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
        yield
