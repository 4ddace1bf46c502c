from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from audiostory.evaluate.speed.run import latents_error, median, timing_of
from audiostory.evaluate.speed.schedules import Told


def told(total_s: float, *, peak: int | None = 100, latents=None) -> Told:
    watch = SimpleNamespace(
        planned_s=total_s / 4, first_clip_s=total_s / 2, total_s=total_s, peak_bytes=peak
    )
    return Told(watch, 80, 30.0, latents)


def test_a_schedule_is_as_fast_as_its_turns_say_each_against_its_own():
    timing = timing_of("ours", [told(2.0), told(5.0)], [told(10.0), told(20.0)])
    assert timing.speedup == pytest.approx(4.5)
    assert timing.tokens_per_s == pytest.approx(80 / (3.5 / 4))
    assert timing.clip_s_per_s == pytest.approx(30 / (3.5 * 3 / 4))
    assert timing.memory_share == 1.0


def test_memory_that_nobody_knows_is_not_made_up():
    timing = timing_of("ours", [told(2.0, peak=None)], [told(4.0, peak=None)])
    assert timing.peak_bytes is None
    assert timing.memory_share is None


def test_latents_are_compared_with_those_of_the_release():
    reference = told(1.0, latents=torch.tensor([[4.0, -2.0]]))
    assert latents_error(reference, reference) is None
    assert latents_error(told(1.0), reference) is None
    off = told(1.0, latents=torch.tensor([[4.0, -1.0]]))
    assert latents_error(off, reference) == pytest.approx(0.25)


def test_the_median_of_an_even_number_lies_between():
    assert median(iter([1.0, 3.0])) == 2.0
