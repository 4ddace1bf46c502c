import hashlib
from importlib.resources import files

import pytest

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.labels import NUM_CLASSES, audioset_labels, read_labels


def test_the_table_of_classes_is_the_published_one():
    table = files("audiostory.evaluate") / "assets" / "audioset_labels.csv"
    published = "cdd1049833c4b86127c2773ac0d14a2754b6a6d0d1798002ed5c66e699708429"
    assert hashlib.sha256(table.read_bytes()).hexdigest() == published


def test_classes_have_the_places_that_classifiers_answer_in():
    labels = audioset_labels()
    assert len(labels) == len(set(labels)) == NUM_CLASSES
    known = {
        0: "Speech",
        74: "Dog",
        137: "Music",
        288: "Water",
        500: "Silence",
        526: "Field recording",
    }
    assert {index: labels[index] for index in known} == known
    assert labels[1] == "Male speech, man speaking"


def test_a_table_of_ones_own_is_read(tmp_path):
    table = tmp_path / "classes.csv"
    table.write_text('index,mid,display_name\n0,/m/1,"Dog, small"\n1,/m/2,Cat\n')
    assert read_labels(table) == ("Dog, small", "Cat")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("index,mid,display_name\n0,/m/1,Dog\n2,/m/2,Cat\n", "count from 0"),
        ("mid,name\n/m/1,Dog\n", "columns index and display_name"),
        ("", "columns index and display_name"),
    ],
)
def test_a_table_with_gaps_is_refused(tmp_path, text, reason):
    table = tmp_path / "classes.csv"
    table.write_text(text)
    with pytest.raises(CheckpointError, match=reason):
        read_labels(table)


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")
