import json

import pytest

from audiostory.data.sets.catalogue import (
    QUESTION_SETS,
    SETS,
    load_questions,
    load_set,
    set_called,
)
from audiostory.data.sets.item import seed_of
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound, write_text
from tests.data.sets.rows import entry, write_manifest

CAPTIONS = ",".join(f"caption_{number}" for number in range(1, 6))
ANNOTATIONS = {
    "database": {
        "vid": {
            "subset": "test",
            "duration": 20.0,
            "annotations": [{"segment": [0.0, 9.0], "label": "rain", "label_id": 1}],
        }
    }
}


def write_audiocaps(folder):
    write_text(folder / "test.csv", "audiocap_id,youtube_id,start_time,caption\n1,abc,0,Rain\n")
    write_sound(folder / "audio" / "abc.wav")


def write_clotho(folder):
    path = folder / "clotho_captions_evaluation.csv"
    write_text(path, f"file_name,{CAPTIONS}\nrain.wav,1,2,3,4,5\n")
    write_sound(folder / "evaluation" / "rain.wav")


def write_unav(folder):
    path = folder / "annotations" / "unav100_annotations.json"
    write_text(path, json.dumps(ANNOTATIONS))
    write_sound(folder / "audio" / "vid.wav", 20.0)


WRITERS = {
    "audiocaps": write_audiocaps,
    "clotho": write_clotho,
    "unav-100": write_unav,
    "audiostory-10k": lambda folder: write_manifest(folder, entry()),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_set_is_loaded_by_its_name(tmp_path, name):
    WRITERS[name](tmp_path)
    found = load_set(name, tmp_path, max_missing=0)
    assert found.name == name
    assert len(found.items) == 1
    assert found.reference_of(found.items[0]) is not None
    assert [one.seed for one in found.items] == [seed_of(name, one.id) for one in found.items]


def test_the_shipped_set_needs_no_folder():
    found = load_set("nano-stories", None)
    assert found.name == "nano-stories"
    assert not found.has_references


def test_every_set_has_a_writer_here_or_ships():
    assert {*WRITERS, "nano-stories"} == set(SETS)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(CorpusError, match="no test set 'audiocap': use one of nano-stories, aud"):
        load_set("audiocap", None)


def test_a_set_that_does_not_ship_needs_a_folder():
    with pytest.raises(CorpusError, match="clotho does not come with the package"):
        load_set("clotho", None)


def test_an_unknown_option_lists_the_known_ones(tmp_path):
    with pytest.raises(CorpusError, match="no option max_mising; it has choice, max_missing"):
        load_set("clotho", tmp_path, max_mising=3)


def test_options_are_written_after_the_name(tmp_path):
    write_clotho(tmp_path)
    assert len(load_set("clotho?choice=all", tmp_path).items) == 5
    assert set_called("clotho?choice=all") == "clotho"
    write_unav(tmp_path)
    assert "over12.5s" in load_set("unav-100?min_duration_s=12.5&subset=test", tmp_path).version
    write_manifest(tmp_path, entry())
    assert "natural" in load_set("audiostory-10k?source=natural", tmp_path).version


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("clotho?choise=all", "no option choise; it has choice"),
        ("clotho?choice=second", "choice=second: choose from first, all"),
        ("audiostory-10k?source=mars", "source=mars: choose from natural, cartoon"),
        ("unav-100?min_duration_s=long", "min_duration_s=long: give a number"),
        ("nano-stories?limit=3", "no option limit; it has none"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, name, told):
    with pytest.raises(CorpusError, match=told.replace("?", r"\?")):
        load_set(name, tmp_path)


def test_recordings_may_be_missing_where_somebody_says_how_many(tmp_path):
    write_audiocaps(tmp_path)
    (tmp_path / "test.csv").write_text(
        "audiocap_id,youtube_id,start_time,caption\n1,abc,0,Rain\n2,xyz,0,Wind\n"
    )
    with pytest.raises(CorpusError, match=r"xyz.*--max-missing 1"):
        load_set("audiocaps", tmp_path)
    assert load_set("audiocaps", tmp_path, max_missing=1).version.endswith("1of2")


def test_of_the_shipped_set_nothing_may_be_missing():
    assert load_set("nano-stories", None, max_missing=0).items
    with pytest.raises(CorpusError, match="nano-stories nothing may be missing"):
        load_set("nano-stories", None, max_missing=1)


def test_questions_are_loaded_by_their_name(tmp_path):
    write_text(
        tmp_path / "clotho_aqa_test.csv",
        "file_name,QuestionText,answer,confidence\nrain.wav,Is it raining?,yes,yes\n",
    )
    write_sound(tmp_path / "sounds" / "rain.wav", 3.0)
    found = load_questions("clotho-aqa?audio=sounds", tmp_path)
    assert (found.name,) == QUESTION_SETS
    assert found.length_of(found.questions[0]) == pytest.approx(3.0)
    with pytest.raises(CorpusError, match="no test set 'clotho': use one of clotho-aqa"):
        load_questions("clotho", tmp_path)
