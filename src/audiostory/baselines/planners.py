"""Who decides what sounds for how long: the three kinds of baseline of Table 1.

Direct (the whole instruction as one caption), LLM (a language model reasons and writes captions),
and Caps (gt) (the captions of the truth, the paper's oracle). Source: AudioStory Sec. 5.1.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from audiostory.chat import ChatClient, ChatRequest
from audiostory.data.sets.item import Item
from audiostory.errors import CorpusError, InstructionError
from audiostory.story.stated import stated_duration
from audiostory.story.tokens import clean_field
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline

TOTAL_TOLERANCE_S = 0.1
"""How far durations may add up to another total: those of a story are written with one decimal."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A planner's story, its clips end to end."""

    story: Story
    notes: tuple[str, ...] = ()
    """What had to be decided or repaired, for the plan's provenance."""


class Planner(Protocol):
    """Turns an instruction into captions and durations."""

    @property
    def name(self) -> str:
        """How tables call it, before the name of the text-to-audio model."""
        ...

    def plan(self, instruction: Instruction, *, max_clip_s: float, seed: int) -> Planned:
        """The story to sound.

        Args:
            instruction: what is asked for.
            max_clip_s: the longest clip that will be sounded in one go; a plan may have longer
                events.
            seed: of a planner's randomness.

        Raises:
            InstructionError: if the instruction cannot be planned.
            ChatError: if a language model gives no usable plan.
        """
        ...


def asked_duration(instruction: Instruction) -> float | None:
    """Seconds that are asked for, in a field or in the words; None where nobody says."""
    return instruction.duration_s or stated_duration(instruction.text)


def story_of_one(text: str, duration_s: float) -> Story:
    """A whole instruction as the one event of a story."""
    words = clean_field(text)
    event = Event(start_s=0.0, end_s=duration_s, detail=words, sounds=words)
    return Story(
        storyline=Storyline(summary=words, events=(event,)),
        clips=(Clip(caption=words, duration_s=duration_s),),
    )


def end_to_end(summary: str, events: Sequence[Event], clips: Sequence[Clip]) -> Story:
    """A story whose events begin where the clip before ends, one event for each clip."""
    moved: list[Event] = []
    start_s = 0.0
    for event, clip in zip(events, clips, strict=True):
        moved.append(replace(event, start_s=start_s, end_s=start_s + clip.duration_s))
        start_s += clip.duration_s
    return Story(storyline=Storyline(summary=summary, events=tuple(moved)), clips=tuple(clips))


class WholeInstruction:
    """Plans nothing: the whole instruction is the one caption ("direct", Sec. 5.1, class 1).

    Args:
        length: ``asked`` makes what is asked for, but no more than the model can; ``maximum``
            always makes the longest clip, as one may read "with maximum available durations".
            Where nobody says how long, both make the longest.
    """

    name = "direct"

    def __init__(self, length: Literal["asked", "maximum"] = "asked") -> None:
        self.length = length

    def plan(self, instruction: Instruction, *, max_clip_s: float, seed: int) -> Planned:
        """One event; the seed has no part in it.

        Raises:
            InstructionError: if nobody says how long, and the model knows no longest clip.
        """
        del seed
        asked_s = asked_duration(instruction) if self.length == "asked" else None
        duration_s = max_clip_s if asked_s is None else min(asked_s, max_clip_s)
        if math.isinf(duration_s):
            raise InstructionError(
                "nobody says how long the track should be, and this model has no longest clip: "
                "give duration_s"
            )
        return Planned(story=story_of_one(instruction.text, duration_s))


class OracleCaptions:
    """Plans with the truth's captions and durations ("Caps (gt)", Sec. 5.1, class 3).

    Args:
        items: of the test set that will be asked; found again by their instruction's text.

    Raises:
        CorpusError: if two items with the same text have different stories.
    """

    name = "Caps (gt)"

    def __init__(self, items: Iterable[Item]) -> None:
        self._stories: dict[str, Story | None] = {}
        for item in items:
            text = item.instruction.text
            if self._stories.setdefault(text, item.story) != item.story:
                raise CorpusError(
                    f"two items ask {text[:60]!r} and have different stories (one is {item.id}): "
                    "take one of them out, the text alone does not tell which is meant"
                )

    def plan(self, instruction: Instruction, *, max_clip_s: float, seed: int) -> Planned:
        """The story of the item that asks this; where its clips leave gaps, these are closed.

        Raises:
            InstructionError: if no item asks this, or the one that does has no story.
        """
        del max_clip_s, seed
        text = instruction.text
        if text not in self._stories:
            raise InstructionError(
                f"no item of the test set asks {text[:60]!r}: the oracle knows only its "
                f"{len(self._stories)} instructions, word for word"
            )
        story = self._stories[text]
        if story is None:
            raise InstructionError(
                f"the item that asks {text[:60]!r} has no story: take a set with captions and "
                "durations of its events, or another planner"
            )
        events = story.storyline.events
        if len(events) != len(story.clips):
            raise InstructionError(
                f"the item that asks {text[:60]!r} has {len(events)} events and "
                f"{len(story.clips)} clips: its set has to pair them"
            )
        closed = end_to_end(story.storyline.summary, events, story.clips)
        moved = [
            number
            for number, (old, new) in enumerate(
                zip(events, closed.storyline.events, strict=True), start=1
            )
            if abs(old.start_s - new.start_s) > TOTAL_TOLERANCE_S
        ]
        notes = (f"events {_listed(moved)} of the truth moved: clips are put end to end",)
        return Planned(story=closed, notes=notes if moved else ())


def _cleaned(text: str) -> str:
    cleaned = clean_field(text)
    if not cleaned:
        raise ValueError("is empty: write a few words")
    return cleaned


