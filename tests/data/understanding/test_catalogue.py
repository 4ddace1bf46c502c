"""Lists by name: where they lie, what they give, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.data.understanding.catalogue import LISTS, named_list, rows_of_lists
from audiostory.errors import CorpusError
from tests.data.corpus import write_corpus
from tests.data.sets.files import write_text
from tests.data.understanding.files import write_clips


def test_rows_of_several_lists_know_their_folders(tmp_path: Path) -> None:
    first, second = tmp_path / "acd", tmp_path / "sounds"
    write_text(first / "train.csv", "youtube_id,caption\n--cB2ZVjpnA,A boat creaks.\nzz,Gone.\n")
    write_clips(first, "Y--cB2ZVjpnA", duration_s=1.0)
    write_corpus(second)
    rows = rows_of_lists([("auto-acd", first), ("corpus", second)])
    assert len(rows) == 8
    assert all(Path(row.file).is_file() for row in rows)


@pytest.mark.parametrize("name", ["audiosetcaps", "vggsound-caps"])
def test_captions_of_audiosetcaps_come_in_several_lists(tmp_path: Path, name: str) -> None:
    prefix = "VGGSound_" if name == "vggsound-caps" else ""
    write_text(tmp_path / f"{prefix}AudioSetCaps_caption.csv", "id,caption\nYaaaaaaaaaaa,Rain.\n")
    write_clips(tmp_path, "aaaaaaaaaaa")
    (row,) = rows_of_lists([(name, tmp_path)])
    assert row.caption == "Rain."


def test_a_list_is_given_as_name_and_folder(tmp_path: Path) -> None:
    assert named_list(f"musiccaps={tmp_path}") == ("musiccaps", tmp_path)
    for given, told in (
        (str(tmp_path), "write NAME=FOLDER"),
        ("musiccaps=", "write NAME=FOLDER"),
        (f"films={tmp_path}", "no list 'films'; there are audiosetcaps, "),
        (f"vggsound={tmp_path / 'none'}", "no folder .*none of the list 'vggsound'"),
    ):
        with pytest.raises(CorpusError, match=told):
            named_list(given)


def test_a_list_that_is_not_there_stops(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    for name in LISTS:
        with pytest.raises(CorpusError):
            rows_of_lists([(name, tmp_path)])
