from __future__ import annotations

import pytest
import torch

from audiostory.data.understanding.questions import Questions, is_alike, shuffled, told_by
from audiostory.data.understanding.rows import Exchange
from audiostory.errors import CorpusError
from tests.data.understanding.files import heard

OWN = Exchange(question="Is there speech?", answer="No.")
ROWS = (
    heard("A dog barking", "dog"),
    heard("Rain falling on a roof", "rain"),
    heard("Dogs fighting", "dog"),
    heard("A church bell ringing", "bell"),
    heard("", "people marching"),
    heard("", own=(OWN,)),
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def asked(index: int, kind: str, times: int = 60) -> list[Exchange]:
    questions, generator = Questions(ROWS, kinds=(kind, "caption", "open", "own")), rng()
    found = [one for _ in range(times) for one in questions.ask(index, generator, 3)]
    return [one for one in found if one.kind == kind]


def test_a_caption_is_asked_for_in_several_phrasings():
    found = asked(0, "caption")
    assert {one.answer for one in found} == {"A dog barking"}
    assert len({one.question for one in found}) >= 5


def test_an_open_question_is_answered_with_the_labels():
    assert {one.answer for one in asked(4, "open")} == {"people marching"}


def test_yes_is_what_is_heard_and_no_what_shares_no_label_and_no_word():
    found = asked(0, "yes_no")
    yes = {one.question for one in found if one.answer == "yes"}
    no = {one.question for one in found if one.answer == "no"}
    assert 0.3 < sum(one.answer == "yes" for one in found) / len(found) < 0.7
    assert all("dog" in question for question in yes)
    assert not any("dog" in question.lower() for question in no)
    assert any("rain" in question for question in no)


def test_the_right_choice_is_one_of_three_anywhere_among_them():
    found = asked(3, "choice")
    assert {one.answer for one in found} == {"bell", "A church bell ringing"}
    places = {one.question.index(one.answer) < len(one.question) / 2 for one in found}
    assert places == {True, False}
    assert all(f") {one.answer}" in one.question for one in found)
    assert all(one.question.count("(") == 3 for one in found)


def test_options_are_all_captions_or_all_labels():
    labels = {label for row in ROWS for label in row.labels}
    for one in asked(3, "choice"):
        options = [option.strip() for option in one.question.replace("(a)", "(b)").split("(b)")[1:]]
        options = [part.strip() for option in options for part in option.split("(c)")]
        assert len({option in labels for option in options}) == 1


def test_a_data_sets_own_questions_are_asked_as_they_are():
    assert set(Questions(ROWS).ask(5, rng(), 2)) == {OWN}


def test_the_seed_decides_the_questions():
    questions = Questions(ROWS)
    assert questions.ask(0, rng(1), 4) == questions.ask(0, rng(1), 4)
    assert questions.ask(0, rng(1), 4) != questions.ask(0, rng(2), 4)


def test_no_kind_is_asked_again_before_every_other():
    kinds = [one.kind for one in Questions(ROWS).ask(0, rng(), 8)]
    assert sorted(kinds[:4]) == sorted(kinds[4:]) == ["caption", "choice", "open", "yes_no"]


def test_words_that_tell_something_decide_what_is_alike():
    said = told_by(ROWS[0])
    assert is_alike("dogs bark", said)
    assert not is_alike("the sound of rain falling on a tin roof", said)


def test_every_number_comes_once_in_a_shuffle():
    for count in (1, 2, 12):
        assert sorted(shuffled(count, rng(count))) == list(range(count))


def test_what_cannot_be_asked_is_told():
    with pytest.raises(CorpusError, match="no kind of question 'riddle'"):
        Questions(ROWS, kinds=("riddle",))
    with pytest.raises(CorpusError, match="none of own can be asked of it, nor of 4 other rows"):
        Questions(ROWS, kinds=("own",))
    with pytest.raises(CorpusError, match="no recordings"):
        Questions(())
    alike = Questions((ROWS[0], ROWS[2]), kinds=("choice",))
    with pytest.raises(CorpusError, match="only 0 others have a"):
        alike.ask(0, rng())
