from __future__ import annotations

import numpy as np
import torch

from audiostory.evaluate.speed.meter import CLEAR, Stopwatch, peak_of, reset_peak

CPU = torch.device("cpu")


def test_times_are_read_in_order():
    watch = Stopwatch(CPU)
    watch.planned_s = watch.read()
    watch.clip()
    first = watch.first_clip_s
    watch.clip()
    watch.stop()
    assert watch.first_clip_s == first
    assert 0 < watch.planned_s <= first <= watch.total_s


def test_the_peak_is_that_since_the_start():
    if not CLEAR.exists():
        return
    reset_peak(CPU)
    before = peak_of(CPU)
    filled = np.ones(40_000_000)
    assert peak_of(CPU) > before + 200_000_000
    del filled
    reset_peak(CPU)
    assert peak_of(CPU) < before + 100_000_000
