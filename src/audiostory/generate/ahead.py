"""Clips that sound while later captions are still being written.

A clip's sound depends on the storyline, on its own caption and on those before it, on nothing that
comes later: once its caption is written it can be made. A thread makes one clip after the other, on
CUDA in a stream of its own, so that the first is heard long before the story is told to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import torch

from audiostory.generate.narration import CaptionReady, ClipReady
from audiostory.generate.sounding import Sounding
from audiostory.story.plan import Plan


class SoundingAhead:
    """Makes clips in the order in which their captions come; use it as a context.

    Args:
        sounding_of: how a plan is sounded; all soundings share one store.
        device: where the clips are made.
    """

    def __init__(self, sounding_of: Callable[[Plan], Sounding], device: torch.device) -> None:
        self.sounding_of = sounding_of
        self.num_ready = 0
        """Clips that were given back; they come in the plan's order."""
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sounding")
        self._under_way: deque[Future[ClipReady]] = deque()

    def __enter__(self) -> SoundingAhead:
        """Itself; at the end of the block nothing is under way any more."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the clip that is being made be finished, begin no other."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def begin(self, caption: CaptionReady) -> None:
        """Have a clip made whose caption is written."""
        self._under_way.append(self._worker.submit(self._made, caption))

    def finished(self) -> Iterator[ClipReady]:
        """The clips that are finished by now."""
        while self._under_way and self._under_way[0].done():
            yield self._next()

    def rest(self) -> Iterator[ClipReady]:
        """All clips that are under way, each as soon as it is finished."""
        while self._under_way:
            yield self._next()

    def _next(self) -> ClipReady:
        self.num_ready += 1
        return self._under_way.popleft().result()

    def _made(self, caption: CaptionReady) -> ClipReady:
        stream: AbstractContextManager[object] = nullcontext()
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.default_stream(self._stream.device))
            stream = torch.cuda.stream(self._stream)
        with torch.no_grad(), stream:
            return self.sounding_of(caption.plan).clip(caption.index)
