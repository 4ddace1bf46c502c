import pytest

from audiostory.audio.waveform import silence
from audiostory.data.sets.question import Question, QuestionSet
from audiostory.errors import CorpusError


def question(name, answers=("yes",)):
    return Question(id=name, recording="rain", text="Is it raining?", answers=answers)


def set_of(*questions):
    return QuestionSet(
        name="quiz",
        version="1",
        questions=questions,
        audio_of=lambda _: silence(1.0, 8_000),
        length_of=lambda _: 1.0,
    )


def test_a_question_leads_to_the_recording_it_is_about():
    quiz = set_of(question("a"), question("b"))
    assert quiz.audio_of(quiz.questions[1]).duration_s == 1.0


def test_sets_that_cannot_be_asked_are_refused():
    with pytest.raises(CorpusError, match="empty"):
        set_of()
    with pytest.raises(CorpusError, match="two questions called 'a'"):
        set_of(question("a"), question("a"))
    with pytest.raises(CorpusError, match="nobody answered 'b'"):
        set_of(question("a"), question("b", answers=()))
