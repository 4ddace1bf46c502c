from dataclasses import replace

import pytest

from audiostory.errors import MeasureError, OutputError
from audiostory.evaluate.listening.key import read_key, write_key
from tests.evaluate.listening.studies import key


def test_a_key_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "key.json"
    write_key(key(repeats=1), path)
    assert read_key(path) == key(repeats=1)


def test_a_key_is_never_overwritten(tmp_path):
    write_key(key(), tmp_path / "key.json")
    with pytest.raises(OutputError, match="exists"):
        write_key(key(), tmp_path / "key.json")


def test_trials_come_in_the_order_they_are_heard():
    one = key()
    shuffled = replace(one, trials=dict(reversed(one.trials.items())))
    assert [trial.position for trial in shuffled.trials_of("P02").values()] == [0, 1, 2, 3]
    assert shuffled.participants == ("P01", "P02")


def test_a_folder_without_a_key_is_told_so(tmp_path):
    with pytest.raises(MeasureError, match="folder that the study was made in"):
        read_key(tmp_path / "key.json")


@pytest.mark.parametrize("text", ["{", "[]", '{"study": 3}', "\xff"])
def test_what_is_no_key_is_refused(tmp_path, text):
    (tmp_path / "key.json").write_text(text, encoding="latin-1")
    with pytest.raises(MeasureError, match="not the key of a listening study"):
        read_key(tmp_path / "key.json")


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "another"}])
def test_the_key_of_another_version_is_refused(tmp_path, change):
    write_key(replace(key(), **change), tmp_path / "key.json")
    with pytest.raises(MeasureError, match="score the study with the release that made it"):
        read_key(tmp_path / "key.json")
