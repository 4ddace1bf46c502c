from __future__ import annotations

import mmap
import os

import pytest
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


@pytest.mark.skipif(not os.access(CLEAR, os.W_OK), reason="this system cannot reset the peak")
def test_the_peak_is_that_since_the_start():
    reset_peak(CPU)
    before = peak_of(CPU)
    with mmap.mmap(-1, 320_000_000) as pages:
        for begin in range(0, len(pages), mmap.PAGESIZE):
            pages[begin] = 1
        assert peak_of(CPU) > before + 200_000_000
    reset_peak(CPU)
    assert peak_of(CPU) < before + 100_000_000
