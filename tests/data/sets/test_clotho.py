from pathlib import PurePosixPath

import pytest

from audiostory.data.sets.clotho import load_clotho, stem_of
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound, write_text

HEAD = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"
LIST = (
    HEAD
    + "Santa Motor.wav,A machine whines,Two,Three,Four,Five\n"
    + '20101026Rain&Thunder.wav,"Rain falls, loudly",2,3,4,5\n'
)


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "clotho_captions_evaluation.csv", LIST)
    write_sound(tmp_path / "evaluation" / "Santa Motor.wav", 15.25, level=0.1)
    write_sound(tmp_path / "evaluation" / "20101026Rain&Thunder.flac", 20.0, level=0.2)
    return tmp_path


def test_each_recording_is_asked_for_at_its_own_length(folder):
    found = load_clotho(folder)
    assert [item.instruction.text for item in found.items] == [
        "A machine whines",
        "Rain falls, loudly",
    ]
    assert [item.instruction.duration_s for item in found.items] == [15.25, 20.0]
    assert found.items[0].captions == ("A machine whines", "Two", "Three", "Four", "Five")
    levels = [float(found.reference_of(item).samples.max()) for item in found.items]
    assert levels == pytest.approx([0.1, 0.2], abs=1e-3)


def test_ids_can_be_file_names_whatever_the_recordings_are_called(folder):
    ids = [item.id for item in load_clotho(folder, choice="all").items]
    assert len(set(ids)) == 10
    assert not any(char in "".join(ids) for char in " &/")


def test_missing_recordings_are_named(folder):
    (folder / "evaluation" / "Santa Motor.wav").unlink()
    with pytest.raises(CorpusError, match="Santa Motor"):
        load_clotho(folder)
    assert any("Santa Motor" in note for note in load_clotho(folder, max_missing=1).notes)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Santa Motor.wav,1,2,3,4,5", "described a second time: clotho_captions_evaluation.csv:2"),
        ("../Santa Motor.wav,1,2,3,4,5", "no path inside"),
        ("sub/Motor.wav,1,2,3,4,5", "no file name"),
        ("Motor.wav,1,2,,4,5", "the column caption_3 is empty"),
        ("Motor.wav,1,2,3,4", "5 cells for 6 columns"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line(folder, row, said):
    write_text(folder / "clotho_captions_evaluation.csv", LIST + row + "\n")
    with pytest.raises(CorpusError, match=rf"clotho_captions_evaluation\.csv:4: .*{said}"):
        load_clotho(folder)


def test_only_the_suffix_of_sound_is_no_part_of_a_name():
    assert stem_of(PurePosixPath("01 A pug 1.14.wav")) == "01 A pug 1.14"
    assert stem_of(PurePosixPath("01 A pug 1.14")) == "01 A pug 1.14"
