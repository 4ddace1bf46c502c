import dataclasses
import json

import pytest

from audiostory.chat import ChatAnswer
from audiostory.errors import OutputError
from audiostory.evaluate.judge.answers import AnswerFolder, marks_of
from audiostory.evaluate.judge.cost import Usage
from tests.evaluate.judge.bench import marks
from tests.evaluate.judge.test_cost import PRICE
from tests.evaluate.judge.test_question import ask

ANSWER = ChatAnswer(
    text=marks(["tone"], 4, 2, "näher am Regen"), model="m-1", input_tokens=9, output_tokens=3
)


def test_what_is_kept_is_found_as_it_was(tmp_path):
    AnswerFolder(tmp_path).keep(ask(), ANSWER, "a", 2.0)
    found = AnswerFolder(tmp_path).find(ask())
    assert found == marks_of(ask(), ANSWER)
    assert (found.overall.score, found.criteria["tone"].score, found.answer) == (2, 4, ANSWER)


def test_what_was_not_asked_is_not_found(tmp_path):
    folder = AnswerFolder(tmp_path)
    folder.keep(ask(), ANSWER, "a", 2.0)
    assert folder.find(ask(repeat=1)) is None
    assert AnswerFolder(tmp_path / "none").find(ask()) is None


def test_a_file_tells_what_was_asked_and_holds_no_sound(tmp_path):
    folder = AnswerFolder(tmp_path)
    folder.keep(ask(), ANSWER, "a", 2.0)
    (path,) = tmp_path.rglob("*.json")
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert (kept["item"], kept["asked"]["rubric"]) == ("a", "small")
    assert "rain falls" in kept["asked"]["text"]
    assert len(kept["asked"]["sounds"][0]["sha256"]) == 64
    assert path.stat().st_size < 5_000


def test_half_a_file_never_counts_as_an_answer(tmp_path, monkeypatch):
    folder = AnswerFolder(tmp_path)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.keep(ask(), ANSWER, "a", 2.0)
    assert folder.find(ask()) is None


@pytest.mark.parametrize("text", ["", "{}", '{"format": "x", "version": 1}', "[1]", '{"format'])
def test_a_file_that_holds_something_else_is_named(tmp_path, text):
    folder = AnswerFolder(tmp_path)
    folder.keep(ask(), ANSWER, "a", 2.0)
    folder.path_of(ask()).write_text(text)
    with pytest.raises(OutputError, match="remove it to ask again"):
        folder.find(ask())


def test_an_answer_that_was_tampered_with_is_not_scored(tmp_path):
    folder = AnswerFolder(tmp_path)
    folder.keep(ask(), ANSWER, "a", 2.0)
    path = folder.path_of(ask())
    path.write_text(path.read_text().replace('\\"score\\": 2', '\\"score\\": 9'))
    with pytest.raises(OutputError, match="less than or equal to 5"):
        folder.find(ask())


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        AnswerFolder(tmp_path / "file").keep(ask(), ANSWER, "a", 2.0)


def test_what_all_answers_of_a_model_took_is_added_up(tmp_path):
    folder = AnswerFolder(tmp_path)
    assert folder.usage("m", None) == Usage()
    for repeat in range(3):
        folder.keep(ask(repeat=repeat), ANSWER, "a", 2.0)
    model = ask().evidence["model"]
    assert folder.usage(model, None) == Usage(asks=3, input_tokens=27, output_tokens=9)
    assert folder.usage("another", None) == Usage()


def test_kept_answers_whose_sound_was_not_counted_are_billed_for_it(tmp_path):
    folder = AnswerFolder(tmp_path)
    told = dataclasses.replace(ANSWER, input_tokens=100)
    folder.keep(ask(), told, "a", 2.0)
    found = folder.usage(ask().evidence["model"], PRICE)
    assert found == Usage(asks=1, input_tokens=100, audio_tokens=64, output_tokens=3)


def test_a_damaged_answer_is_named_when_they_are_added_up(tmp_path):
    folder = AnswerFolder(tmp_path)
    folder.keep(ask(), ANSWER, "a", 2.0)
    folder.path_of(ask()).write_text("{}")
    with pytest.raises(OutputError, match="remove it to ask again"):
        folder.usage("m", None)
