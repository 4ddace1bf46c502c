import dataclasses

import pytest
from pydantic import ValidationError

from audiostory.errors import ConfigError
from audiostory.evaluate.judge.rubric import (
    answer_form,
    load_rubric,
    paper_rubrics,
    rubric_of,
)
from tests.evaluate.judge.bench import SMALL, marks

RUBRICS = {rubric.key: rubric for rubric in paper_rubrics()}

NAMES = {  # AudioStory, Appendix E.2
    "consistency": [
        "Timbre and Sonic Cohesion",
        "Sound-Producing Entity Consistency",
        "Acoustic Environment Consistency",
        "Transition Smoothness",
    ],
    "coherence": [
        "Intentional Transitions",
        "Dynamic and Emotional Flow",
        "Tempo and Textural Compatibility",
        "Transition Smoothness",
    ],
    "instruction_following": [
        "Overall Semantic Alignment",
        "Key Element Presence",
        "Event Sequence and Logical Development",
        "Specific Sound Detail Accuracy",
    ],
    "reasoning_logic": [
        "Overall Reasoning Logic",
        "Caption-Instruction Alignment",
        "Event Coverage Completeness",
        "Semantic and Temporal Accuracy",
    ],
}

TOML = """
title = "Mine"
column = "mine"
column_title = "Mine"
source = "me"
shown = ["audio"]
question = "Good?"
anchors = ["0", "1", "2", "3", "4", "5"]
[[criteria]]
key = "one"
name = "One"
asks = "Is it?"
"""


@pytest.mark.parametrize("key", NAMES)
def test_the_papers_criteria_are_all_there_under_their_names(key):
    assert [one.name for one in RUBRICS[key].criteria] == NAMES[key]


def test_columns_stand_in_the_order_and_under_the_names_of_table_1():
    assert [(one.column, one.column_title) for one in paper_rubrics()] == [
        ("instruct", "Instruct."),
        ("reasoning", "Reasoning"),
        ("consistency", "Consis."),
        ("coherence", "Coher."),
    ]


def test_each_rubric_shows_what_its_aspect_is_about():
    assert {key: set(one.shown) for key, one in RUBRICS.items()} == {
        "consistency": {"audio"},
        "coherence": {"audio"},
        "instruction_following": {"audio", "instruction"},
        "reasoning_logic": {"instruction", "plan"},
    }


@pytest.mark.parametrize("rubric", paper_rubrics(), ids=lambda rubric: rubric.key)
def test_a_judge_reads_every_criterion_and_what_each_score_means(rubric):
    assert all(f"- {one.key} ({one.name}): {one.asks}" in rubric.text for one in rubric.criteria)
    assert all(f"\n{score}: {rubric.anchors[score]}" in rubric.text for score in range(6))
    assert "\\" not in rubric.text


@pytest.mark.parametrize("score", [0, 5])
def test_the_ends_of_the_scale_are_scores(score):
    form = answer_form(SMALL).model_validate_json(marks(["tone"], score, score))
    assert form.model_dump()["overall"]["score"] == score


@pytest.mark.parametrize("score", [-1, 6, 3.5, "high"])
def test_what_is_off_the_scale_is_no_answer_and_is_not_clamped(score):
    for text in (marks(["tone"], score, 3), marks(["tone"], 3, score)):
        with pytest.raises(ValidationError):
            answer_form(SMALL).model_validate_json(text)


def test_an_answer_must_score_every_criterion_and_the_whole():
    for text in (marks([]), '{"tone": {"reason": "", "score": 3}}'):
        with pytest.raises(ValidationError):
            answer_form(SMALL).model_validate_json(text)


def test_the_reason_is_written_before_the_score():
    schema = answer_form(SMALL).model_json_schema()
    assert list(schema["$defs"]["Mark"]["properties"]) == ["reason", "score"]
    assert list(schema["properties"])[-1] == "overall"


def test_a_rubric_of_ones_own_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    rubric = load_rubric(path)
    assert (rubric.key, rubric.shown, rubric.anchors[5]) == ("mine", ("audio",), "5")


def test_a_digest_changes_with_the_words_and_with_what_is_shown():
    others = [
        dataclasses.replace(SMALL, question="Is it bad?"),
        dataclasses.replace(SMALL, shown=("audio",)),
    ]
    assert len({one.digest for one in [SMALL, *others]}) == 3


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"4", "5"]', '"4"]', "5 anchors"),
        ('["audio"]', '["video"]', "video"),
        ('["audio"]', "[]", "choose from"),
        ('key = "one"', 'key = "overall"', "rename it"),
        ('key = "one"', 'key = "o n e"', "simple keys"),
        ('\ntitle = "Mine"', "", "'title'"),
        ('\ntitle = "Mine"', '\ntitel = "Mine"', "titel"),
        ("[[criteria]]", "[[criterion]]", "criteria"),
        ("[[criteria]]", "[[criteria", "mine is wrong"),
    ],
)
def test_a_wrong_rubric_is_refused_by_what_is_wrong(old, new, complaint):
    assert old in TOML
    with pytest.raises(ConfigError, match=complaint):
        rubric_of(TOML.replace(old, new), "mine")


def test_a_missing_rubric_is_named(tmp_path):
    with pytest.raises(ConfigError, match="none.toml cannot be read"):
        load_rubric(tmp_path / "none.toml")
