import pytest

from audiostory.data.sets.recordings import (
    Recordings,
    edition_of,
    id_of,
    inside,
    length_of,
    note_missing,
    waveform_of,
)
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound


def test_a_recording_is_found_by_any_of_its_names_in_any_format(tmp_path):
    write_sound(tmp_path / "Y-abc.flac")
    (tmp_path / "-abc.txt").touch()
    recordings = Recordings(tmp_path)
    assert recordings.find(("-abc", "Y-abc")) == tmp_path / "Y-abc.flac"
    assert recordings.find(("abc",)) is None


def test_two_files_for_one_recording_are_refused(tmp_path):
    write_sound(tmp_path / "abc.flac")
    write_sound(tmp_path / "Yabc.wav")
    with pytest.raises(CorpusError, match=r"abc\.flac, Yabc\.wav are one recording"):
        Recordings(tmp_path).find(("abc", "Yabc"))


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(CorpusError, match="name the folder"):
        Recordings(tmp_path / "nowhere")


def test_missing_recordings_are_counted_and_all_named(tmp_path):
    names = [f"clip{number}" for number in range(7)]
    (note,) = note_missing(names, 20, max_missing=7, folder=tmp_path)
    assert note.startswith("7 of 20 recordings are missing")
    assert all(name in note for name in names)
    assert note_missing([], 20, max_missing=0, folder=tmp_path) == []


def test_more_missing_recordings_than_allowed_are_an_error_with_the_number_to_allow(tmp_path):
    with pytest.raises(CorpusError, match=r"3 of 9 .*max_missing=3"):
        note_missing(["a", "b", "c"], 9, max_missing=2, folder=tmp_path)


def test_an_edition_tells_an_incomplete_set_from_a_whole_one():
    assert edition_of("first", "3f2a", present=9, total=9) == "first-3f2a"
    assert edition_of("first", "3f2a", present=8, total=9) == "first-3f2a-8of9"


def test_a_files_length_is_read_and_its_sound_loaded(tmp_path):
    path = write_sound(tmp_path / "a.wav", 2.5)
    assert length_of(path) == pytest.approx(2.5)
    assert waveform_of(path).duration_s == pytest.approx(2.5)


def test_files_that_hold_no_sound_are_refused(tmp_path):
    empty = write_sound(tmp_path / "a.wav", 0.0)
    with pytest.raises(CorpusError, match="holds no samples"):
        length_of(empty)
    (tmp_path / "b.wav").write_bytes(b"<html>404</html>")
    with pytest.raises(CorpusError, match="cannot be read as sound"):
        length_of(tmp_path / "b.wav")
    with pytest.raises(CorpusError, match="cannot be read as sound"):
        waveform_of(tmp_path / "b.wav")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a.wav", "audio/../../a.wav", "a\\b.wav", "C:/a.wav", "", ".", "a\0"]
)
def test_a_path_that_leads_out_of_the_data_set_is_refused(name):
    with pytest.raises(CorpusError, match=r"list:3: .* is no path inside the data set"):
        inside(name, "list:3")


def test_a_path_inside_the_data_set_stays_as_it_is():
    assert str(inside("audio/Rain & thunder..wav", "list:3")) == "audio/Rain & thunder..wav"


def test_ids_can_be_file_names_and_stay_apart():
    assert id_of("-DmjkgWa-rw") == "-DmjkgWa-rw"
    names = ["Rain & Thunder", "Rain + Thunder", "été", "ete", "..", "", "x" * 300]
    ids = [id_of(name) for name in names]
    assert len(set(ids)) == len(names)
    for one in ids:
        assert id_of(one) == one
        assert one.strip(".")
        assert len(one) < 120
