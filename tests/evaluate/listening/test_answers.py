import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.listening.answers import ratings_of, read_answers
from tests.evaluate.listening.studies import answers, key, sent


def one_file(tmp_path, change=None, **fields):
    values = answers(key(), "P01", **fields)
    if change:
        change(values)
    return [sent(tmp_path, values)]


def test_answers_become_ratings_of_named_systems(tmp_path):
    paths = one_file(tmp_path, score_of=lambda system, item, _: {"a": 4, "b": 1}[system])
    ratings = ratings_of(read_answers(paths, key()), key())
    assert {(one.system, one.item): set(one.scores.values()) for one in ratings} == {
        ("a", "x"): {4}, ("b", "x"): {1}, ("a", "y"): {4}, ("b", "y"): {1},
    }  # fmt: skip
    assert {one.participant for one in ratings} == {"P01"}


def test_files_come_in_the_order_of_participants(tmp_path):
    paths = [sent(tmp_path, answers(key(), name)) for name in ("P02", "P01")]
    assert [file.participant for file in read_answers(paths, key())] == ["P01", "P02"]


def test_an_incomplete_file_counts_as_far_as_it_goes(tmp_path):
    def stop(values):
        values["is_complete"] = False
        values["answers"] = values["answers"][:3]
        del values["answers"][1]["scores"]["fidelity"]
        values["answers"][2] |= {"scores": {}, "listened": 0.1}

    ratings = ratings_of(read_answers(one_file(tmp_path, stop), key()), key())
    assert [len(one.scores) for one in ratings] == [4, 3]


REFUSED = {
    "answers the study ffff": lambda v: v.update(study="ffff"),
    "is of version 2": lambda v: v.update(version=2),
    "holds no answers": lambda v: v.update(format="another"),
    "no participant 'P09'": lambda v: v.update(participant="P09"),
    "scores fidelity 6": lambda v: v["answers"][0]["scores"].update(fidelity=6),
    "scores fidelity -1": lambda v: v["answers"][0]["scores"].update(fidelity=-1),
    "scores charm 3": lambda v: v["answers"][0]["scores"].update(charm=3),
    "must be int": lambda v: v["answers"][0]["scores"].update(fidelity=3.5),
    "no field 'mood'": lambda v: v.update(mood="good"),
    "misses device": lambda v: v.pop("device"),
    "answered twice": lambda v: v["answers"].append(v["answers"][0]),
    "not one of P01's": lambda v: v["answers"][0].update(trial="P02-0"),
    "scored after 50%": lambda v: v["answers"][0].update(listened=0.5),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_the_page_cannot_have_written_is_refused(tmp_path, words):
    paths = one_file(tmp_path, REFUSED[words])
    with pytest.raises(MeasureError, match=words) as caught:
        read_answers(paths, key())
    assert str(paths[0]) in str(caught.value)


def test_a_participant_counts_once(tmp_path):
    paths = [sent(tmp_path, answers(key(), "P01"), name) for name in ("first", "second")]
    with pytest.raises(MeasureError, match=r"second\.json: participant P01 is also in .*first"):
        read_answers(paths, key())


def test_every_bad_file_is_named_at_once(tmp_path):
    paths = [
        sent(tmp_path, answers(key(), "P01", version=7)),
        sent(tmp_path, ["text"], "list"),
        tmp_path / "gone.json",
        sent(tmp_path, answers(key(), "P02")),
    ]
    (tmp_path / "torn.json").write_text('{"format": ')
    with pytest.raises(MeasureError) as caught:
        read_answers([*paths, tmp_path / "torn.json"], key())
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0].rpartition("/")[2] for line in lines] == [
        "P01.json",
        "list.json",
        "gone.json",
        "torn.json",
    ]


def test_a_rounded_share_is_no_fraud(tmp_path):
    paths = one_file(tmp_path, lambda values: values["answers"][0].update(listened=0.7999))
    assert read_answers(paths, key())


def test_no_files_are_no_answers():
    with pytest.raises(MeasureError, match="no answers were given"):
        read_answers([], key())
