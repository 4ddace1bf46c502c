"""The four questions of the listening study, and the scale they are answered on.

Source: AudioStory Sec. 5.6 and Table 8 name the criteria. The paper prints neither the questions
its participants read nor the words of its scale: both are our own here, the words of 1 to 5 being
those of ITU-T P.800 (absolute category rating).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing that a track is scored for."""

    key: str
    """Stable name in answers, JSON and CSV."""
    title: str
    """Name on the page."""
    column: str
    """Name in Table 8."""
    question: str
    """What participants are asked."""


CRITERIA = (
    Criterion(
        key="instruction_following",
        title="Instruction-following",
        column="Instruct-Follow",
        question="Do you hear what the text asks for: all of its sounds, in its order?",
    ),
    Criterion(
        key="consistency",
        title="Consistency",
        column="Consist.",
        question="Is it one piece: do voices, places and mood stay themselves from part to part?",
    ),
    Criterion(
        key="fidelity",
        title="Generation quality",
        column="Fidelity",
        question="Does it sound clean and natural, without noise, distortion or breaks?",
    ),
    Criterion(
        key="reasoning_logic",
        title="Reasoning logic",
        column="Reason. Logic",
        question="Do events follow from one another as the text implies, at a believable pace?",
    ),
)

SCALE = ("fails", "bad", "poor", "fair", "good", "excellent")
"""The word of each score, from 0."""

MAX_SCORE = len(SCALE) - 1
