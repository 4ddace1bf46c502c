from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiostory.errors import CorpusError, InstructionError
from audiostory.evaluate import reserve
from audiostory.evaluate.reserve import (
    ReserveRow,
    check_plan,
    evaluate_reserve,
    names,
    reserve_rows,
    run_reserve,
)
from audiostory.story.plan import PlanModel, PlanSettings, plan_of
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline

SECOND = Path(reserve.__file__).parent / "assets" / "second_reserve.jsonl"
ROW = ReserveRow(
    id="x-01",
    text="Rain, then a dog, then a door",
    sounds=(("rain",), ("dog", "bark"), ("door",)),
    duration_s=9.0,
)


def _story(*captions: str, length_s: float = 3.0) -> Story:
    events = tuple(
        Event(
            start_s=index * length_s, end_s=(index + 1) * length_s, detail=text, sounds="something"
        )
        for index, text in enumerate(captions)
    )
    clips = tuple(Clip(caption=text, duration_s=length_s) for text in captions)
    return Story(storyline=Storyline(summary="A story", events=events), clips=clips)


GOOD = _story("Heavy rain falling", "A big dog barks", "The doors slam")


def test_there_are_two_hundred_instructions_with_two_to_seven_sounds_each():
    rows = reserve_rows()
    assert len({row.id for row in rows}) == len({row.text for row in rows}) == len(rows) == 200
    assert all(2 <= len(row.sounds) <= 7 for row in rows)
    for row in rows:
        Instruction(text=row.text, duration_s=row.duration_s)
        assert all(word == word.lower() for words in row.sounds for word in words)


@pytest.mark.parametrize("path", [None, SECOND])
def test_every_instruction_of_the_reserve_names_its_own_sounds(path):
    unnamed = [
        (row.id, words)
        for row in reserve_rows(path)
        for words in row.sounds
        if not names(row.text, words)
    ]
    assert unnamed == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("It is raining", "rain"),
        ("Two cats", "cat"),
        ("slamming shut", "slam"),
        ("a cracked plate", "crack"),
        ("A Music-Box plays", "music box"),
        ("scraping sounds", "scrape"),
        ("temple 梵鐘 rings", "梵鐘"),
        ("Thunderous applause", "applau"),
    ],
)
def test_forms_of_a_word_are_found(text, word):
    assert names(text, [word])


@pytest.mark.parametrize(
    ("text", "word"),
    [("a category", "cat"), ("the train", "rain"), ("a careful step", "car"), ("belly", "bell")],
)
def test_other_words_are_not_found(text, word):
    assert not names(text, [word])


def test_a_good_story_passes_in_order():
    result = check_plan(GOOD, ROW)
    assert result.passes
    assert result.in_order
    assert result.captions_of == ((0,), (1,), (2,))
    assert not result.is_lumped


def test_a_plan_is_checked_like_its_story():
    plan = plan_of(
        GOOD,
        Instruction(text=ROW.text, duration_s=9.0),
        duration_s=9.0,
        seed=1,
        model=PlanModel(),
        settings=PlanSettings(),
    )
    assert check_plan(plan, ROW).passes


def test_missing_sounds_and_wrong_lengths_are_named():
    result = check_plan(_story("Rain", "Rain", length_s=4.0), ROW)
    assert result.missing == ("dog", "door")
    assert result.repeated == 1
    assert result.problems == ("lasts 8 s, asked were 9 s",)


def test_the_text_of_an_event_that_is_not_heard_names_nothing():
    event = Event(start_s=0, end_s=4.5, detail="rain, dog, door", sounds="wind")
    other = Event(start_s=4.5, end_s=9, detail="rain, dog, door", sounds="a dog")
    clips = (Clip(caption="wind", duration_s=4.5), Clip(caption="wind", duration_s=4.5))
    story = Story(storyline=Storyline(summary="s", events=(event, other)), clips=clips)
    result = check_plan(story, ROW)
    assert result.missing == ("rain", "door")
    assert result.captions_of == ((), (), ())


def test_a_caption_that_names_everything_is_lumped_and_order_is_noticed():
    assert check_plan(_story("Rain and a dog and a door", "A hum", "A hum"), ROW).is_lumped
    swapped = check_plan(_story("A door", "A dog", "Rain"), ROW)
    assert swapped.in_order is False
    assert swapped.passes


def test_one_event_and_gaps_are_problems():
    assert "1 events" in check_plan(_story("Rain, dog, door", length_s=9.0), ROW).problems[0]
    first, *others = GOOD.storyline.events
    late = Event(start_s=1.0, end_s=first.end_s, detail="d", sounds="s")
    story = Story(storyline=Storyline(summary="s", events=(late, *others)), clips=GOOD.clips)
    assert any("starts at 1 s" in problem for problem in check_plan(story, ROW).problems)


def test_refusals_count_as_failures_and_the_report_says_why(tmp_path):
    def planner(instruction: Instruction, seed: int) -> Story:
        if seed == 1:
            raise InstructionError("too hard | really")
        return GOOD

    rows = (ROW, ROW)
    report = run_reserve(planner, tmp_path, rows=rows)
    assert report.summary()["pass"] == 0.5
    entry = json.loads((tmp_path / "reserve.json").read_text(encoding="utf-8"))
    assert entry["results"][1]["problems"] == ["no story: too hard | really"]
    assert "too hard / really" in (tmp_path / "reserve.md").read_text(encoding="utf-8")


def test_other_errors_of_a_planner_are_not_hidden():
    def planner(instruction: Instruction, seed: int) -> Story:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluate_reserve(planner, [ROW])


def test_a_malformed_file_names_its_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "text": "b", "sounds": [["c"]]}\n{"id": 1}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="rows.jsonl:2"):
        reserve_rows(path)
