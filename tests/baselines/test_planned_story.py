from types import SimpleNamespace

import pytest

from audiostory.baselines.planned_story import PlannedStory
from audiostory.baselines.planners import OracleCaptions
from audiostory.data.sets.item import Item
from audiostory.errors import InstructionError
from audiostory.generate.narration import Narration
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline
from tests.evaluate.tracks import noise

STORY = Story(
    storyline=Storyline(
        summary="A storm comes.",
        events=(
            Event(start_s=0.0, end_s=2.0, detail="Wind rises.", sounds="wind"),
            Event(start_s=2.0, end_s=5.0, detail="It rains.", sounds="rain"),
        ),
    ),
    clips=(Clip(caption="wind", duration_s=2.0), Clip(caption="rain", duration_s=3.0)),
)
ASKED = Instruction(text="wind, then rain", duration_s=5.0)


def generator(rendered):
    def render(plan):
        rendered.append(plan)
        return Narration(
            waveform=noise(5.0),
            plan=plan,
            loudness=SimpleNamespace(),
            planning_s=0.0,
            rendering_s=1.0,
        )

    return PlannedStory(OracleCaptions([Item(id="a", instruction=ASKED, story=STORY)]), render, "m")


def test_the_plan_that_is_sounded_has_the_truths_captions_and_times():
    rendered = []
    narration = generator(rendered).generate(ASKED, seed=3)
    (plan,) = rendered
    assert [(clip.caption, clip.start_s, clip.duration_s) for clip in plan.clips] == [
        ("wind", 0.0, 2.0),
        ("rain", 2.0, 3.0),
    ]
    assert plan.seed == 3
    assert narration.waveform.duration_s == pytest.approx(5.0)


def test_its_name_says_who_plans_and_who_sounds():
    assert generator([]).name == "Caps (gt) + m"


def test_what_nobody_planned_is_refused():
    with pytest.raises(InstructionError, match="no item of the test set"):
        generator([]).generate(Instruction(text="thunder"))
