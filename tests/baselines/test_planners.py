from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from audiostory.baselines.planners import (
    ChatPlanner,
    OracleCaptions,
    PlanDraft,
    WholeInstruction,
    system_prompt,
)
from audiostory.chat import ScriptedClient
from audiostory.data.sets.item import Item
from audiostory.errors import ChatError, CorpusError, InstructionError
from audiostory.story.types import Instruction, Storyline
from tests.baselines.systems import story

ASKED = Instruction(text="Rain falls, then a dog barks", duration_s=12.0)


def draft(*durations_s: float, **fields) -> str:
    events = [
        {"detail": f"part {number}", "caption": f"sound {number}", "duration_s": seconds}
        for number, seconds in enumerate(durations_s, start=1)
    ]
    return json.dumps({"reasoning": "r", "summary": "s", "events": events} | fields)


def durations(planned) -> list[float]:
    return [clip.duration_s for clip in planned.story.clips]


def follows(told) -> bool:
    """Whether each event begins where the one before ends, and lasts as long as its clip."""
    moment = 0.0
    for event, clip in zip(told.storyline.events, told.clips, strict=True):
        if abs(event.start_s - moment) > 1e-9 or abs(event.duration_s - clip.duration_s) > 1e-9:
            return False
        moment = event.end_s
    return True


def plan(planner, instruction=ASKED, max_clip_s=10.0):
    return planner.plan(instruction, max_clip_s=max_clip_s, seed=0)


def test_direct_is_one_clip_of_the_whole_text_as_long_as_the_model_can():
    planned = plan(WholeInstruction())
    assert [clip.caption for clip in planned.story.clips] == [ASKED.text]
    assert durations(planned) == [10.0]


def test_direct_makes_no_more_than_is_asked_for_unless_told_so():
    assert durations(plan(WholeInstruction(), max_clip_s=30.0)) == [12.0]
    assert durations(plan(WholeInstruction("maximum"), max_clip_s=30.0)) == [30.0]


def test_direct_hears_a_length_that_the_text_says():
    said = Instruction(text="Rain falls. The total duration is 7.5 seconds.")
    assert durations(plan(WholeInstruction(), said)) == [7.5]


def test_direct_without_any_length_makes_the_longest_clip_or_asks():
    unsaid = Instruction(text="Rain falls")
    assert durations(plan(WholeInstruction(), unsaid)) == [10.0]
    with pytest.raises(InstructionError, match="give duration_s"):
        plan(WholeInstruction(), unsaid, max_clip_s=math.inf)


def item(name: str, text: str, told) -> Item:
    return Item(id=name, instruction=Instruction(text=text), story=told)


def test_the_oracle_has_the_captions_and_durations_of_the_item_that_asks_this():
    told = story(("rain", 4.0), ("a dog", 8.0))
    oracle = OracleCaptions([item("a", "other", story(("x", 1.0))), item("b", ASKED.text, told)])
    planned = plan(oracle)
    assert planned.story == told
    assert planned.notes == ()


def test_the_oracle_closes_gaps_of_the_truth_and_says_so():
    told = story(("rain", 4.0), ("a dog", 8.0))
    first, second = told.storyline.events
    late = (first, replace(second, start_s=5.0, end_s=13.0))
    gap = replace(told, storyline=Storyline(summary="s", events=late))
    planned = plan(OracleCaptions([item("a", ASKED.text, gap)]))
    assert follows(planned.story)
    assert durations(planned) == [4.0, 8.0]
    assert planned.notes == ("events 2 of the truth moved: clips are put end to end",)


def test_the_oracle_knows_no_other_instruction():
    with pytest.raises(InstructionError, match="no item of the test set asks 'Rain falls"):
        plan(OracleCaptions([item("a", "other", story(("x", 1.0)))]))


def test_an_item_without_a_story_is_said_to_have_none():
    with pytest.raises(InstructionError, match="has no story"):
        plan(OracleCaptions([item("a", ASKED.text, None)]))


def test_two_truths_for_one_text_are_refused():
    told, other = story(("x", 1.0)), story(("y", 1.0))
    with pytest.raises(CorpusError, match="different stories"):
        OracleCaptions([item("a", "same", told), item("b", "same", other)])
    OracleCaptions([item("a", "same", told), item("b", "same", told)])


