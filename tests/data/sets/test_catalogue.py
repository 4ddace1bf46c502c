import json

import pytest

from audiostory.data.sets.catalogue import SETS, load_set
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
