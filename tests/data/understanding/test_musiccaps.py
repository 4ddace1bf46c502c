import pytest

from audiostory.data.understanding.musiccaps import read_musiccaps
from tests.data.sets.files import write_text
from tests.data.understanding.files import write_clips

HEAD = (
    "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,"
    "is_balanced_subset,is_audioset_eval\n"
)
LIST = (
    HEAD
    + "-0Gj8-vB1q4,30,40,/m/04rlf,\"['low quality', 'mellow piano', 'mellow piano']\","
    + '"A ballad, mellow\nand sad.",4,False,True\n'
    + "-0SdAVK79lg,30,40,/m/0155w,\"['guitar song']\",An electric guitar.,0,False,False\n"
    + "-0vPFx-wRRI,30,20,/m/025_jnm,\"['pop']\",A male voice.,6,False,False\n"
    + "-0xzrMun0Rs,30,40,/m/01g90h,not a list,Strings.,6,False,False\n"
    + "-1LrH01Ei1w,30,40,/m/02p0sh1,\"['pop']\",,6,False,False\n"
    + "-1OlgJWehn8,30,40,/m/02p0sh1,\"['pop']\",Drums.,6,False,maybe\n"
)
NAMES = ("-0vPFx-wRRI", "-0xzrMun0Rs", "-1LrH01Ei1w", "-1OlgJWehn8")


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "musiccaps-public.csv", LIST)
    write_clips(tmp_path, "-0Gj8-vB1q4", "-0SdAVK79lg_30_40", *NAMES)
    return tmp_path


def test_captions_and_aspects_of_training_clips_are_read_and_bad_rows_named(folder):
    found = read_musiccaps(folder)
    (row,) = found.rows
    assert (row.file, row.caption, row.labels) == (
        "audio/-0SdAVK79lg_30_40.wav", "An electric guitar.", ("guitar song",),
    )  # fmt: skip
    assert (row.start_s, row.end_s) == (30.0, 40.0)
    assert [(bad.place, bad.fault) for bad in found.bad] == [
        ("musiccaps-public.csv:5", "wrong duration"),
        ("musiccaps-public.csv:6", "bad cell"),
        ("musiccaps-public.csv:7", "empty caption"),
        ("musiccaps-public.csv:8", "bad cell"),
    ]


def test_the_evaluation_clips_of_audioset_are_another_split(folder):
    (row,) = read_musiccaps(folder, split="eval").rows
    assert row.labels == ("low quality", "mellow piano")
    assert row.caption == "A ballad, mellow and sad."
    assert len(read_musiccaps(folder, split="all").rows) == 2


def test_clips_of_videos_that_evaluation_plays_are_left_out_and_counted(folder):
    found = read_musiccaps(folder, split="all", exclude=["-0Gj8-vB1q4_28"])
    assert [row.file for row in found.rows] == ["audio/-0SdAVK79lg_30_40.wav"]
    assert found.bad[0].fault == "held out"
