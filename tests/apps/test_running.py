"""What is said of a stage or a course while it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiostory.apps.running import run_course, tell_memory, told_place
from audiostory.train.course import Course, Leg, Place
from audiostory.train.execution import Execution
from audiostory.train.paths import Paths
from audiostory.train.recipes.catalogue import stage
from tests.tiny import tiny_config

LEG = Leg(stage=stage("nano/llm"), config=tiny_config())


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("had ended", "stage 2 of 9: nano/llm had ended before"),
        ("begins", "stage 2 of 9: nano/llm begins, 1100 steps"),
        ("ended", "stage 2 of 9: nano/llm ended after 1.5 min"),
        ("stopped", "stage 2 of 9: nano/llm stopped after 1.5 min"),
    ],
)
def test_each_place_has_a_line(state: str, told: str) -> None:
    place = Place(leg=LEG, number=2, count=9, state=state, seconds=90)  # pyright: ignore[reportArgumentType]
    assert told_place(place) == told


def test_memory_is_told_for_each_of_several_stages(capsys: pytest.CaptureFixture[str]) -> None:
    tell_memory([LEG, Leg(stage=stage("nano/dit"), config=tiny_config())], 2, shard=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines if line.startswith("nano/")] == [
        "nano/llm",
        "nano/dit",
    ]


def test_a_course_that_has_ended_says_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Course, "_has_ended", lambda course, leg: True)
    run_course(Course("nano", [LEG], Paths(runs=tmp_path)), Execution())
    told = capsys.readouterr().out
    assert "stage 1 of 1: nano/llm had ended before" in told
    assert f"next: audiostory export nano --runs {tmp_path} -o MODEL" in told.replace("\n", " ")
