import dataclasses

import pytest

from audiostory.errors import ConfigError
from audiostory.evaluate.judge.hearing import Hearing, heard
from audiostory.evaluate.judge.question import Sampling, plan_in_words, question_of
from audiostory.evaluate.judge.rubric import paper_rubrics
from tests.evaluate.judge.bench import SMALL
from tests.evaluate.tracks import tone
from tests.story.plans import plan_from, two_events

RUBRICS = {rubric.key: rubric for rubric in paper_rubrics()}
PLAN = plan_from(two_events())


def ask(rubric=SMALL, **changes):
    given = {
        "model": "m",
        "instruction": "rain falls",
        "plan": PLAN,
        "sound": heard(tone(0.2), Hearing()),
        "sampling": Sampling(),
        "repeat": 0,
    }
    return question_of(rubric, **{**given, **changes})


def test_a_judge_of_consistency_hears_the_track_and_reads_nothing_of_its_making():
    for key in ("consistency", "coherence"):
        request = ask(RUBRICS[key]).request
        assert len(request.audio) == 1
        assert "rain falls" not in request.text
        assert "Footsteps" not in request.text


def test_a_judge_of_reasoning_reads_instruction_and_plan_and_hears_nothing():
    request = ask(RUBRICS["reasoning_logic"], sound=None).request
    assert request.audio == ()
    assert "<instruction>\nrain falls\n</instruction>" in request.text
    assert "Thunder roars." in request.text


def test_a_judge_of_instruction_following_hears_the_track_and_not_the_plan():
    request = ask(RUBRICS["instruction_following"]).request
    assert len(request.audio) == 1
    assert "rain falls" in request.text
    assert "Thunder roars." not in request.text


def test_a_plan_is_read_with_all_its_times_and_words():
    text = plan_in_words(PLAN)
    assert text.startswith("Summary: A chase.\nLength of the track: 10 s\n")
    assert "2. 4 to 10 s: A storm breaks. Sounds: Thunder." in text
    assert "2. from 4 s for 6 s: Thunder roars." in text


def test_repeats_differ_in_their_seed():
    sampling = Sampling(seed=7)
    assert [ask(sampling=sampling, repeat=n).request.seed for n in range(3)] == [7, 8, 9]


def test_the_same_question_has_the_same_name():
    assert ask().key == ask().key
    assert len(ask().key) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "another"},
        {"rubric": dataclasses.replace(SMALL, question="Is it bad?")},
        {"rubric": dataclasses.replace(SMALL, key="other")},
        {"instruction": "snow falls"},
        {"sound": heard(tone(0.2, 441.0), Hearing())},
        {"sound": heard(tone(0.2), Hearing(format="flac"))},
        {"repeat": 1},
        {"sampling": Sampling(temperature=0.5)},
        {"sampling": Sampling(max_output_tokens=100)},
    ],
    ids=str,
)
def test_whatever_may_change_the_answer_changes_the_name(changes):
    assert ask(**changes).key != ask().key


def test_the_plan_changes_the_name_only_where_it_is_shown():
    other = plan_from(two_events(ends_s=(5.0, 10.0)))
    reasoning = RUBRICS["reasoning_logic"]
    assert ask(reasoning, plan=other).key != ask(reasoning).key
    assert ask(plan=other).key == ask().key


def test_a_judge_is_asked_at_least_once():
    with pytest.raises(ConfigError, match="at least once"):
        Sampling(repeats=0)
