import pytest

from audiostory.audio.waveform import silence
from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.question import Question, QuestionSet
from audiostory.errors import CorpusError, MeasureError
from audiostory.evaluate.understanding.run import measure_answers, measure_captions
from tests.evaluate.tracks import item

SET = ItemSet(
    name="clotho",
    version="first-1",
    items=tuple(item(name, captions=(f"{name} is heard",)) for name in ("rain", "wind", "dog")),
    reference_of=lambda one: silence(1.0 + len(one.id), 8_000),
    notes=("asks the first caption",),
)


def questions(*answers):
    return QuestionSet(
        name="clotho-aqa",
        version="1",
        questions=tuple(
            Question(id=f"q{n}", recording=f"r{n}", text=f"Question {n}?", answers=(one,) * 3)
            for n, one in enumerate(answers)
        ),
        audio_of=lambda one: silence(1.0 + int(one.id[1:]), 8_000),
        length_of=lambda one: 1.0 + int(one.id[1:]),
    )


QUIZ = questions("yes", "no", "dog", "cat")


def test_sets_without_captions_are_refused():
    bare = ItemSet(name="bare", version="1", items=(item("rain"),))
    with pytest.raises(CorpusError, match="no captions"):
        measure_captions({"rain": ""}, bare, system="m", java=None)


def test_captions_without_java_are_reported_as_missing_with_the_sets_notes():
    found = measure_captions({"rain": "a", "wind": "b", "dog": ""}, SET, system="m", java=None)
    assert [one.score.column.key for one in found.measured] == [
        "cider",
        "meteor",
        "spice",
        "spider",
    ]
    assert all(one.score.value is None and one.interval is None for one in found.measured)
    assert found.notes == ("asks the first caption", "1 captions hold no words; they score 0")
    assert (found.asked.set, found.asked.system, found.num_items) == ("clotho", "m", 3)


def test_captions_of_another_set_are_refused():
    with pytest.raises(MeasureError, match="2 items have no caption"):
        measure_captions({"rain": "rain"}, SET, system="m", java=None)


def test_answers_are_measured_with_intervals_and_what_was_left_open_is_noted():
    given = {"q0": "yes", "q1": "perhaps", "q2": "", "q3": "cat"}
    found = measure_answers(given, QUIZ, system="m", resamples=200)
    accuracy, binary = found.measured
    assert accuracy.score.value == 50.0
    assert binary.score.value == 50.0
    assert accuracy.interval is not None
    assert accuracy.interval.low < 50.0 < accuracy.interval.high
    assert found.notes == (
        "1 questions are not answered; they are wrong",
        "1 yes-or-no questions are answered with neither; they are wrong",
    )


def test_a_score_of_one_recording_has_no_interval():
    found = measure_answers({"q0": "yes", "q1": "dog"}, questions("yes", "dog"), system="m")
    accuracy, binary = found.measured
    assert accuracy.interval is not None
    assert binary.score.value == 100.0
    assert binary.interval is None


def test_the_same_seed_gives_the_same_intervals():
    given = {"q0": "yes", "q1": "yes", "q2": "dog", "q3": "dog"}
    once, again = (measure_answers(given, QUIZ, system="m", seed=5) for _ in range(2))
    assert [one.interval for one in once.measured] == [one.interval for one in again.measured]
