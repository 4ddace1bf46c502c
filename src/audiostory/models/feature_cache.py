"""Velocities that are told from those before them instead of being computed.

The cache is TaylorSeer's (arXiv:2503.06923) as the diffusers library has it, in its light form:
where a velocity is foretold, no block of the DiT runs. Which ones are is a matter of counting, so a
clip comes out the same whatever shares its batch. (The library's first-block cache, after TeaCache,
arXiv:2411.19108, looks at the whole batch, padding included, before it decides.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers.hooks.taylorseer_cache import TaylorSeerCacheConfig

from audiostory.models.dit import DiffusionTransformer

WARM_UP = 3
"""Velocities at the start that are always computed (the library's default)."""


@contextmanager
def foretold_velocities(dit: DiffusionTransformer, cache_interval: int) -> Iterator[None]:
    """Within it, the DiT computes one velocity in ``cache_interval`` and foretells the others.

    They lie on the line through the last two computed ones, by their count: for one walk of one
    batch, with a velocity at every step and even noise levels. After it the DiT is as before.

    Args:
        dit: what gives velocities; one walk at a time.
        cache_interval: 1 computes every velocity, 2 every other one after the first few.
    """
    if cache_interval == 1:
        yield
        return
    transformer = dit.transformer
    transformer.enable_cache(
        TaylorSeerCacheConfig(
            cache_interval=cache_interval,
            disable_cache_before_step=WARM_UP,
            max_order=1,
            taylor_factors_dtype=transformer.dtype,
            use_lite_mode=True,
        )
    )
    try:
        with transformer.cache_context("velocity"):
            yield
    finally:
        transformer.disable_cache()
