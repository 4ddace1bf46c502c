"""The plan of a story: written by ``plan``, edited by a person as ``story.json``, sounded.

This is the border: whatever stands in a plan that was loaded (``plan_file``) has been checked.
Inside the package a story is the plain data of ``types``; ``plan_of`` and ``story_of`` go between
the two.
``python -m audiostory.story.plan`` prints the JSON Schema published as ``docs/plan.schema.json``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from audiostory import __version__
from audiostory.errors import PlanError
from audiostory.story.tokens import MARKER, clean_field
from audiostory.story.types import (
    MAX_DURATION_S,
    MAX_INSTRUCTION_CHARS,
    MIN_DURATION_S,
    Clip,
    Event,
    Instruction,
    Story,
    Storyline,
)

FORMAT = "audiostory.plan"
VERSION = 1
TOLERANCE_S = 0.05
"""Clips of one layer may overlap, and the last may overrun the track, by this much: rounding."""
MAX_SEED = 2**63 - 1
_MAX_LINES = 10  # more complaints than this about one file help nobody


def _without_markers(text: str) -> str:
    marker = MARKER.search(text)
    if marker is not None:
        raise ValueError(f"holds the marker {marker[0]}: write it in other words")
    return text


def _with_words(text: str) -> str:
    if not clean_field(text):
        raise ValueError("is empty: write a few words")
    return text


Text = Annotated[str, Field(max_length=2_000), AfterValidator(_without_markers)]
Words = Annotated[Text, AfterValidator(_with_words)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class _Part(BaseModel):
    """A part of a plan: unknown fields, NaN, infinity and numbers in quotes are refused."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class PlanInstruction(_Part):
    """What was asked for."""

    text: str = Field(min_length=1, max_length=MAX_INSTRUCTION_CHARS)
    """The instruction, word for word."""
    duration_s: float | None = Field(default=None, ge=MIN_DURATION_S, le=MAX_DURATION_S)
    """The length that was asked for in seconds, if any was."""


class PlanEvent(_Part):
    """One line of the storyline."""

    start_s: float = Field(ge=0)
    """When the event starts, in seconds from the start of the track."""
    end_s: float = Field(ge=0)
    """When it ends."""
    detail: Words
    """What happens."""
    sounds: Words
    """What is heard."""
    title: Text = ""
    """Optional name of the event."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> PlanEvent:
        if not self.start_s < self.end_s:
            raise ValueError(f"ends at {self.end_s:g} s, but starts at {self.start_s:g} s")
        return self


class PlanStoryline(_Part):
    """What happens when; the language model reads it before it hears a clip's caption."""

    summary: Text = ""
    """The story in a sentence."""
    events: list[PlanEvent] = Field(min_length=1)
    """The events in order."""


class PlanClip(_Part):
    """One stretch of sound."""

    caption: Words
    """What should be heard."""
    start_s: float = Field(ge=0)
    """When the clip starts, in seconds from the start of the track."""
    duration_s: float = Field(gt=TOLERANCE_S)
    """How long it lasts in seconds, without the overlap into the next clip."""
    seed: Seed = 0
    """Where its noise comes from; another seed gives another take of the same caption."""
    gain: float = Field(default=1.0, ge=0, le=1_000)
    """Linear factor on its samples: 0 mutes, 1 leaves as is, 2 is 6 dB louder."""
    layer: str = Field(default="main", min_length=1, max_length=64)
    """Clips of one layer follow one another; layers sound together."""

    @property
    def end_s(self) -> float:
        """When the clip ends, in seconds from the start of the track."""
        return self.start_s + self.duration_s


class PlanModel(_Part):
    """Which weights sound the plan."""

    name: str = Field(default="nano", min_length=1)
    """Name of a shipped model, or a folder."""


class PlanLevel(_Part):
    """What was done to the whole track for its loudness, when it was sounded."""

    gain_db: float = Field(ge=-200, le=200)
    """Gain on the whole track in dB."""
    limiter: Literal["smooth", "fast"] = "smooth"
    """The limiter that lowers peaks, where they would be too high."""