def test_a_truth_whose_clips_do_not_pair_with_its_events_is_refused():
    told = story(("rain", 4.0), ("a dog", 8.0))
    odd = replace(told, clips=told.clips[:1])
    with pytest.raises(InstructionError, match="2 events and 1 clips"):
        plan(OracleCaptions([item("a", ASKED.text, odd)]))


def test_a_plan_that_adds_up_is_taken_at_its_first_word():
    client = ScriptedClient([draft(5.0, 7.0)])
    planned = plan(ChatPlanner(client))
    assert durations(planned) == [5.0, 7.0]
    assert [clip.caption for clip in planned.story.clips] == ["sound 1", "sound 2"]
    assert [event.detail for event in planned.story.storyline.events] == ["part 1", "part 2"]
    assert follows(planned.story)
    assert planned.notes == ()
    assert len(client.asked) == 1


def test_the_model_is_told_what_is_asked_and_how_long_clips_may_be():
    client = ScriptedClient([draft(5.0, 7.0)])
    ChatPlanner(client).plan(ASKED, max_clip_s=9.5, seed=3)
    (request,) = client.asked
    assert ASKED.text in request.text
    assert "12 seconds" in request.text
    assert "at most 9.5 seconds" in request.text
    assert request.system == system_prompt()
    assert request.schema is PlanDraft
    assert request.seed == 3


def test_the_longest_clip_is_told_rounded_down_so_that_it_may_be_used():
    client = ScriptedClient([draft(6.0, 6.0)])
    ChatPlanner(client).plan(ASKED, max_clip_s=645 * 2048 / 44_100, seed=0)
    assert "at most 29.9 seconds" in client.asked[0].text


def test_the_prompt_names_every_field_that_is_asked_for():
    for field in ("reasoning", "summary", "events", "detail", "caption", "duration_s"):
        assert f"`{field}`" in system_prompt()


def test_a_wrong_total_is_asked_again_once_with_what_is_wrong():
    client = ScriptedClient([draft(5.0, 5.0), draft(5.0, 7.0)])
    planned = plan(ChatPlanner(client))
    assert durations(planned) == [5.0, 7.0]
    assert planned.notes == ()
    assert "add up to 10 s instead of 12 s" in client.asked[1].text
    assert "sound 2" in client.asked[1].text


def test_a_total_that_is_wrong_again_is_scaled_and_the_plan_says_so():
    client = ScriptedClient([draft(5.0, 5.0), draft(2.0, 4.0)])
    planned = plan(ChatPlanner(client))
    assert durations(planned) == pytest.approx([4.0, 8.0])
    (note,) = planned.notes
    assert "add up to 6 s" in note
    assert "scaled by 2.0000" in note
    assert len(client.asked) == 2


def test_events_that_are_too_long_are_asked_again_and_then_left_to_the_policy():
    client = ScriptedClient([draft(12.0), draft(12.0)])
    planned = plan(ChatPlanner(client))
    assert durations(planned) == [12.0]
    assert "event 1 lasts 12 s" in client.asked[1].text


def test_without_a_total_the_model_decides():
    client = ScriptedClient([draft(3.0, 4.0)])
    planned = plan(ChatPlanner(client), Instruction(text="Rain falls"), max_clip_s=math.inf)
    assert durations(planned) == [3.0, 4.0]
    assert "as long as the story needs" in client.asked[0].text
    assert "any length" in client.asked[0].text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Here is your plan!", "no usable answer"),
        (draft(5.0, events=[]), "events"),
        (draft(math.nan, 7.0), "events.0.duration_s"),
        (draft(12.0, -0.0), "events.1.duration_s .*above 0"),
        (draft(events=[{"detail": "d", "caption": " ", "duration_s": 12.0}]), "events.0.caption"),
    ],
)
def test_what_is_no_plan_is_an_error(answer, said):
    with pytest.raises(ChatError, match=said):
        plan(ChatPlanner(ScriptedClient(lambda _: answer)), max_clip_s=20.0)


def test_markers_in_captions_do_not_reach_the_plan():
    events = [{"detail": "d", "caption": "a dog <|gen|> barks\nloudly", "duration_s": 12.0}]
    planned = plan(ChatPlanner(ScriptedClient([draft(events=events)])), max_clip_s=20.0)
    assert planned.story.clips[0].caption == "a dog barks loudly"


def test_planners_are_named_as_in_table_1():
    assert WholeInstruction.name == "direct"
    assert OracleCaptions.name == "Caps (gt)"
    assert ChatPlanner(ScriptedClient([], name="m")).name == "LLM (m)"
