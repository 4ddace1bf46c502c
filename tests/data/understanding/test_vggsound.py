import pytest

from audiostory.data.understanding.vggsound import read_vggsound
from tests.data.sets.files import write_text
from tests.data.understanding.files import write_clips

LIST = (
    "---g-f_I2yQ,1,people marching,test\n"
    "--0PQM4-hqg,30,waterfall burbling,train\n"
    '--abcdefghi,1200,"cattle, bovinae cowbell",train\n'
    "--56QUhyDQM,185,playing tennis,train\n"
    "--wrongtime,soon,playing tennis,train\n"
    "--nowhere00,3,playing tennis,val\n"
)


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "vggsound.csv", LIST)
    write_clips(tmp_path, "---g-f_I2yQ_000001", "--0PQM4-hqg_000030", "--abcdefghi_001200")
    return tmp_path


def test_labels_of_the_training_clips_are_read_and_bad_rows_named(folder):
    found = read_vggsound(folder)
    assert [row.labels for row in found.rows] == [
        ("waterfall burbling",),
        ("cattle, bovinae cowbell",),
    ]
    first = found.rows[0]
    assert (first.file, first.start_s, first.end_s, first.caption) == (
        "audio/--0PQM4-hqg_000030.wav", 30.0, 40.0, "",
    )  # fmt: skip
    assert [(bad.place, bad.fault) for bad in found.bad] == [
        ("vggsound.csv:4", "missing audio"),
        ("vggsound.csv:5", "wrong duration"),
        ("vggsound.csv:6", "bad cell"),
    ]


def test_the_test_split_is_another_one(folder):
    assert [row.labels for row in read_vggsound(folder, split="test").rows] == [
        ("people marching",)
    ]


def test_clips_of_videos_that_evaluation_plays_are_left_out_and_counted(folder):
    found = read_vggsound(folder, exclude=["Y--0PQM4-hqg"])
    assert [row.labels for row in found.rows] == [("cattle, bovinae cowbell",)]
    assert (found.bad[0].place, found.bad[0].fault) == ("vggsound.csv:2", "held out")
