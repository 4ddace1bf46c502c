"""What is true of a score as it is played, read off its notes: what a caption may say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Literal

from audiostory.curate.orchestra.instruments import DRUM_BANK
from audiostory.curate.orchestra.score import Part, Score

QUICK_PER_S, SLOW_PER_S = 6.5, 2.2
"""Notes a second from which, and up to which, something is quick or slow."""
LOUD_VELOCITY, SOFT_VELOCITY = 96, 58
HIGH_PITCH, LOW_PITCH = 81, 46
"""Mean pitch from which, and up to which, something is high or low: A5 and A-sharp 2."""
STACCATO_GATE, LEGATO_GATE = 0.5, 0.95
"""Share of their time that notes are held, up to which and from which they are so called."""
LEAST_RISE = 3
"""Semitones between first and last note of what goes up or down."""
LEAST_AGREEMENT = 0.75
"""Share of its steps that go that way."""
LEAST_GROWTH = 25
"""Velocities between the first and last third of what grows louder or dies away."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What can be said of a score."""

    speed: Literal["", "quick", "slow"]
    loudness: Literal["", "loud", "soft"]
    growth: Literal["", "louder", "softer"]
    register: Literal["", "high", "low"]
    articulation: Literal["", "staccato", "legato"]
    """Of instruments whose notes can be let go; what is struck or plucked rings."""
    direction: Literal["", "up", "down"]
    mode: str
    """The score's."""


def traits_of(score: Score) -> Traits:
    """What is true of the score: of all parts how loud, of the lead the rest."""
    velocities = [note.velocity for part in score.parts for note in part.notes]
    loudness, growth = fmean(velocities), _growth(score.lead)
    per_s = _notes_per_s(score)
    pitch = fmean(note.pitch for note in score.lead.notes)
    is_pitched = score.lead.instrument.bank != DRUM_BANK
    rise = _rise(score.lead) if is_pitched else 0
    return Traits(
        speed="quick" if per_s >= QUICK_PER_S else "slow" if 0 < per_s <= SLOW_PER_S else "",
        loudness=(
            "" if growth else "loud" if loudness >= LOUD_VELOCITY
            else "soft" if loudness <= SOFT_VELOCITY else ""
        ),
        growth=growth,
        register=(
            "" if not is_pitched else "high" if pitch >= HIGH_PITCH
            else "low" if pitch <= LOW_PITCH else ""
        ),
        articulation=_articulation(score.lead),
        direction="up" if rise > 0 else "down" if rise < 0 else "",
        mode=score.mode,
    )  # fmt: skip


def onsets(part: Part) -> list[tuple[float, int]]:
    """Beat and highest pitch of every note or chord, in order; notes of a chord differ a little."""
    found: list[tuple[float, int]] = []
    for note in sorted(part.notes, key=lambda note: note.start):
        if found and note.start - found[-1][0] < 0.05:
            found[-1] = (found[-1][0], max(found[-1][1], note.pitch))
        else:
            found.append((note.start, note.pitch))
    return found


def _notes_per_s(score: Score) -> float:
    """How often the lead sets in, in a second; 0 where it does so once."""
    starts = [start for start, _ in onsets(score.lead)]
    if len(starts) < 2:
        return 0.0
    return (len(starts) - 1) / ((starts[-1] - starts[0]) * score.seconds_per_beat)


def _growth(part: Part) -> Literal["", "louder", "softer"]:
    velocities = [note.velocity for note in sorted(part.notes, key=lambda note: note.start)]
    third = max(1, len(velocities) // 3)
    grown = fmean(velocities[-third:]) - fmean(velocities[:third])
    return "louder" if grown >= LEAST_GROWTH else "softer" if grown <= -LEAST_GROWTH else ""


def _rise(part: Part) -> float:
    """Semitones from first to last, if most of the way goes there; 0 otherwise."""
    bent = max((bend.semitones for bend in part.bends), key=abs, default=0.0)
    if abs(bent) >= LEAST_RISE:
        return bent
    pitches = [pitch for _, pitch in onsets(part)]
    steps = [after - before for before, after in pairwise(pitches) if after != before]
    rise = pitches[-1] - pitches[0]
    agreeing = sum((step > 0) == (rise > 0) for step in steps)
    return rise if abs(rise) >= LEAST_RISE and agreeing >= LEAST_AGREEMENT * len(steps) else 0


def _articulation(part: Part) -> Literal["", "staccato", "legato"]:
    starts = [start for start, _ in onsets(part)]
    if not part.instrument.is_held or len(starts) < 4:
        return ""
    lengths = [note.length for note in sorted(part.notes, key=lambda note: note.start)]
    gates = [
        length / (after - before)
        for length, (before, after) in zip(lengths, pairwise(starts), strict=False)
    ]
    gate = median(gates)
    return "staccato" if gate <= STACCATO_GATE else "legato" if gate >= LEGATO_GATE else ""
