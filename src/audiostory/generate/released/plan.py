"""What the released way wrote, as a plan: readable, with all that went wrong among its notes.

The plan is a record. Clips keep the words and lengths that the model gave them; the storyline is
read from the reasoning, which the release itself never does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from pydantic import ValidationError

from audiostory import __version__
from audiostory.errors import FormatError, PlanError
from audiostory.generate.released.clips import ReleasedStory
from audiostory.generate.released.sound import ReleasedRenderer
from audiostory.story.plan import (
    Plan,
    PlanClip,
    PlanEvent,
    PlanInstruction,
    PlanModel,
    PlanProvenance,
    PlanSettings,
    PlanStoryline,
    complaints,
)
from audiostory.story.repair import repair
from audiostory.story.tokens import SpecialTokens, clean_field
from audiostory.story.types import Event, Instruction

NO_CAPTION = "no words"
"""Stands in a plan for a caption that the model left empty."""
MAX_SUMMARY_CHARS = 2_000
"""Longest summary that a plan holds."""
SAME_LENGTH_S = 0.05
"""A track this close to the asked length is as long as asked."""


def durations_of(story: ReleasedStory) -> list[float]:
    """How long each clip should last in seconds, as the model wrote it.

    Raises:
        FormatError: naming the first clip that does not say so, where the release crashes.
    """
    durations_s: list[float] = []
    for clip in story.clips:
        if clip.duration_s is None or not 0 < clip.duration_s < math.inf:
            raise FormatError(
                f"clip {clip.number}, {clip.text[:80]!r}, does not say how long it lasts "
                "(<timestamp>4.0</timestamp>): ask in other words, or use --profile story, which "
                "always says it"
            )
        durations_s.append(clip.duration_s)
    return durations_s


def released_plan(
    story: ReleasedStory,
    instruction: Instruction,
    renderer: ReleasedRenderer,
    *,
    model: str,
    notes: Sequence[str] = (),
) -> Plan:
    """The plan of a story that the released way will sound.

    Args:
        story: at least one clip, all of which say how long they last.
        instruction: what was asked for.
        renderer: how it will be sounded.
        model: what sounds it: a known name or a folder.
        notes: what is to be said besides.

    Raises:
        FormatError: if a clip does not say how long it lasts.
        PlanError: if no track can be as long as the clips, or a clip is none.
    """
    durations_s, settings = durations_of(story), renderer.settings
    total_s = round(sum(durations_s), 6)
    captions = [clean_field(clip.caption) or NO_CAPTION for clip in story.clips]
    starts_s = [0.0, *(round(end_s, 6) for end_s in accumulate(durations_s))]
    try:
        storyline, told = _storyline(story, captions, starts_s)
        return Plan(
            instruction=PlanInstruction(text=instruction.text, duration_s=instruction.duration_s),
            storyline=storyline,
            clips=[
                PlanClip(
                    caption=caption,
                    start_s=start_s,
                    duration_s=duration_s,
                    seed=settings.noise_seed,
                )
                for caption, start_s, duration_s in zip(
                    captions, starts_s[:-1], durations_s, strict=True
                )
            ],
            duration_s=total_s,
            seed=settings.noise_seed,
            model=PlanModel(name=model),
            settings=PlanSettings(
                guidance_scale=settings.guidance_scale,
                steps=settings.steps,
                overlap_s=settings.crossfade_s,
                join="linear",
                evenness=0.0,
                loudness_lufs=None,
                sample_rate_hz=settings.target_rate_hz,
            ),
            provenance=PlanProvenance(
                audiostory_version=__version__,
                notes=[
                    *notes,
                    *_losses(story),
                    *told,
                    *_lengths(instruction, durations_s),
                    *_shortcomings(renderer, durations_s),
                ],
            ),
        )
    except ValidationError as error:
        raise PlanError(complaints(error, "the story that the model wrote")) from None


def _storyline(
    story: ReleasedStory, captions: Sequence[str], starts_s: Sequence[float]
) -> tuple[PlanStoryline, list[str]]:
    """The storyline that the reasoning tells, if it is one of these clips; and what was amiss."""
    tokens, notes = SpecialTokens, list[str]()
    clips = "".join(f"{tokens.gen_open}{clip.text}{tokens.gen_close}" for clip in story.clips)
    events, summary = (), ""
    try:
        mended = repair(f"{story.reasoning}{tokens.think_close}{clips}", starts_s[-1])
    except FormatError as reason:
        notes.append(f"the reasoning tells no storyline ({reason}): each clip is an event")
    else:
        events, summary = mended.story.storyline.events, mended.story.storyline.summary
        if mended.repairs:
            notes.append("the storyline was mended to be read; the clips are as written")
    if len(events) != len(captions):
        events = tuple(
            Event(start_s=start_s, end_s=end_s, detail=caption, sounds=caption)
            for caption, (start_s, end_s) in zip(captions, pairwise(starts_s), strict=True)
        )
        notes = notes or ["the reasoning has other events than clips: each clip is an event"]
    if len(summary) > MAX_SUMMARY_CHARS:
        notes.append(f"of the reasoning only the first {MAX_SUMMARY_CHARS} characters are kept")
    told = [
        PlanEvent(
            start_s=event.start_s,
            end_s=min(event.end_s, starts_s[-1]),  # the storyline counts in tenths of a second
            detail=event.detail,
            sounds=event.sounds,
            title=event.title,
        )
        for event in events
    ]
    return PlanStoryline(summary=summary[:MAX_SUMMARY_CHARS], events=told), notes


def _losses(story: ReleasedStory) -> list[str]:
    """What of the written text is not among the clips."""
    lost = (
        ["the release would have lost all clips of this text"] if story.is_lost_by_release else []
    )
    return [*story.problems, *lost]


def _lengths(instruction: Instruction, durations_s: Sequence[float]) -> list[str]:
    """How far the clips miss the length that was asked for."""
    asked_s, told_s = instruction.duration_s, sum(durations_s)
    if asked_s is None or abs(told_s - asked_s) <= SAME_LENGTH_S:
        return []
    return [f"the model's clips last {told_s:g} s, not {asked_s:g} s as asked"]


def _shortcomings(renderer: ReleasedRenderer, durations_s: Sequence[float]) -> list[str]:
    """What the released way will make shorter, later or harder than written."""
    rate_hz, notes = renderer.model.codec.sample_rate_hz, list[str]()
    most_s = renderer.max_samples / rate_hz
    for number, length_s in enumerate(renderer.lengths_s(durations_s), start=1):
        if renderer.num_samples(length_s) > renderer.max_samples:
            notes.append(
                f"clip {number} needs {length_s:g} s with its crossfade, and the model makes at "
                f"most {most_s:.3f} s: it ends early"
            )
    late_s = renderer.settings.crossfade_s
    for index in renderer.hard_joins(durations_s):
        notes.append(
            f"clips {index} and {index + 1} are joined without a crossfade, one of them is shorter "
            f"than {late_s:g} s: what follows is {late_s:g} s late"
        )
    return notes
