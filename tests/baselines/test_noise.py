from __future__ import annotations

import numpy as np
import pytest

from audiostory.baselines.noise import NoiseConfig, NoiseTextToAudio
from audiostory.baselines.planned import PlannedTextToAudio
from audiostory.data.mixing import REFERENCE_DB
from audiostory.errors import ConfigError
from audiostory.story.types import Instruction
from tests.baselines.systems import Fixed, story


def test_the_caption_has_no_part_in_it_and_the_seed_decides_all():
    noise = NoiseTextToAudio()
    first, other, seeded = (
        noise.sound(caption, 1.0, seed=seed).samples
        for caption, seed in (("a", 1), ("b", 1), ("a", 2))
    )
    assert np.array_equal(first, other)
    assert not np.array_equal(first, seeded)


def test_a_burst_has_the_level_of_the_corpus():
    samples = NoiseTextToAudio().sound("x", 2.0, seed=0).samples.astype(np.float64)
    assert 10 * np.log10((samples**2).mean()) == pytest.approx(REFERENCE_DB, abs=0.01)


@pytest.mark.parametrize("seed", range(8))
def test_the_energy_of_a_burst_lies_within_about_an_octave(seed):
    samples = NoiseTextToAudio().sound("x", 2.0, seed=seed).samples[0]
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 44_100)
    centre = np.exp((power[1:] * np.log(hertz[1:])).sum() / power[1:].sum())
    near = (hertz > centre / 4) & (hertz < centre * 4)
    assert power[near].sum() > 0.9 * power.sum()


def test_seeds_give_bands_all_over_the_range():
    centres = []
    for seed in range(40):
        samples = NoiseTextToAudio().sound("x", 0.5, seed=seed).samples[0]
        power = np.abs(np.fft.rfft(samples)) ** 2
        centres.append(np.fft.rfftfreq(len(samples), 1 / 44_100)[power.argmax()])
    assert min(centres) < 300
    assert max(centres) > 3_000


def test_bursts_begin_and_end_softly_so_that_the_plans_timing_is_heard():
    told = story(("a", 1.0), ("b", 2.0))
    track = PlannedTextToAudio(Fixed(told), NoiseTextToAudio()).generate(
        Instruction(text="x", duration_s=3.0)
    )
    envelope = np.abs(track.waveform.samples[0])
    edge = envelope[44_100 - 200 : 44_100 + 200].mean()
    assert edge < 0.2 * envelope[22_050 - 2_000 : 22_050 + 2_000].mean()
    assert track.waveform.num_samples == 3 * 44_100


@pytest.mark.parametrize(
    "wrong",
    [
        {"highest_hz": 20_000.0},
        {"lowest_hz": 5.0},
        {"octaves": 0.0},
        {"level_db": 1.0},
        {"fade_s": -1},
    ],
)
def test_bands_and_levels_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        NoiseConfig(**wrong)
