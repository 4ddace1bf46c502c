import pytest

from audiostory.audio.waveform import Waveform, silence
from audiostory.data.sets.item import ItemSet
from audiostory.data.sets.question import Question, QuestionSet
from audiostory.errors import CorpusError, MeasureError
from audiostory.evaluate.understanding.run import (
    answer_set,
    caption_set,
    measure_answers,
    measure_captions,
)
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
    )


QUIZ = questions("yes", "no", "dog", "cat")


def test_a_captioner_hears_each_reference(tmp_path):
    def captioner(waveform: Waveform) -> str:
        return f"{waveform.duration_s:g} seconds of sound"

    said = caption_set(captioner, SET, tmp_path / "c.jsonl", system="m")
    assert said == {
        "rain": "5 seconds of sound",
        "wind": "5 seconds of sound",
        "dog": "4 seconds of sound",
    }


def test_an_answerer_hears_the_recording_with_the_question(tmp_path):
    said = answer_set(
        lambda waveform, text: f"{text} {waveform.duration_s:g}", QUIZ, tmp_path / "a.jsonl",
        system="m",
    )  # fmt: skip
    assert said["q2"] == "Question 2? 3"


def test_a_run_that_is_whole_asks_nothing_again(tmp_path):
    path = tmp_path / "c.jsonl"
    said = caption_set(lambda _: "rain", SET, path, system="m")

    def never(_):
        raise AssertionError

    assert caption_set(never, SET, path, system="m") == said


def test_sets_that_cannot_be_captioned_are_refused(tmp_path):
    bare = ItemSet(name="bare", version="1", items=(item("rain"),))
    with pytest.raises(CorpusError, match="1 items of bare have no captions"):
        caption_set(lambda _: "", bare, tmp_path / "c.jsonl", system="m")
    with pytest.raises(CorpusError, match="no captions"):
        measure_captions({"rain": ""}, bare, system="m", java=None)
    silent = ItemSet(name="s", version="1", items=(item("rain", captions=("rain",)),))
    with pytest.raises(CorpusError, match="nothing can be heard"):
        caption_set(lambda _: "", silent, tmp_path / "c.jsonl", system="m")


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
