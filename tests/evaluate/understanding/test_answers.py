import pytest

from audiostory.data.sets.question import Question
from audiostory.errors import MeasureError
from audiostory.evaluate.understanding.answers import (
    answer_said,
    credit,
    is_binary,
    normalised,
    score_answers,
)


def question(*answers, name="q", recording="rain"):
    return Question(id=name, recording=recording, text="What?", answers=answers)


RAIN = question("yes", "no", "Yes", name="rain")
DOGS = question("two", "2", "3", name="dogs")
BIRD = question("crow", "robin", "bird", name="bird")
SURE = question("no", "no", "no", name="sure")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes.", "yes"),
        ("  The Dog! ", "dog"),
        ("Two dogs", "2 dogs"),
        ("a car_horn", "car horn"),
        ("dog's", "dog s"),
        ("ＣＡＦÉ", "café"),
        ("the", ""),
        ("...", ""),
        ("twelve thirteen", "12 thirteen"),
    ],
)
def test_answers_are_compared_without_case_punctuation_and_articles(text, expected):
    assert normalised(text) == expected
    assert normalised(expected) == expected


def test_a_yes_or_no_question_is_one_that_most_people_answer_so():
    assert [is_binary(one) for one in (RAIN, DOGS, BIRD, SURE)] == [True, False, False, True]
    assert not is_binary(question("yes", "loud"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Yes, it rains.", "yes"),
        ("no", "no"),
        ("It rains, yes", None),
        ("nobody", None),
        ("", None),
    ],
)
def test_to_a_yes_or_no_question_the_first_word_is_the_answer(given, expected):
    assert answer_said(given, RAIN) == expected


def test_to_another_question_the_whole_text_is_the_answer():
    assert answer_said("A robin", BIRD) == "robin"
    assert answer_said("It is a robin", BIRD) == "it is robin"
    assert answer_said("!", BIRD) is None


@pytest.mark.parametrize(
    ("protocol", "worth"),
    [
        ("majority", {"yes": 100.0, "no": 0.0, None: 0.0}),
        ("any", {"yes": 100.0, "no": 100.0, None: 0.0}),
        ("each", {"yes": 200 / 3, "no": 100 / 3, None: 0.0}),
        ("unanimous", {"yes": None, "no": None, None: None}),
    ],
)
def test_what_an_answer_is_worth_depends_on_the_protocol(protocol, worth):
    for said, expected in worth.items():
        assert credit(said, RAIN, protocol) == (
            None if expected is None else pytest.approx(expected)
        )


def test_a_question_without_a_majority_counts_only_where_any_answer_does():
    assert credit("robin", BIRD, "majority") is None
    assert credit("robin", BIRD, "unanimous") is None
    assert credit("robin", BIRD, "any") == 100.0
    assert credit("yes", question("yes", "no"), "majority") is None
    assert credit("no", SURE, "unanimous") == 100.0


GIVEN = {"rain": "Yes, rain", "dogs": "3 dogs", "bird": "robin", "sure": "maybe"}
ALL = (RAIN, DOGS, BIRD, SURE)


def test_accuracy_is_that_of_the_questions_that_count():
    answers = score_answers(ALL, GIVEN)
    assert answers.accuracy.per_item == (100.0, 0.0, None, 0.0)
    assert answers.accuracy.value == pytest.approx(100 / 3)
    assert answers.binary_accuracy.per_item == (100.0, None, None, 0.0)
    assert answers.binary_accuracy.value == 50.0
    assert answers.undecided == ("bird",)
    assert answers.unparseable == ("sure",)
    assert answers.unanswered == ()
    assert "majority" in answers.accuracy.column.detail
    assert "yes-or-no" in answers.binary_accuracy.column.detail


def test_what_is_not_answered_is_wrong_and_named():
    answers = score_answers(ALL, {**GIVEN, "sure": "", "dogs": "..."})
    assert answers.accuracy.per_item == (100.0, 0.0, None, 0.0)
    assert answers.unanswered == ("dogs", "sure")
    assert answers.unparseable == ()


def test_any_answer_is_never_worth_less_than_a_share_nor_that_than_nothing():
    values = {
        protocol: score_answers(ALL, GIVEN, protocol).accuracy.value for protocol in ("any", "each")
    }
    assert values["any"] == pytest.approx(50.0)  # rain and bird
    assert values["each"] == pytest.approx((200 / 3 + 0 + 100 / 3 + 0) / 4)


def test_binary_accuracy_of_a_set_without_such_questions_is_missing():
    answers = score_answers([DOGS], {"dogs": "2"})
    assert answers.accuracy.value == 100.0
    assert answers.binary_accuracy.value is None


def test_answers_always_yes_are_right_as_often_as_people_say_yes():
    many = [
        question(*["yes" if number % 4 else "no"] * 3, name=str(number), recording=str(number // 6))
        for number in range(60)
    ]
    answers = score_answers(many, {one.id: "yes" for one in many})
    assert answers.binary_accuracy.value == pytest.approx(75.0)
    assert answers.binary_accuracy.num_units == 10


@pytest.mark.parametrize(
    ("questions", "given", "said"),
    [
        ([], {}, "of 0 questions"),
        ([RAIN, DOGS], {"rain": "yes"}, r"1 have no answer \(dogs\)"),
        ([RAIN], {"rain": "yes", "wind": "no"}, r"1 answers no question \(wind\)"),
        ([RAIN, RAIN], {"rain": "yes"}, "two questions share an id"),
    ],
)
def test_answers_to_other_questions_are_refused(questions, given, said):
    with pytest.raises(MeasureError, match=said):
        score_answers(questions, given)