class PlanSettings(_Part):
    """How the plan is sounded; null leaves a choice to the model."""

    guidance_scale: float | None = Field(default=None, ge=0, le=100)
    """Weight of the condition against none (classifier-free guidance)."""
    steps: int | None = Field(default=None, ge=1, le=1_000)
    """Solver steps from noise to sound."""
    solver: Literal["euler", "midpoint", "heun", "adams_bashforth"] | None = None
    """The rule of a step; ``midpoint`` and ``heun`` cost twice as much as the others."""
    sigma_shift: float | None = Field(default=None, gt=0, le=100)
    """Where noise levels crowd: 1 spaces them evenly, more puts more of them near pure noise."""
    overlap_s: float = Field(default=0.5, ge=0, le=10)
    """How long neighbouring clips of a layer sound together, in seconds."""
    join: Literal["equal_power", "linear", "none"] = "equal_power"
    """The curve with which one clip goes over into the next."""
    evenness: float = Field(default=0.5, ge=0, le=1)
    """How far clips are made equally loud, before their gains: 0 leaves them as they come, 1 makes
    them alike."""
    loudness_lufs: float | None = Field(default=-16.0, ge=-70, le=0)
    """Integrated loudness of the track; null leaves it as it comes."""
    level: PlanLevel | None = None
    """The gain that met this loudness; ``generate`` writes it here, so that an edited clip leaves
    the others as loud as they were. Null measures it anew."""
    sample_rate_hz: int | None = Field(default=None, ge=8_000, le=192_000)
    """Samples per second of the track; null keeps the model's own."""


class PlanProvenance(_Part):
    """Where the plan comes from."""

    audiostory_version: str = ""
    """The version that wrote it."""
    notes: list[str] = Field(default_factory=list)
    """What was repaired or decided on the way."""


