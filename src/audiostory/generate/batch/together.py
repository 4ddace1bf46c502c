"""Several stories under way at once on one device: continuous batching.

Every story is told in a thread of its own, by the same code as a story alone. What they share takes
the steps of all of them as one batch: the language model's memory (``shared_memory.py``) and the
renderer. The renderer works in the thread that iterates: whatever stories ask for while a batch is
made goes into the next ones, and Ctrl-C ends a batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from audiostory.audio.waveform import Waveform
from audiostory.generate.batch.shared_memory import STORY_ERRORS, SharedMemory
from audiostory.generate.pipeline import AudioStoryPipeline, Sharing
from audiostory.generate.renderer import Renderer, SamplingSettings, Take, batches_of
from audiostory.models.bridge import Condition

if TYPE_CHECKING:
    from audiostory.generate.batch.claims import Claim
    from audiostory.generate.batch.many import Job, Record


@dataclass(eq=False)
class Request:
    """Takes that one story waits for."""

    takes: Sequence[Take]
    conditions: Sequence[Condition]
    settings: SamplingSettings
    made: dict[int, Waveform] = field(default_factory=dict)
    """The finished ones by their row."""
    answer: Future[list[Waveform]] = field(default_factory=Future)

    def keep(self, row: int, waveform: Waveform) -> None:
        """Note a finished take; the last one ends the wait."""
        self.made[row] = waveform
        if len(self.made) == len(self.takes):
            self.answer.set_result([self.made[each] for each in range(len(self.takes))])


@dataclass(frozen=True)
class Part:
    """One take of a request."""

    request: Request
    row: int

    @property
    def take(self) -> Take:
        """What to make."""
        return self.request.takes[self.row]


class SharedRenderer(Renderer):
    """A renderer for threads: they wait while one thread makes what all of them ask for.

    Args:
        alone: what renders in the end.
        ask: tells the thread that renders of a request.
    """

    def __init__(self, alone: Renderer, ask: Callable[[Request], None]) -> None:
        super().__init__(alone.model)
        self.alone = alone
        self.max_batch_frames = alone.max_batch_frames
        self.waiting: list[Request] = []
        """Requests in order; for the thread that renders."""
        self._ask = ask

    def render(
        self, takes: Sequence[Take], conditions: Sequence[Condition], settings: SamplingSettings
    ) -> list[Waveform]:
        """The sound of takes, as soon as they were made among others."""
        request = Request(takes, conditions, settings)
        self._ask(request)
        return request.answer.result()

    def render_next(self) -> None:
        """Make a batch of what is waited for, the oldest request's among it.

        What fails for several stories at once is tried for each of them alone; where a story fails
        then, it is told so and the others are not.
        """
        parts = self._next_parts()
        requests = list(dict.fromkeys(part.request for part in parts))
        if len(requests) > 1:
            with suppress(*STORY_ERRORS):
                self._make(parts)
        for request in requests:
            own = [part for part in parts if part.request is request]
            try:
                self._make([part for part in own if part.row not in request.made])
            except STORY_ERRORS as error:
                request.answer.set_exception(error)
        self.waiting = [request for request in self.waiting if not request.answer.done()]

    def _make(self, parts: Sequence[Part]) -> None:
        """Render parts as one batch; nothing, if there are none."""
        if not parts:
            return
        try:
            waveforms = self.alone.render(
                [part.take for part in parts],
                [part.request.conditions[part.row] for part in parts],
                parts[0].request.settings,
            )
        finally:
            self.max_batch_frames = self.alone.max_batch_frames
        for part, waveform in zip(parts, waveforms, strict=True):
            part.request.keep(part.row, waveform)

    def _next_parts(self) -> list[Part]:
        """The first part that waits, and those most like it in length, as many as fit."""
        settings = self.waiting[0].settings
        parts = [
            Part(request, row)
            for request in self.waiting
            for row in range(len(request.takes))
            if request.settings == settings and row not in request.made
        ]
        num_frames = parts[0].take.num_frames
        parts.sort(key=lambda part: abs(part.take.num_frames - num_frames))
        batch = batches_of([part.take for part in parts], self.max_batch_frames)[0]
        return parts[: len(batch)]


def narrate_together(
    pipeline: AudioStoryPipeline,
    claimed: Iterator[tuple[Job, Claim]],
    tell: Callable[[Job, Sharing], Record],
    num_together: int,
) -> Generator[Record, None, None]:
    """A record of each job, as its story is finished; claims are given back before.

    Args:
        pipeline: its networks are shared.
        claimed: jobs and the claims on them; one is taken as soon as there is room.
        tell: makes one story, in a thread of its own.
        num_together: stories under way at once, at most.
    """
    inbox: SimpleQueue[Request | Future[Record]] = SimpleQueue()
    memory = SharedMemory(pipeline.model.llm, num_together)
    renderer = SharedRenderer(pipeline.renderer, inbox.put)
    sharing = Sharing(lend=memory.lend, renderer=renderer)
    under_way: set[Future[Record]] = set()

    def told(job: Job, claim: Claim) -> Record:
        with claim:
            return tell(job, sharing)

    with ThreadPoolExecutor(num_together) as threads:
        try:
            while True:
                while len(under_way) < num_together and (each := next(claimed, None)):
                    under_way.add(story := threads.submit(told, *each))
                    story.add_done_callback(inbox.put)
                if not under_way:
                    return
                news = _taken(inbox, waits=not renderer.waiting)
                ended = [each for each in news if isinstance(each, Future)]
                renderer.waiting += [each for each in news if isinstance(each, Request)]
                under_way -= set(ended)
                for story in sorted(ended, key=lambda story: story.exception() is not None):
                    yield story.result()  # or the error that stops all
                if renderer.waiting:
                    renderer.render_next()
        finally:
            memory.close()
            _cancel(renderer.waiting)
            while under_way:
                news = _taken(inbox, waits=True)
                under_way -= {each for each in news if isinstance(each, Future)}
                _cancel([each for each in news if isinstance(each, Request)])


def _cancel(requests: Sequence[Request]) -> None:
    """Let nobody wait for these any more."""
    for request in requests:
        request.answer.cancel()


def _taken(
    inbox: SimpleQueue[Request | Future[Record]], *, waits: bool
) -> list[Request | Future[Record]]:
    """All that has come; at least one where it ``waits``."""
    news = [inbox.get()] if waits else []
    with suppress(Empty):
        while True:
            news.append(inbox.get_nowait())
    return news
