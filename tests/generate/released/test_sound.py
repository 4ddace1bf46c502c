from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from audiostory.errors import ConfigError
from audiostory.generate.released.sound import SCHEDULES, ReleasedRenderer, ReleasedSettings
from audiostory.models.bridge import Condition
from tests.tiny import tiny_config, tiny_model

QUICK = ReleasedSettings(steps=2, target_rate_hz=6_000, crossfade_s=0.5)
DURATIONS_S = [2.0, 0.3, 1.5]


@pytest.fixture(scope="module")
def model():
    config = tiny_config()
    return tiny_model(config=replace(config, dit=replace(config.dit, max_frames=40)))


@pytest.fixture(scope="module")
def condition() -> Condition:
    return Condition(torch.randn(3, 4, 24, generator=torch.Generator().manual_seed(1)))


def test_all_clips_but_the_last_are_made_longer_by_the_crossfade(model):
    assert ReleasedRenderer(model, QUICK).lengths_s([2.0, 0.3, 1.5]) == [2.5, 0.8, 1.5]
    assert ReleasedRenderer(model, QUICK).lengths_s([2.0]) == [2.0]


def test_every_clip_starts_from_the_same_noise(model, condition):
    renderer = ReleasedRenderer(model, QUICK)
    alike = Condition(condition.tokens_BSD[:1].repeat(2, 1, 1))
    first, second = renderer.latents(alike, [2.0, 2.0])
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)
    other = ReleasedRenderer(model, replace(QUICK, noise_seed=1))
    assert not torch.allclose(renderer.noise(), other.noise())


def test_the_noise_is_what_the_global_generator_gives_for_that_seed(model):
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(0)
        expected = torch.randn(1, 40, 8)
    assert torch.equal(ReleasedRenderer(model, QUICK).noise(), expected)


def test_the_whole_window_is_denoised_and_the_start_of_it_kept(model, condition):
    renderer = ReleasedRenderer(model, QUICK)
    assert renderer.latents(condition.clip(0), [0.7]).shape == (1, 40, 8)
    short, longer = (
        renderer.samples(renderer.latents(condition.clip(0), [0.7]), length_s)
        for length_s in (0.7, 1.2)
    )
    assert short.shape == (1, int(0.7 * 8000))
    assert np.array_equal(short, longer[:, : short.shape[1]])


def test_both_schedules_give_the_same_track(model, condition):
    tracks = [
        renderer.track(list(renderer.clips(condition, DURATIONS_S)))
        for renderer in (
            ReleasedRenderer(model, replace(QUICK, schedule=schedule)) for schedule in SCHEDULES
        )
    ]
    np.testing.assert_allclose(tracks[0].samples, tracks[1].samples, atol=1e-5)
    assert tracks[0].samples.dtype == np.float32


def test_the_track_is_as_long_as_its_clips_where_all_joins_fade(model, condition):
    renderer = ReleasedRenderer(model, QUICK)
    track = renderer.track(list(renderer.clips(condition, [2.0, 1.0, 1.5])))
    assert track.samples.shape[1] == pytest.approx(4.5 * 6_000, abs=3)


@pytest.mark.parametrize("durations_s", [[2.0, 1.0, 0.3], [3.0, 3.0, 0.2], [0.1], [9.0, 0.6, 0.4]])
def test_hard_joins_are_foreseen(model, condition, durations_s):
    renderer = ReleasedRenderer(model, QUICK)
    some = Condition(condition.tokens_BSD[: len(durations_s)])
    track = renderer.track(list(renderer.clips(some, durations_s)))
    assert renderer.hard_joins(durations_s) == track.hard_joins


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "sometime"},
        {"steps": 0},
        {"guidance_scale": 0.5},
        {"crossfade_s": -1.0},
        {"target_rate_hz": 0},
    ],
    ids=str,
)
def test_settings_under_which_nothing_can_be_made_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ReleasedSettings(**wrong)
