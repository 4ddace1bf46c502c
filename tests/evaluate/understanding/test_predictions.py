import pytest

from audiostory.errors import OutputError
from audiostory.evaluate.understanding.predictions import Asked, predict, read_predictions

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
    with pytest.raises(OutputError, match="cannot write"):
        predict(ASKED, IDS, System(), tmp_path / "nowhere" / "p.jsonl")
    with pytest.raises(OutputError, match="cannot go on with"):
        predict(ASKED, IDS, System(), tmp_path)
    with pytest.raises(OutputError, match="surrogates"):
        predict(ASKED, IDS, lambda _: "\ud800", tmp_path / "p.jsonl")
    assert read_predictions(tmp_path / "p.jsonl") == (ASKED, {})
