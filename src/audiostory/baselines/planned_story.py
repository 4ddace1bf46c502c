"""A planner before AudioStory itself: what its sound is worth where the story is given.

With the captions and durations of the truth, what is left is the work of bridge tokens and DiT;
beside the whole system it shows what the reasoning costs or gains.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from audiostory.baselines.planned import check_media, plan_of_planned
from audiostory.baselines.planners import Planner
from audiostory.generate.narration import Narration
from audiostory.story.plan import Plan, PlanModel, PlanSettings
from audiostory.story.types import Instruction


class PlannedStory:
    """Any planner's story, sounded by AudioStory.

    Args:
        planner: decides captions and durations.
        render: sounds a plan (``AudioStoryPipeline.render``); clips may be of any length.
        model: the name of the model that sounds it.
    """

    def __init__(self, planner: Planner, render: Callable[[Plan], Narration], model: str) -> None:
        self.planner, self.render, self.model = planner, render, model

    @property
    def name(self) -> str:
        """How tables call it: planner and model."""
        return f"{self.planner.name} + {self.model}"

    def generate(self, instruction: Instruction, *, seed: int = 0) -> Narration:
        """The track of a planned story, joined and levelled as AudioStory does.

        Raises:
            InstructionError: if the instruction has sound or video, or cannot be planned.
            ChatError: if the planner's language model gives no usable plan.
            PlanError: if the planner's texts cannot stand in a plan.
        """
        check_media(instruction, self.name)
        began = time.perf_counter()
        plan = plan_of_planned(
            self.planner.plan(instruction, max_clip_s=math.inf, seed=seed),
            instruction,
            seed=seed,
            model=PlanModel(name=self.model),
            settings=PlanSettings(),
        )
        planning_s = time.perf_counter() - began
        return replace(self.render(plan), planning_s=planning_s)