def _above_zero(seconds: float) -> float:
    if not seconds > 0:
        raise ValueError("has to be above 0")
    return seconds


Words = Annotated[str, AfterValidator(_cleaned)]
Seconds = Annotated[float, AfterValidator(_above_zero)]


class EventDraft(BaseModel):
    """One event as a language model writes it."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)

    detail: Words
    """What happens, in one sentence."""
    caption: Words
    """What is heard, for a model that sees this caption alone."""
    duration_s: Seconds
    """How long it lasts, in seconds."""


class PlanDraft(BaseModel):
    """A plan as a language model writes it: reasoning first, then the events in order."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)

    reasoning: str
    """How the instruction is divided, and why."""
    summary: Words
    """The story in one sentence."""
    events: list[EventDraft] = Field(min_length=1)
    """The events in order."""

    @property
    def total_s(self) -> float:
        """Sum of the durations."""
        return sum(event.duration_s for event in self.events)


class ChatPlanner:
    """A language model reasons and writes captions and durations ("LLM", Sec. 5.1, class 2).

    The prompt is ours (``assets/planner.md``): the paper does not print the one it used, nor does
    it name the language model. Where durations do not add up to the length asked for, or an event
    is longer than the text-to-audio model can make, it is asked once more; a total that is wrong
    again is mended by scaling all durations, and the plan's notes say so.

    Args:
        client: the language model.
        temperature: of its sampling.
    """

    def __init__(self, client: ChatClient, *, temperature: float = 0.0) -> None:
        self.client = client
        self.temperature = temperature

    @property
    def name(self) -> str:
        """The kind of planner, and the model asked."""
        return f"LLM ({self.client.name})"

    @property
    def identity(self) -> str:
        """Words that change whenever it would be asked, or asked of, something else."""
        asked = [system_prompt(), PlanDraft.model_json_schema(), _question("", 60.0, 10.0)]
        digest = hashlib.sha256(json.dumps([*asked, self.temperature]).encode()).hexdigest()
        return f"{self.client.name}, prompt {digest[:12]}"

    def plan(self, instruction: Instruction, *, max_clip_s: float, seed: int) -> Planned:
        """The story that the language model writes.

        Raises:
            ChatError: if it gives no answer in the form of a plan.
        """
        asked_s = asked_duration(instruction)
        request = ChatRequest(
            text=_question(instruction.text, asked_s, max_clip_s),
            system=system_prompt(),
            schema=PlanDraft,
            temperature=self.temperature,
            seed=seed,
        )
        draft = self._ask(request)
        if wrong := faults(draft, asked_s=asked_s, max_clip_s=max_clip_s):
            draft = self._ask(replace(request, text=_once_more(request.text, draft, wrong)))
        return _of_draft(draft, asked_s)

    def _ask(self, request: ChatRequest) -> PlanDraft:
        return PlanDraft.model_validate_json(self.client.ask(request).text)


@cache
def system_prompt() -> str:
    """What the language model is told of its task."""
    asset = files("audiostory.baselines").joinpath("assets", "planner.md")
    return asset.read_text(encoding="utf-8").strip()


def faults(draft: PlanDraft, *, asked_s: float | None, max_clip_s: float) -> tuple[str, ...]:
    """What is wrong with the durations of a plan, in words that its writer can act on.

    Args:
        draft: the plan.
        asked_s: length of the whole in seconds; None where nobody asks for one.
        max_clip_s: the longest event.
    """
    wrong = [
        f"event {number} lasts {event.duration_s:g} s; at most {_decimal(max_clip_s)} s are "
        "allowed, tell it in several events"
        for number, event in enumerate(draft.events, start=1)
        if event.duration_s > max_clip_s
    ]
    if asked_s is not None and abs(draft.total_s - asked_s) > TOTAL_TOLERANCE_S:
        wrong.append(f"the durations add up to {draft.total_s:g} s instead of {asked_s:g} s")
    return tuple(wrong)


def _question(text: str, asked_s: float | None, max_clip_s: float) -> str:
    total = "as long as the story needs" if asked_s is None else f"{asked_s:g} seconds"
    longest = "any length" if math.isinf(max_clip_s) else f"at most {_decimal(max_clip_s)} seconds"
    return f"Instruction: {text}\n\nTotal duration: {total}\nEach event: {longest}"


def _decimal(seconds: float) -> str:
    """A longest length with one decimal, rounded down so that it may be used."""
    return f"{math.floor(seconds * 10) / 10:g}"


def _once_more(question: str, draft: PlanDraft, wrong: Sequence[str]) -> str:
    found = "\n".join(f"- {one}" for one in wrong)
    return (
        f"{question}\n\nYour last plan was:\n{draft.model_dump_json()}\n\n"
        f"It cannot be used:\n{found}\n\nWrite the whole plan again."
    )


def _of_draft(draft: PlanDraft, asked_s: float | None) -> Planned:
    """The story of a plan, its durations scaled where they still miss the total."""
    notes: tuple[str, ...] = ()
    scale = 1.0
    if asked_s is not None and abs(draft.total_s - asked_s) > TOTAL_TOLERANCE_S:
        scale = asked_s / draft.total_s
        notes = (
            f"the planner's durations add up to {draft.total_s:g} s, also when asked again; "
            f"{asked_s:g} s are asked for: all are scaled by {scale:.4f}",
        )
    clips = [
        Clip(caption=event.caption, duration_s=event.duration_s * scale) for event in draft.events
    ]
    events = [
        Event(start_s=0.0, end_s=clip.duration_s, detail=event.detail, sounds=event.caption)
        for event, clip in zip(draft.events, clips, strict=True)
    ]
    return Planned(story=end_to_end(draft.summary, events, clips), notes=notes)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
