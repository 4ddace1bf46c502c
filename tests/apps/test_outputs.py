from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.apps.outputs import TrackFiles, check_can_write, clips_beside
from audiostory.errors import OutputError


def test_everything_stands_beside_the_track_under_its_name():
    files = TrackFiles(Path("out/a.take.wav"))
    assert files.plan == Path("out/a.take.story.json")
    assert files.clips == Path("out/a.take.clips")
    assert files.picture == Path("out/a.take.png")


def test_the_clips_of_a_generated_plan_are_found_from_the_plan():
    files = TrackFiles(Path("out/a.wav"))
    assert clips_beside(files.plan) == files.clips
    assert clips_beside(Path("story.json")) == Path("story.clips")


def test_a_free_place_can_be_written_and_is_left_free(tmp_path):
    check_can_write(tmp_path / "a.wav", overwrite=False)
    assert not list(tmp_path.iterdir())


def test_what_exists_needs_permission(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        check_can_write(tmp_path / "a.wav", overwrite=False)
    check_can_write(tmp_path / "a.wav", overwrite=True)


@pytest.mark.parametrize(
    ("place", "told"),
    [(".", "is a folder"), ("no/a.wav", "make it first"), ("f/a.wav", "no folder")],
)
def test_a_place_that_cannot_be_is_refused(tmp_path, place, told):
    (tmp_path / "f").touch()
    with pytest.raises(OutputError, match=told):
        check_can_write(tmp_path / place, overwrite=True)
