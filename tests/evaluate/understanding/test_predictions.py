import threading

import pytest

from audiostory.chat import ChatUnavailableError, UnusableAnswerError
from audiostory.errors import AudioError, ChatError, OutputError
from audiostory.evaluate.understanding.predictions import (
    Asked,
    kept_in,
    predict,
    read_predictions,
)
from audiostory.generate.batch.claims import claim

ASKED = Asked(task="captions", set="clotho", version="first-3f2a", system="m")
IDS = ["a", "b", "c"]


class System:
    def __init__(self, fails_at=None):
        self.asked = []
        self.fails_at = fails_at

    def __call__(self, index):
        if index == self.fails_at:
            raise KeyboardInterrupt
        self.asked.append(index)
        return f"text {index}\nin 雨"


def test_every_item_is_asked_once_and_kept_in_order(tmp_path):
    told = []
    said = predict(ASKED, IDS, System(), tmp_path / "p.jsonl", progress=lambda *n: told.append(n))
    assert list(said) == IDS
    assert read_predictions(tmp_path / "p.jsonl") == (ASKED, said)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "p.jsonl"
    with pytest.raises(KeyboardInterrupt):
        predict(ASKED, IDS, System(fails_at=1), path)
    rest = System()
    said = predict(ASKED, IDS, rest, path)
    assert rest.asked == [1, 2]
    assert said == predict(ASKED, IDS, System(), tmp_path / "whole.jsonl")
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("torn", ["last", "head"])
def test_a_line_that_a_kill_left_unfinished_is_asked_again(tmp_path, torn):
    path = tmp_path / "p.jsonl"
    predict(ASKED, IDS, System(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10] if torn == "last" else whole[:20])
    again = System()
    predict(ASKED, IDS, again, path)
    assert again.asked == ([2] if torn == "last" else [0, 1, 2])
    assert path.read_bytes() == whole


def test_a_file_that_answers_something_else_is_left_alone(tmp_path):
    path = tmp_path / "p.jsonl"
    predict(ASKED, IDS, System(), path)
    whole = path.read_bytes()
    other = Asked(task="captions", set="clotho", version="first-9999", system="m")
    with pytest.raises(OutputError, match="write to another file"):
        predict(other, IDS, System(), path)
    with pytest.raises(OutputError, match="not asked: c"):
        predict(ASKED, ["a", "b"], System(), path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{}\n", "p.jsonl:1: no head"),
        ('{"id": "a", "text": "x"}\n', "p.jsonl:1: no head"),
        ("HEAD{\n", "p.jsonl:2: not JSON"),
        ('HEAD{"id": "a"}\n', "p.jsonl:2: not an id of its own"),
        ('HEAD{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}\n', "p.jsonl:3: not an id"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "p.jsonl"
    predict(ASKED, [], System(), path)
    path.write_text(text.replace("HEAD", path.read_text()))
    with pytest.raises(OutputError, match=said):
        read_predictions(path)


def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be locked"):
        predict(ASKED, IDS, System(), tmp_path / "nowhere" / "p.jsonl")
    with pytest.raises(OutputError, match="cannot go on with"):
        predict(ASKED, IDS, System(), tmp_path)
    with pytest.raises(OutputError, match="surrogates"):
        predict(ASKED, IDS, lambda _: "\ud800", tmp_path / "p.jsonl")
    assert read_predictions(tmp_path / "p.jsonl") == (ASKED, {})


def test_several_threads_ask_at_once_and_nothing_is_lost(tmp_path):
    path, ids = tmp_path / "p.jsonl", [str(number) for number in range(40)]
    together = threading.Barrier(4, timeout=5)

    def say(index):
        together.wait()
        return f"text {index}"

    said = predict(ASKED, ids, say, path, num_threads=4)
    assert said == {name: f"text {name}" for name in ids}
    assert read_predictions(path) == (ASKED, said)


def test_after_an_error_nothing_more_is_begun_and_what_is_under_way_is_kept(tmp_path):
    path, asked = tmp_path / "p.jsonl", []
    failed = threading.Event()

    def say(index):
        asked.append(index)
        if index == 0:
            failed.set()
            raise ChatUnavailableError("no connection")
        failed.wait(5)
        return "rain"

    with pytest.raises(ChatUnavailableError):
        predict(ASKED, [str(number) for number in range(40)], say, path, num_threads=2)
    assert len(asked) < 40
    assert set(read_predictions(path)[1]) == {str(index) for index in asked if index}


class Refuses(System):
    """Gives no answer to the second item."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def __call__(self, index):
        if index == 1:
            raise self.error
        return super().__call__(index)


@pytest.mark.parametrize(
    "error", [UnusableAnswerError("I would rather not"), ChatError("HTTP 400"), AudioError("long")]
)
def test_items_without_an_answer_are_left_out_and_asked_again(tmp_path, error):
    path, told = tmp_path / "p.jsonl", {}

    def left_out(name, why):
        told[name] = why

    counts = []
    said = predict(
        ASKED, IDS, Refuses(error), path, refused=left_out, progress=lambda *n: counts.append(n)
    )
    assert list(said) == ["a", "c"]
    assert told == {"b": str(error)}
    assert counts[-1] == (3, 3)
    again = System()
    assert list(predict(ASKED, IDS, again, path)) == IDS
    assert again.asked == [1]


def test_items_without_an_answer_may_be_kept_as_none(tmp_path):
    path = tmp_path / "p.jsonl"
    refuses = Refuses(UnusableAnswerError("no"))
    said = predict(ASKED, IDS, refuses, path, refused=lambda *_: "")
    assert said["b"] == ""
    assert predict(ASKED, IDS, System(fails_at=0), path) == said


def test_without_a_decision_an_item_without_an_answer_ends_the_run(tmp_path):
    with pytest.raises(UnusableAnswerError):
        predict(ASKED, IDS, Refuses(UnusableAnswerError("no")), tmp_path / "p.jsonl")


def test_an_api_that_does_not_take_the_first_question_is_not_asked_the_others(tmp_path):
    asked = []

    def say(index):
        asked.append(index)
        raise ChatError("HTTP 400: no sound, please")

    with pytest.raises(ChatError, match="no sound"):
        predict(ASKED, IDS, say, tmp_path / "p.jsonl", refused=lambda *_: None)
    assert asked == [0]


def test_two_processes_do_not_write_one_file(tmp_path):
    path = tmp_path / "p.jsonl"
    with claim(tmp_path / "p.jsonl.lock"):
        with pytest.raises(OutputError, match="another process writes"):
            predict(ASKED, IDS, System(), path)
        with pytest.raises(OutputError, match="another process writes"):
            kept_in(path, ASKED)
    predict(ASKED, IDS, System(), path)
    assert [one.name for one in tmp_path.iterdir()] == ["p.jsonl"]


def test_what_a_file_holds_is_told_without_asking(tmp_path):
    path = tmp_path / "p.jsonl"
    assert kept_in(path, ASKED) == {}
    said = predict(ASKED, IDS, System(), path)
    assert kept_in(path, ASKED) == said
    with pytest.raises(OutputError, match="write to another file"):
        kept_in(path, Asked(task="captions", set="clotho", version="first-3f2a", system="n"))
