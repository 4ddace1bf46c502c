import pytest

from audiostory.data.sets.clotho_aqa import load_clotho_aqa
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound, write_text

HEAD = "file_name,QuestionText,answer,confidence\n"
RAIN = "".join(f"Santa Motor.wav,Is it raining?,{answer},yes\n" for answer in ("yes", "no", "yes"))
DOGS = "".join(f"Santa Motor.wav,How many dogs?,{answer},maybe\n" for answer in ("two", "2", "3"))
BIRD = "".join(f"bird.wav,What sings?,{answer},yes\n" for answer in ("bird", "Bird", "crow"))


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "clotho_aqa_test.csv", HEAD + RAIN + DOGS + BIRD)
    write_sound(tmp_path / "audio_files" / "Santa Motor.wav", level=0.1)
    write_sound(tmp_path / "audio_files" / "bird.wav", level=0.2)
    return tmp_path


def test_the_rows_of_a_question_are_its_answers(folder):
    quiz = load_clotho_aqa(folder)
    rain, dogs, bird = quiz.questions
    assert rain.answers == ("yes", "no", "yes")
    assert dogs.answers == ("two", "2", "3")
    assert dogs.confidences == ("maybe",) * 3
    assert dogs.text == "How many dogs?"
    assert rain.id.endswith("-q1")
    assert dogs.id.endswith("-q2")
    assert bird.id == "bird-q1"
    assert quiz.notes == ()


def test_a_question_leads_to_its_recording(folder):
    quiz = load_clotho_aqa(folder)
    levels = [float(quiz.audio_of(one).samples.max()) for one in quiz.questions]
    assert levels == pytest.approx([0.1, 0.1, 0.2], abs=1e-3)


def test_rows_without_an_answer_are_left_out_and_noted(folder):
    text = HEAD + RAIN + "bird.wav,What sings?,,no\n" + "bird.wav,What sings?,crow,no\n"
    write_text(folder / "clotho_aqa_test.csv", text)
    quiz = load_clotho_aqa(folder)
    assert quiz.questions[1].answers == ("crow",)
    told = " ".join(quiz.notes)
    assert "1 rows hold no answer and are left out: clotho_aqa_test.csv:5" in told
    assert "1 with 2" in told


def test_a_question_nobody_answered_is_left_out_and_noted(folder):
    write_text(folder / "clotho_aqa_test.csv", HEAD + RAIN + "bird.wav,What sings?,,no\n")
    quiz = load_clotho_aqa(folder)
    assert len(quiz.questions) == 1
    assert any("bird: What sings?" in note for note in quiz.notes)


def test_questions_about_missing_recordings_are_left_out_only_if_allowed(folder):
    (folder / "audio_files" / "bird.wav").unlink()
    with pytest.raises(CorpusError, match="1 of 2 recordings"):
        load_clotho_aqa(folder)
    quiz = load_clotho_aqa(folder, max_missing=1)
    assert len(quiz.questions) == 2
    assert quiz.version.endswith("-1of2")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",Is it?,yes,yes", "the column file_name is empty"),
        ("bird.wav,,yes,yes", "the column QuestionText is empty"),
        ("../bird.wav,Is it?,yes,yes", "no path inside"),
        ("a/bird.wav,Is it?,yes,yes", "no file name"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line(folder, row, said):
    write_text(folder / "clotho_aqa_test.csv", f"{HEAD}{row}\n")
    with pytest.raises(CorpusError, match=rf"clotho_aqa_test\.csv:2: .*{said}"):
        load_clotho_aqa(folder)
