from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from audiostory.apps.progress import TrainingBar, show, tell
from audiostory.audio.loudness import normalize
from audiostory.audio.waveform import silence
from audiostory.generate.narration import (
    ClipReady,
    Narration,
    NarrationReady,
    PassagePlanned,
    StorylineReady,
)
from audiostory.story.plan import Plan


@pytest.fixture
def plan():
    return Plan.model_validate(
        {
            "instruction": {"text": "rain"},
            "storyline": {"events": [{"start_s": 0.0, "end_s": 2.0, "detail": "d", "sounds": "s"}]},
            "clips": [{"caption": "rain [red]hard[/red]", "start_s": 0.0, "duration_s": 2.0}],
            "duration_s": 2.0,
            "provenance": {"notes": ["at 0 s, summary: cut [after] 60 tokens"]},
        }
    )


def test_the_plan_is_told_word_for_word(plan):
    screen = Console(file=io.StringIO(), width=120)
    tell(plan, screen)
    told = screen.file.getvalue()
    assert "0.0-2.0 s" in told
    assert "rain [red]hard[/red]" in told
    assert "note: at 0 s, summary: cut [after] 60 tokens" in told


def test_the_steps_are_shown_and_the_narration_comes_back(plan):
    sound, loudness = normalize(silence(2.0, 8000))
    narration = Narration(
        waveform=sound, plan=plan, loudness=loudness, planning_s=1.0, rendering_s=1.0
    )
    steps = [
        PassagePlanned(until_s=2.0, total_s=2.0),
        StorylineReady(plan),
        ClipReady(index=0, total=1, waveform=sound, is_reused=False),
        NarrationReady(narration),
    ]
    screen = Console(file=io.StringIO(), width=120)
    assert show(steps, screen) is steps[-1]
    assert "rain" in screen.file.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_run_has_a_bar_on_terminals_only(is_terminal):
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
    bar = TrainingBar(console)
    stage = SimpleNamespace(name="nano/dit", steps=40)
    bar.stepped(SimpleNamespace(stage=stage, step=3))
    bar.logged({"total": 0.25})
    bar.bars.refresh()
    bar.finished(SimpleNamespace())
    told = console.file.getvalue()
    assert ("3/40" in told, "loss 0.25" in told) == (is_terminal, is_terminal)
