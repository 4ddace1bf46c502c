from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from audiostory.baselines.planned import PlannedTextToAudio
from audiostory.baselines.planners import WholeInstruction
from audiostory.baselines.tangoflux import TangoFluxGenerator
from audiostory.baselines.windowed import (
    Window,
    WindowedConfig,
    WindowedTangoFlux,
    blend_weights,
    composed,
    overlapping,
    referenced_velocity,
    shared_noise,
    shared_velocity,
)
from audiostory.errors import ConfigError, InstructionError, ShapeError
from audiostory.models.flow import FlowConfig
from audiostory.models.solvers import SOLVERS, solve
from audiostory.story.types import Instruction
from tests.baselines.systems import Fixed, story
from tests.baselines.tiny_tangoflux import tiny_tangoflux

CHANNELS, WIDTH = 3, 20
WINDOWS = overlapping([0, 12, 24, 30], 4)


def overlaps(windows):
    """Where neighbours share frames, in each one's own counting."""
    for index, (before, after) in enumerate(pairwise(windows)):
        count = before.end - after.start
        yield index, slice(before.num_frames - count, before.num_frames), slice(0, count)


def pull(targets_K: torch.Tensor):
    """The exact velocity of a world in which each window has one constant sound."""
    return lambda x_KWC, sigma_K: (x_KWC - targets_K[:, None, None]) / sigma_K[:, None, None]


def noise(windows=WINDOWS) -> torch.Tensor:
    return shared_noise(windows, WIDTH, CHANNELS, list(range(len(windows))))


def test_windows_reach_half_an_overlap_into_each_neighbour():
    assert overlapping([0, 10, 20], 4) == [
        Window(start=0, num_frames=12),
        Window(start=8, num_frames=12),
    ]


def test_one_stretch_is_one_window_without_overlap():
    assert overlapping([0, 10], 4) == [Window(start=0, num_frames=10)]


@pytest.mark.parametrize("edges", [[0, 9, 20, 21, 40], [0, 1, 2, 3], [5, 50, 53, 90]])
@pytest.mark.parametrize("overlap", [0, 1, 4, 7, 100])
def test_windows_cover_the_track_and_no_frame_is_in_more_than_two(edges, overlap):
    windows = overlapping(edges, overlap)
    counts = np.zeros(edges[-1], dtype=int)
    for window in windows:
        counts[window.start : window.end] += 1
    assert counts[edges[0] :].min() == 1
    assert counts.max() <= 2
    for (before, after), edge in zip(pairwise(windows), edges[1:-1], strict=True):
        assert after.start <= edge <= before.end
        assert before.end - after.start <= overlap


def test_edges_that_do_not_rise_are_refused():
    with pytest.raises(ShapeError, match="do not rise"):
        overlapping([0, 10, 10], 2)


def test_weights_of_each_frame_of_the_track_add_up_to_one():
    weights_KW = blend_weights(WINDOWS, WIDTH)
    sums = torch.zeros(WINDOWS[-1].end)
    for index, window in enumerate(WINDOWS):
        sums[window.start : window.end] += weights_KW[index, : window.num_frames]
    assert torch.allclose(sums, torch.ones_like(sums))
    assert weights_KW.min() > 0


def test_overlaps_begin_with_the_same_noise_and_all_else_with_its_own_seed():
    noise_KWC = noise()
    for index, last, first in overlaps(WINDOWS):
        assert torch.equal(noise_KWC[index, last], noise_KWC[index + 1, first])
    alone = torch.randn((1, WIDTH, CHANNELS), generator=torch.Generator().manual_seed(1))[0]
    assert torch.equal(noise_KWC[1, 4:], alone[4:])


@pytest.mark.parametrize("solver", SOLVERS)
def test_overlaps_are_shared_after_any_solver(solver):
    targets = torch.tensor([1.0, -2.0, 3.0])
    weights_KW = blend_weights(WINDOWS, WIDTH)
    velocity = shared_velocity(pull(targets), WINDOWS, weights_KW)
    latents_KWC = solve(velocity, noise(), steps=5, solver=solver)
    for index, last, first in overlaps(WINDOWS):
        assert torch.equal(latents_KWC[index, last], latents_KWC[index + 1, first])
        mixed = (
            weights_KW[index, last] * targets[index]
            + weights_KW[index + 1, first] * targets[index + 1]
        )
        assert torch.allclose(latents_KWC[index, last, 0], mixed, atol=1e-4)


def test_frames_outside_of_overlaps_go_where_their_own_caption_pulls():
    targets = torch.tensor([1.0, -2.0, 3.0])
    velocity = shared_velocity(pull(targets), WINDOWS, blend_weights(WINDOWS, WIDTH))
    track_1TC = composed(solve(velocity, noise(), steps=5), WINDOWS)
    assert track_1TC.shape == (1, WINDOWS[-1].start + WIDTH, CHANNELS)
    for frame, target in ((0, 1.0), (9, 1.0), (14, -2.0), (21, -2.0), (29, 3.0)):
        assert torch.allclose(track_1TC[0, frame], torch.tensor(target), atol=1e-4)


def test_one_window_is_left_exactly_as_it_is():
    only = overlapping([0, 15], 4)
    velocity = pull(torch.tensor([0.5]))
    shared = shared_velocity(velocity, only, blend_weights(only, WIDTH))
    guided = referenced_velocity(shared, only, weight=1.0, down_to=0.0)
    noise_KWC = noise(only)
    assert torch.equal(solve(guided, noise_KWC, steps=4), solve(velocity, noise_KWC, steps=4))


def clean_of(velocity, sigma: float):
    """What the velocity points to at one noise level, from random latents."""
    x_KWC = torch.randn((3, WIDTH, CHANNELS), generator=torch.Generator().manual_seed(9))
    return x_KWC - sigma * velocity(x_KWC, torch.full((3,), sigma))


