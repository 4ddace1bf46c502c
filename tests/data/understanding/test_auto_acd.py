import pytest

from audiostory.data.understanding.auto_acd import read_auto_acd
from tests.data.sets.files import write_text
from tests.data.understanding.files import write_clips

LIST = (
    "youtube_id,caption\n"
    '--cB2ZVjpnA,"Wind blows, and a boat creaks."\n'
    "--PJHxphWEs_000030,A motorcycle revs.\n"
    "--aE2O5G5WE,A bell rings in an empty hall.\n"
)


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "train.csv", LIST)
    write_clips(tmp_path, "Y--cB2ZVjpnA", "--PJHxphWEs_000030")
    write_clips(tmp_path, "--aE2O5G5WE", duration_s=31.0)
    return tmp_path


def test_captions_of_clips_that_are_there_are_read(folder):
    found = read_auto_acd(folder)
    assert [row.file for row in found.rows] == [
        "audio/Y--cB2ZVjpnA.wav",
        "audio/--PJHxphWEs_000030.wav",
    ]
    assert [row.start_s for row in found.rows] == [None, 30.0]
    (bad,) = found.bad
    assert (bad.place, bad.fault) == ("train.csv:4", "wrong duration")


def test_clips_of_videos_that_evaluation_plays_are_left_out_and_counted(folder):
    held_out = ["Y--PJHxphWEs_30_40", "--cB2ZVjpnB"]
    found = read_auto_acd(folder, exclude=held_out)
    assert [row.file for row in found.rows] == ["audio/Y--cB2ZVjpnA.wav"]
    assert [(bad.place, bad.fault) for bad in found.bad][0] == ("train.csv:3", "held out")
    assert "1 left out for held out (train.csv:3)" in found.summary()
