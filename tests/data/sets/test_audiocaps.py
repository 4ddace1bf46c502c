import pytest

from audiostory.data.sets.audiocaps import load_audiocaps
from audiostory.errors import CorpusError
from tests.data.sets.files import write_sound, write_text

HEAD = "audiocap_id,youtube_id,start_time,caption\n"
LIST = (
    HEAD
    + "103549,7fmOlUlwoNg,20,Constant rattling noise and sharp vibrations\n"
    + "103548,-BJ455B1aAs,0,A rocket flies by followed by a loud explosion\n"
    + '103542,7fmOlUlwoNg,20,"Food is frying, and a woman talks"\n'
)


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "test.csv", LIST)
    write_sound(tmp_path / "audio" / "7fmOlUlwoNg.wav", level=0.1)
    write_sound(tmp_path / "audio" / "Y-BJ455B1aAs.wav", level=0.2)
    return tmp_path


def test_each_clip_is_asked_with_the_caption_that_stands_first(folder):
    found = load_audiocaps(folder)
    assert [item.id for item in found.items] == ["7fmOlUlwoNg", "-BJ455B1aAs"]
    first = found.items[0]
    assert first.instruction.text == "Constant rattling noise and sharp vibrations"
    assert first.instruction.duration_s == 10.0
    assert first.captions[1] == "Food is frying, and a woman talks"
    assert found.has_references
    assert any("published one 975" in note for note in found.notes)


def test_every_caption_is_asked_when_all_are_chosen(folder):
    found = load_audiocaps(folder, choice="all")
    assert [item.id for item in found.items] == [
        "7fmOlUlwoNg-103549",
        "7fmOlUlwoNg-103542",
        "-BJ455B1aAs-103548",
    ]
    assert found.version != load_audiocaps(folder).version
    assert any("references repeat" in note for note in found.notes)


def test_an_items_reference_is_its_own_clip(folder):
    found = load_audiocaps(folder, choice="all")
    levels = [float(found.reference_of(item).samples.max()) for item in found.items]
    assert levels == pytest.approx([0.1, 0.1, 0.2], abs=1e-3)


@pytest.mark.parametrize(
    "name", ["7fmOlUlwoNg_20", "7fmOlUlwoNg_20_30", "Y7fmOlUlwoNg", "103549", "103542"]
)
def test_a_clip_is_found_under_the_names_that_downloaders_give_it(folder, name):
    (folder / "audio" / "7fmOlUlwoNg.wav").rename(folder / "audio" / f"{name}.wav")
    assert len(load_audiocaps(folder).items) == 2


def test_missing_clips_are_an_error_unless_allowed_and_then_named_and_in_the_version(folder):
    whole = load_audiocaps(folder).version
    (folder / "audio" / "7fmOlUlwoNg.wav").unlink()
    with pytest.raises(CorpusError, match=r"1 of 2 recordings .*7fmOlUlwoNg.*max_missing=1"):
        load_audiocaps(folder)
    found = load_audiocaps(folder, max_missing=1)
    assert [item.id for item in found.items] == ["-BJ455B1aAs"]
    assert any("7fmOlUlwoNg" in note for note in found.notes)
    assert found.version == f"{whole}-1of2"


def test_a_set_of_which_nothing_is_there_is_refused(folder):
    for path in (folder / "audio").iterdir():
        path.unlink()
    with pytest.raises(CorpusError, match="empty"):
        load_audiocaps(folder, max_missing=975)


def test_a_whole_video_in_place_of_a_clip_is_refused(folder):
    write_sound(folder / "audio" / "7fmOlUlwoNg.wav", 30.0)
    with pytest.raises(CorpusError, match=r"7fmOlUlwoNg\.wav lasts 30\.0 s: cut out"):
        load_audiocaps(folder)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("103549,abc,0,Rain", "audiocap_id 103549 is that of test.csv:2"),
        ("1,7fmOlUlwoNg,30,Rain", "starts at 30 s here and at 20 s above"),
        (",abc,0,Rain", "the column audiocap_id is empty"),
        ("1,,0,Rain", "the column youtube_id is empty"),
        ("1,abc,soon,Rain", "start_time is 'soon'"),
        ("1,abc,0,", "the column caption is empty"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line(folder, row, said):
    write_text(folder / "test.csv", LIST + row + "\n")
    with pytest.raises(CorpusError, match=rf"test\.csv:5: .*{said}"):
        load_audiocaps(folder)
