from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audiostory.audio.waveform import Waveform
from audiostory.errors import DeviceMemoryError
from audiostory.generate.renderer import Renderer, SamplingSettings, Take, batches_of, is_silent
from audiostory.models.bridge import Condition
from tests.tiny import tiny_model

SETTINGS = SamplingSettings(steps=2, guidance_scale=2.0, solver="euler")


@pytest.fixture(scope="module")
def renderer():
    return Renderer(tiny_model())


def condition(seed: int) -> Condition:
    return Condition(torch.randn(1, 4, 24, generator=torch.Generator().manual_seed(seed)))


def take_of(num_frames: int, seed: int = 0) -> Take:
    return Take(clip_index=0, duration_s=1.0, num_frames=num_frames, num_samples=8000, seed=seed)


def test_a_clip_is_one_take_with_its_own_seed(renderer):
    (take,) = renderer.takes(3, 2.5, seed=11)
    assert (take.clip_index, take.seed, take.num_samples) == (3, 11, 20_000)
    assert take.num_frames * renderer.model.codec.hop >= take.num_samples


def test_a_clip_longer_than_a_take_is_tiled(renderer):
    length_s = 2.5 * renderer.max_take_s
    takes = renderer.takes(0, length_s, seed=11)
    assert len(takes) >= 3
    assert all(take.duration_s <= renderer.max_take_s + 1e-9 for take in takes)
    assert takes[0].seed == 11
    assert len({take.seed for take in takes}) == len(takes)
    ones = [np.ones((1, take.num_samples), np.float32) for take in takes]
    whole = renderer.joined([Waveform(one, 8000) for one in ones], length_s)
    assert whole.num_samples == round(length_s * 8000)
    assert whole.samples[0, 100:-100].min() >= 0.99  # no hole where takes meet


def test_rendered_sound_has_the_asked_length_and_is_not_silent(renderer):
    takes = [*renderer.takes(0, 1.234, seed=1), *renderer.takes(1, 0.4, seed=2)]
    waveforms = renderer.render(takes, [condition(0), condition(1)], SETTINGS)
    assert [waveform.num_samples for waveform in waveforms] == [9872, 3200]
    assert all(np.abs(waveform.samples).max() > 0 for waveform in waveforms)


def test_the_same_seed_gives_the_same_sound_and_another_gives_another(renderer):
    def sound(seed):
        takes = renderer.takes(0, 1.0, seed)
        return renderer.render(takes, [condition(0)], SETTINGS)[0].samples

    assert np.array_equal(sound(5), sound(5))
    assert not np.allclose(sound(5), sound(6))


def test_a_take_sounds_alike_alone_and_among_longer_neighbours(renderer):
    (short,) = renderer.takes(0, 1.0, seed=5)
    (long,) = renderer.takes(1, 3.0, seed=6)
    alone = renderer.render([short], [condition(0)], SETTINGS)[0].samples
    together = renderer.render([short, long], [condition(0), condition(1)], SETTINGS)[0].samples
    np.testing.assert_allclose(together, alone, atol=1e-4 * np.abs(alone).max())


@pytest.mark.parametrize(
    "way",
    [
        {"solver": "midpoint"},
        {"solver": "heun"},
        {"solver": "adams_bashforth", "sigma_shift": 2.0},
        {"guidance_interval": (0.2, 0.8)},
        {"cache_interval": 2},
    ],
)
def test_a_take_sounds_alike_among_neighbours_whatever_the_way_of_sampling(renderer, way):
    settings = replace(SETTINGS, steps=8, **way)
    (short,) = renderer.takes(0, 1.0, seed=5)
    (long,) = renderer.takes(1, 3.0, seed=6)
    alone = renderer.render([short], [condition(0)], settings)[0].samples
    together = renderer.render([short, long], [condition(0), condition(1)], settings)[0].samples
    plain = renderer.render([short], [condition(0)], replace(SETTINGS, steps=8))[0].samples
    np.testing.assert_allclose(together, alone, atol=1e-4 * np.abs(alone).max())
    assert not np.allclose(alone, plain, atol=1e-4 * np.abs(alone).max())


