from __future__ import annotations

from typing import get_args

from audiostory.generate.narration import Generator, Narration, NarrationReady, Progress
from audiostory.story.types import Instruction


def told(generator: Generator) -> Narration:
    return generator.generate(Instruction(text="rain", duration_s=2.0), seed=1)


def test_the_pipeline_is_a_generator(pipeline):
    narration = told(pipeline)
    assert narration.waveform.duration_s == 2.0
    assert narration.plan.seed == 1
    assert narration.planning_s > 0
    assert narration.rendering_s > 0


def test_the_last_kind_of_progress_holds_the_narration():
    assert get_args(Progress)[-1] is NarrationReady
