"""Plans that tests of plans begin with."""

from __future__ import annotations

from audiostory.story.plan import PlanModel, PlanSettings, plan_of
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline

CHASE = Instruction(text="A chase through rain: 脚步声, thunder, 🌧.", duration_s=10.0)


def two_events(*, ends_s=(4.0, 10.0)):
    first, last = ends_s
    return Story(
        storyline=Storyline(
            summary="A chase.",
            events=(
                Event(start_s=0.0, end_s=first, detail="Someone runs.", sounds="Footsteps."),
                Event(start_s=first, end_s=last, detail="A storm breaks.", sounds="Thunder."),
            ),
        ),
        clips=(
            Clip(caption="Footsteps splash.", duration_s=first),
            Clip(caption="Thunder roars.", duration_s=last - first),
        ),
    )


def plan_from(story, **changes):
    settings = {
        "duration_s": 10.0,
        "seed": 7,
        "model": PlanModel(name="nano"),
        "settings": PlanSettings(),
        "notes": ("something was repaired",),
    }
    return plan_of(story, CHASE, **{**settings, **changes})