def drifting(x_KWC, sigma_K):
    """Windows whose predicted clean latents differ in mean and deviation."""
    scale = torch.tensor([1.0, 2.0, 0.5])[:, None, None]
    return (x_KWC - (x_KWC * scale + scale)) / sigma_K[:, None, None]


def test_full_reference_guidance_gives_all_windows_the_statistics_of_the_first():
    guided = referenced_velocity(drifting, WINDOWS, weight=1.0, down_to=0.0)
    clean_KWC = clean_of(guided, 0.7)
    first = clean_KWC[0, : WINDOWS[0].num_frames]
    for index, window in enumerate(WINDOWS):
        own = clean_KWC[index, : window.num_frames]
        assert torch.allclose(own.mean(0), first.mean(0), atol=1e-4)
        spread, wanted = (x.std(dim=0, correction=0) for x in (own, first))
        assert torch.allclose(spread, wanted, atol=1e-4)


def test_reference_guidance_moves_by_its_weight_and_leaves_the_reference():
    plain, half, full = (
        clean_of(referenced_velocity(drifting, WINDOWS, weight=weight, down_to=0.0), 0.7)
        for weight in (0.0, 0.5, 1.0)
    )
    assert torch.allclose(half, (plain + full) / 2, atol=1e-4)
    assert torch.equal(plain[0], full[0])
    assert not torch.allclose(plain[1], full[1])


def test_reference_guidance_ends_at_its_noise_level():
    guided = referenced_velocity(drifting, WINDOWS, weight=1.0, down_to=0.5)
    assert torch.equal(clean_of(guided, 0.4), clean_of(drifting, 0.4))
    assert not torch.equal(clean_of(guided, 0.6), clean_of(drifting, 0.6))


CONFIG = WindowedConfig(overlap_s=0.2, flow=FlowConfig(steps=3, guidance_scale=4.5))
ASKED = Instruction(text="Rain, a dog, thunder", duration_s=4.3)
TOLD = story(("rain falls", 1.2), ("a dog barks", 1.4), ("thunder rolls", 1.7))


def told(parts=TOLD, seed: int = 0, **changes):
    system = WindowedTangoFlux(Fixed(parts), tiny_tangoflux(), replace(CONFIG, **changes))
    return system.generate(ASKED, seed=seed)


def test_with_one_window_the_track_is_that_of_the_plain_sampler():
    config = WindowedConfig(overlap_s=0.2)
    planner, asked = Fixed(story(("rain falls", 1.5))), replace(ASKED, duration_s=1.5)
    windowed = WindowedTangoFlux(planner, tiny_tangoflux(), config).generate(asked, seed=3)
    plain = PlannedTextToAudio(planner, TangoFluxGenerator(tiny_tangoflux())).generate(
        asked, seed=3
    )
    assert np.array_equal(windowed.waveform.samples, plain.waveform.samples)


def test_a_track_of_several_windows_is_as_long_as_its_plan():
    narration = told()
    assert narration.waveform.num_samples == round(4.3 * 8_000)
    assert narration.waveform.channels == 2
    assert [clip.start_s for clip in narration.plan.clips] == pytest.approx([0.0, 1.2, 2.6])
    assert narration.plan.provenance.notes == []


def test_the_seed_decides_the_track():
    first, again, other = (told(seed=seed).waveform.samples for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_each_window_is_sounded_under_its_own_caption():
    parts = (("rain falls", 1.2), ("a dog barks", 1.4), ("a bell rings", 1.7))
    plain, other = (
        told(each, reference_weight=0.0, windows_at_once=1).waveform.samples
        for each in (TOLD, story(*parts))
    )
    difference = np.abs(plain - other)
    own, first = difference[:, 3 * 8_000 :].mean(), difference[:, :8_000].mean()
    assert own > 1e-4
    assert first < 0.05 * own


def test_reference_guidance_changes_all_windows_but_the_first():
    plain, guided = (told(reference_weight=weight).waveform.samples for weight in (0.0, 1.0))
    difference = np.abs(plain - guided)
    assert difference[:, : 8_000 // 2].max() < 0.1 * difference[:, 3 * 8_000 :].max()


def test_an_event_longer_than_a_window_is_told_in_parts_and_said_to_be():
    narration = told(story(("rain falls", 4.3)))
    assert narration.waveform.num_samples == round(4.3 * 8_000)
    (note,) = narration.plan.provenance.notes
    assert "sounded in 3 equal parts" in note


@pytest.mark.parametrize("seconds", [1.767, 1.768, 1.7679, 3.534, 5.301])
def test_windows_never_hold_more_than_the_model_does(seconds):
    assert told(story(("rain", seconds)), flow=FlowConfig(steps=1)).waveform.duration_s


def test_windows_alone_and_together_make_the_same_track_of_equally_long_captions():
    parts = story(("rain", 1.2), ("rain", 1.4), ("rain", 1.7))
    together, alone = (told(parts, windows_at_once=n).waveform.samples for n in (8, 1))
    assert np.allclose(together, alone, atol=1e-4)


def test_an_overlap_as_long_as_the_window_is_refused():
    with pytest.raises(ConfigError, match="lower overlap_s"):
        told(overlap_s=2.0)


def test_sounds_and_videos_are_refused(tmp_path):
    with pytest.raises(InstructionError, match="text alone"):
        WindowedTangoFlux(WholeInstruction(), tiny_tangoflux()).generate(
            Instruction(text="go on", audio=tmp_path / "x.wav")
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"overlap_s": -1.0},
        {"windows_at_once": 0},
        {"reference_weight": 1.5},
        {"reference_from": -1},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError):
        WindowedConfig(**wrong)
