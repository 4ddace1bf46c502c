import pytest

from audiostory.data.sets.audiostory10k import load_audiostory10k
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound
from tests.data.sets.rows import entry, write_manifest


@pytest.fixture
def folder(tmp_path):
    write_manifest(
        tmp_path,
        entry("a"),
        entry("b", split="train"),
        entry("c", source="cartoon", duration_s=30.0),
    )
    return tmp_path


def test_the_rows_of_a_split_are_asked(folder):
    found = load_audiostory10k(folder)
    assert [(item.id, item.stratum) for item in found.items] == [("a", "natural"), ("c", "cartoon")]
    item = found.items[1]
    assert item.instruction.duration_s == 30.0
    assert item.story is not None
    assert len(item.story.clips) == 2
    reference = found.reference_of(item)
    assert reference is not None
    assert reference.duration_s == pytest.approx(30.0)
    assert "66.7 % of the manifest's are for testing (the paper's: 15 %)" in found.notes[0]


def test_one_source_can_be_chosen(folder):
    found = load_audiostory10k(folder, source="cartoon")
    assert [item.id for item in found.items] == ["c"]
    assert found.version != load_audiostory10k(folder).version
    with pytest.raises(CorpusError, match="empty"):
        load_audiostory10k(folder, split="train", source="cartoon")


def test_missing_sounds_are_an_error_unless_allowed(folder):
    (folder / "audio" / "a.flac").unlink()
    with pytest.raises(CorpusError, match=r"1 of 2 recordings .*\(a\)"):
        load_audiostory10k(folder)
    found = load_audiostory10k(folder, max_missing=1)
    assert [item.id for item in found.items] == ["c"]
    assert found.version.endswith("-1of2")


def test_a_sound_file_of_another_length_than_its_row_is_refused(folder):
    write_sound(folder / "audio" / "a.flac", 21.0)
    with pytest.raises(CorpusError, match=r"a\.flac lasts 21\.00 s, its row says 20 s"):
        load_audiostory10k(folder)


def test_a_row_that_cannot_be_asked_is_refused(tmp_path):
    write_manifest(tmp_path, entry("a", instruction="rain " * 3_000 + "rain"))
    with pytest.raises(CorpusError, match="the recording a: .*characters"):
        load_audiostory10k(tmp_path)
