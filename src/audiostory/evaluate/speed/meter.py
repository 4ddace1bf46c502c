"""A stopwatch for a schedule: when it began, when the first clip was there, and its peak memory."""

from __future__ import annotations

import gc
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from audiostory.evaluate.speed.limits import synchronize

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What is written to ``clear_refs`` to count the peak from now on (proc(5))."""


@dataclass
class Stopwatch:
    """Times of one run, in seconds from its start."""

    device: torch.device
    began: float = field(init=False)
    planned_s: float = 0.0
    """When every condition was known."""
    first_clip_s: float = 0.0
    total_s: float = 0.0
    peak_bytes: int | None = None
    """Most memory in use on the way: the process' own on CPUs; None where nobody can say."""

    def __post_init__(self) -> None:
        """Begin."""
        gc.collect()
        reset_peak(self.device)
        synchronize(self.device)
        self.began = time.perf_counter()

    def read(self) -> float:
        """Seconds since the start, when the device has done all it was asked to."""
        synchronize(self.device)
        return time.perf_counter() - self.began

    def clip(self) -> None:
        """A clip is ready."""
        self.first_clip_s = self.first_clip_s or self.read()

    def stop(self) -> None:
        """The track is ready."""
        self.total_s = self.read()
        self.peak_bytes = peak_of(self.device)


def reset_peak(device: torch.device) -> None:
    """Count the peak of memory from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif os.access(CLEAR, os.W_OK):
        CLEAR.write_text(RESET_PEAK)


def peak_of(device: torch.device) -> int | None:
    """Most bytes in use since ``reset_peak``."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if not os.access(CLEAR, os.W_OK):
        return None
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
    return int(lines["VmHWM"].split()[0]) * 1024
