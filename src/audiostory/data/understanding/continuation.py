"""Stories whose beginning is heard and whose rest is to be told: audio continuation in Stage III.

A composed story is cut before one of its events. What comes before is heard; what follows is a
story of its own, told from zero on, whose instruction is worded as in Figs. 6 and 7. There the
clips add up to 5.6 and 5.9 s less than the total that is asked for (31.0 of 36.6 s, 39.9 of
45.8 s), as if it counted what is heard; here it is the length of what is to be told, which is what
an instruction's total means everywhere else.

Source: AudioStory Sec. 4.3 (Stage III), Figs. 6 and 7.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor

from audiostory.data.cache import key_of
from audiostory.data.manifest import Room, StoryRow
from audiostory.data.mixing import Mixer
from audiostory.errors import CorpusError

log = logging.getLogger(__name__)

INSTRUCTION = (
    "Understand the input audio, infer the subsequent events, and generate the continued audio of "
    "{}."
)
TIME_DECIMALS = 6


@dataclass(frozen=True)
class Continuation:
    """A sounding story and how many of its events are heard."""

    row: StoryRow
    num_heard: int
    index: int
    """Place of the story among those that were cut."""

    @property
    def heard_s(self) -> float:
        """Length of what is heard."""
        return self.row.events[self.num_heard].start_s

    @property
    def rest(self) -> StoryRow:
        """What is to be told. It has no layers: its sounds are those of the whole story."""
        row, count = self.row, self.num_heard
        about = row.summary[0].lower() + row.summary[1:].rstrip(".!")
        events = tuple(
            replace(
                event,
                start_s=round(event.start_s - self.heard_s, TIME_DECIMALS),
                end_s=round(event.end_s - self.heard_s, TIME_DECIMALS),
            )
            for event in row.events[count:]
        )
        return replace(
            row,
            id=f"{row.id}+{count}",
            instruction=INSTRUCTION.format(about),
            duration_s=events[-1].end_s,
            events=events,
            captions=row.captions[count:],
            layers=(),
            bed=None,
            room=Room(),
        )

    @property
    def content(self) -> str:
        """A name that changes with what is heard."""
        return key_of(self.row.to_json(), self.num_heard)

    def heard(self, mixer: Mixer) -> Tensor:
        """Samples ``(N,)`` of what is heard, at the mixer's rate.

        Raises:
            CorpusError: if a clip cannot be used.
        """
        num_samples = round(self.heard_s * mixer.sample_rate_hz)
        return torch.from_numpy(mixer.story(self.row)[:num_samples].copy())


def continuations(rows: Iterable[StoryRow], seed: int) -> list[Continuation]:
    """Every story with sounds and at least two events, cut at a random one.

    Raises:
        CorpusError: if there is none.
    """
    found: list[Continuation] = []
    num_rows = 0
    for index, row in enumerate(rows):
        num_rows += 1
        if row.has_audio and len(row.events) > 1:
            rng = Random(f"{seed} {row.seed} {row.id}")
            found.append(Continuation(row, rng.randint(1, len(row.events) - 1), index))
    if not found:
        raise CorpusError(
            f"none of {num_rows} stories has sounds and two events: compose some with --corpus"
        )
    log.info("%d of %d stories have sounds and two events", len(found), num_rows)
    return found
