from __future__ import annotations

from dataclasses import replace

import pytest

from audiostory.generate.frame_bound import MOST_FRAMES, frames_at_once, frames_within
from audiostory.models.dit import DitConfig
from tests.tiny import tiny_model

GIB = 2**30
TANGOFLUX = DitConfig()


def test_on_a_cpu_the_bound_is_fixed():
    assert frames_at_once(tiny_model().dit) == 384


@pytest.mark.parametrize("free_gib", [1, 3, 6])
def test_what_is_allowed_takes_at_most_half_of_the_free_memory(free_gib):
    frames = frames_within(free_gib * GIB, TANGOFLUX, 2)
    assert frames & (frames - 1) == 0
    assert frames * 2 * 2 * 40 * 1024 * 2 <= free_gib * GIB / 2


def test_more_memory_smaller_numbers_and_longer_patches_allow_more():
    base = frames_within(2 * GIB, TANGOFLUX, 4)
    assert frames_within(4 * GIB, TANGOFLUX, 4) == 2 * base
    assert frames_within(2 * GIB, TANGOFLUX, 2) == 2 * base
    assert frames_within(2 * GIB, replace(TANGOFLUX, patch_frames=2), 4) == 2 * base


def test_the_bound_lies_between_one_clip_and_what_is_worth_it():
    assert frames_within(0, TANGOFLUX, 2) == TANGOFLUX.max_frames
    assert frames_within(80 * GIB, TANGOFLUX, 2) == MOST_FRAMES


@pytest.mark.gpu
def test_on_a_gpu_the_bound_follows_from_its_free_memory():
    dit = tiny_model().cuda().dit
    assert dit.config.max_frames <= frames_at_once(dit) <= MOST_FRAMES