def test_a_neighbour_of_another_kind_changes_nothing(renderer):
    (one,) = renderer.takes(0, 1.0, seed=5)
    (other,) = renderer.takes(1, 1.0, seed=6)
    quiet = renderer.render([one, other], [condition(0), condition(1)], SETTINGS)[0].samples
    loud = renderer.render([one, other], [condition(0), condition(9)], SETTINGS)[0].samples
    np.testing.assert_allclose(loud, quiet, atol=1e-5 * np.abs(quiet).max())


@given(st.lists(st.integers(1, 300), max_size=30))
def test_batches_keep_the_order_and_the_bound(lengths):
    takes = [take_of(length, seed) for seed, length in enumerate(lengths)]
    batches = batches_of(takes, max_frames=256)
    assert [take for batch in batches for take in batch] == takes
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(t.num_frames for t in batch) <= 256


def test_guidance_of_one_is_rendered_without_the_null_branch(renderer):
    takes = renderer.takes(0, 0.5, seed=5)
    plain = SamplingSettings(steps=2, guidance_scale=1.0, solver="euler")
    assert renderer.render(takes, [condition(0)], plain)[0].num_samples == 4000


def test_a_silent_take_is_made_again_from_other_noise(renderer, monkeypatch):
    takes = [take_of(8, seed=0), take_of(8, seed=1)]
    (alone,) = renderer.render(takes[:1], [condition(0)], SETTINGS)
    rendered = renderer._rendered
    asked: list[list[int]] = []

    def first_silent(takes, conditions, settings):
        asked.append([take.seed for take in takes])
        with torch.no_grad():
            waveforms = rendered(takes, conditions, settings)
        for row, take in enumerate(takes):
            if take.seed == 1:
                waveforms[row] = Waveform(0 * waveforms[row].samples, 8000)
        return waveforms

    monkeypatch.setattr(renderer, "_rendered", first_silent)
    one, again = renderer.render(takes, [condition(0), condition(1)], SETTINGS)
    assert not is_silent(again)
    assert [len(seeds) for seeds in asked] == [2, 1]
    np.testing.assert_allclose(one.samples, alone.samples, atol=1e-5)


def test_silence_is_believed_after_some_attempts(renderer, monkeypatch):
    seeds: list[int] = []

    def silent(takes, conditions, settings):
        seeds.extend(take.seed for take in takes)
        return [Waveform(np.zeros((1, take.num_samples), np.float32), 8000) for take in takes]

    monkeypatch.setattr(renderer, "_rendered", silent)
    (waveform,) = renderer.render([take_of(8)], [condition(0)], SETTINGS)
    assert is_silent(waveform)
    assert len(set(seeds)) == len(seeds) == 4


class TooSmall(Renderer):
    """A renderer in whose memory so many takes fit at once."""

    def __init__(self, num_fitting: int) -> None:
        super().__init__(tiny_model())
        self.num_fitting, self.made = num_fitting, []

    def latents(self, takes, conditions, settings):
        if len(takes) > self.num_fitting:
            raise torch.OutOfMemoryError
        self.made.append(len(takes))
        return super().latents(takes, conditions, settings)


def test_batches_that_do_not_fit_are_halved_until_they_do_and_stay_so(renderer, caplog):
    takes = [take_of(40, seed) for seed in range(5)]
    conditions = [condition(seed) for seed in range(5)]
    small = TooSmall(2)
    sounds = small.render(takes, conditions, SETTINGS)
    assert small.made == [2, 2, 1]
    assert small.max_batch_frames == 100
    assert "5 sounds at once do not fit into the memory of cpu" in caplog.text
    whole = renderer.render(takes, conditions, SETTINGS)
    for sound, expected in zip(sounds, whole, strict=True):
        np.testing.assert_allclose(sound.samples, expected.samples, atol=1e-4)
    small.render(takes[:3], conditions[:3], SETTINGS)
    assert small.made[3:] == [2, 1]


def test_a_take_that_does_not_fit_alone_is_told_with_the_way_out():
    with pytest.raises(DeviceMemoryError, match=r"1\.0 s does not fit .* cpu, even alone: .*model"):
        TooSmall(0).render([take_of(40), take_of(20)], [condition(0)] * 2, SETTINGS)