class Plan(_Part):
    """Everything that is needed to sound a story."""

    format: Literal["audiostory.plan"] = FORMAT
    """Says that this file is a plan."""
    version: Literal[1] = VERSION
    """Version of the file's layout."""
    title: str | None = None
    """Optional name of the story."""
    instruction: PlanInstruction
    storyline: PlanStoryline
    clips: list[PlanClip] = Field(min_length=1)
    """The sounds, in the order in which they were written."""
    duration_s: float = Field(ge=MIN_DURATION_S, le=MAX_DURATION_S)
    """Exact length of the track in seconds; at most 4 hours."""
    seed: Seed = 0
    """The story's seed, from which the clips' seeds were derived."""
    model: PlanModel = PlanModel()
    settings: PlanSettings = PlanSettings()
    provenance: PlanProvenance = PlanProvenance()

    @field_validator("format", mode="before")
    @classmethod
    def _is_a_plan(cls, value: Any) -> Any:
        if value != FORMAT:
            raise ValueError(f'is {value!r}, not "{FORMAT}": this file is not a plan of a story')
        return value

    @field_validator("version", mode="before")
    @classmethod
    def _is_readable(cls, value: Any) -> Any:
        if type(value) is not int or value != VERSION:
            raise ValueError(
                f"is {value!r}; this AudioStory reads version {VERSION}: plan again with "
                "`audiostory plan`, or install the AudioStory that wrote the file"
            )
        return value

    @model_validator(mode="after")
    def _fits_into_the_track(self) -> Plan:
        """Nothing after the end, no two clips of one layer at a time."""
        latest_s = self.duration_s + TOLERANCE_S
        for index, event in enumerate(self.storyline.events):
            if event.end_s > latest_s:
                raise ValueError(
                    f"storyline.events.{index} ends at {event.end_s:g} s, after the track's end at "
                    f"{self.duration_s:g} s: end it earlier or raise duration_s"
                )
        previous: dict[str, tuple[int, PlanClip]] = {}
        for index, clip in sorted(enumerate(self.clips), key=lambda item: item[1].start_s):
            if clip.end_s > latest_s:
                raise ValueError(
                    f"clips.{index} ends at {clip.end_s:g} s, after the track's end at "
                    f"{self.duration_s:g} s: shorten it or raise duration_s"
                )
            before, other = previous.get(clip.layer, (-1, None))
            if other is not None and clip.start_s < other.end_s - TOLERANCE_S:
                raise ValueError(
                    f"clips.{index} starts at {clip.start_s:g} s, before clips.{before} of the "
                    f"same layer ends at {other.end_s:g} s: move it, or give it its own layer"
                )
            previous[clip.layer] = (index, clip)
        return self


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of ``story.json`` (draft 2020-12)."""
    schema = Plan.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def plan_of(
    story: Story,
    instruction: Instruction,
    *,
    duration_s: float,
    seed: int,
    model: PlanModel,
    settings: PlanSettings,
    notes: Iterable[str] = (),
) -> Plan:
    """The plan that sounds ``story``: clips start where their events start.

    Args:
        story: one clip per event, times rounded to 0.1 s.
        instruction: what was asked for.
        duration_s: exact length of the track in seconds; the last event and clip are stretched or
            cut by the rounding error to end with it.
        seed: the story's seed; each clip's seed is derived from it and the clip's index.
        model: which weights sound the plan.
        settings: how.
        notes: what was repaired on the way.

    Raises:
        PlanError: if the story does not fit into the track.
    """
    events, clips = story.storyline.events, story.clips
    if len(events) != len(clips):
        raise PlanError(f"the story has {len(events)} events and {len(clips)} clips: pair them")
    try:
        return Plan(
            instruction=PlanInstruction(text=instruction.text, duration_s=instruction.duration_s),
            storyline=PlanStoryline(
                summary=story.storyline.summary,
                events=[_event_of(event, duration_s) for event in events],
            ),
            clips=[
                _clip_of(clip, event.start_s, duration_s, derive_seed(seed, index))
                for index, (event, clip) in enumerate(zip(events, clips, strict=True))
            ],
            duration_s=duration_s,
            seed=seed,
            model=model,
            settings=settings,
            provenance=PlanProvenance(audiostory_version=__version__, notes=list(notes)),
        )
    except ValidationError as error:
        raise PlanError(complaints(error, "the story")) from None


def story_of(plan: Plan) -> Story:
    """The story that a plan tells, clips in the order of the file, as ``format.render`` wants it.

    A plan edited by hand may have more or fewer clips than events; line breaks and doubled spaces
    in its texts become single spaces.
    """
    events = tuple(
        Event(
            start_s=event.start_s,
            end_s=event.end_s,
            detail=clean_field(event.detail),
            sounds=clean_field(event.sounds),
            title=clean_field(event.title),
        )
        for event in plan.storyline.events
    )
    clips = tuple(
        Clip(caption=clean_field(clip.caption), duration_s=clip.duration_s) for clip in plan.clips
    )
    return Story(
        storyline=Storyline(summary=clean_field(plan.storyline.summary), events=events),
        clips=clips,
    )


def derive_seed(story_seed: int, index: int) -> int:
    """The seed of clip ``index``: 32 bits, the same on every machine and in every version."""
    digest = hashlib.sha256(f"audiostory clip {story_seed} {index}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _event_of(event: Event, duration_s: float) -> PlanEvent:
    return PlanEvent(
        start_s=event.start_s,
        end_s=_snapped(event.end_s, duration_s),
        detail=event.detail,
        sounds=event.sounds,
        title=event.title,
    )


def _clip_of(clip: Clip, start_s: float, duration_s: float, seed: int) -> PlanClip:
    end_s = _snapped(start_s + clip.duration_s, duration_s)
    return PlanClip(
        caption=clip.caption, start_s=start_s, duration_s=round(end_s - start_s, 6), seed=seed
    )


def _snapped(end_s: float, duration_s: float) -> float:
    """``end_s``, or the end of the track where they differ by no more than rounding."""
    return duration_s if abs(end_s - duration_s) <= TOLERANCE_S + 1e-9 else end_s


def complaints(error: ValidationError, subject: str) -> str:
    """One line per wrong field of a plan, after a line that names the ``subject``."""
    errors = error.errors(include_url=False)
    lines = [_complaint(place=item["loc"], message=item["msg"]) for item in errors[:_MAX_LINES]]
    if len(errors) > _MAX_LINES:
        lines.append(f"... and {len(errors) - _MAX_LINES} more")
    return "\n".join([f"{subject}: cannot be sounded:", *lines])


def _complaint(place: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if text == "Extra inputs are not permitted":
        text = "unknown field: check the spelling, or take it out"
    return ": ".join(part for part in (".".join(map(str, place)), text) if part)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plan_schema(), indent=2, ensure_ascii=False) + "\n")
