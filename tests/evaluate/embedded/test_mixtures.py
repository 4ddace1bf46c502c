import numpy as np
import pytest
import torch

from audiostory.data.manifest import read_sounds
from audiostory.evaluate.embedded.detector import STRIDE
from audiostory.evaluate.embedded.mixtures import (
    MixtureConfig,
    MixtureSampler,
    clip_powers,
    sounding,
    tail,
)
from audiostory.evaluate.embedded.spectrum import NARROW
from tests.evaluate.sounds import write_corpus

CONFIG = MixtureConfig(batch=6, window_frames=64)


@pytest.fixture
def sampler(tmp_path):
    corpus = write_corpus(tmp_path)
    rows = [row for row in read_sounds(corpus / "metadata.jsonl") if row.split == "train"]
    powers = clip_powers(corpus, rows, NARROW, tmp_path / "cache")
    return MixtureSampler(powers, rows, ("bell", "rain"), NARROW, CONFIG, seed=5)


def test_the_scenes_of_a_step_are_always_the_same(sampler):
    once, again = sampler.batch_at(3), sampler.batch_at(3)
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[1], again[1])
    assert not torch.equal(once[0], sampler.batch_at(4)[0])


def test_scenes_have_the_shapes_a_detector_hears(sampler):
    levels_BTM, heard_BFG = sampler.batch_at(0)
    assert levels_BTM.shape == (6, 64, NARROW.num_mels)
    assert heard_BFG.shape == (6, 64 // STRIDE, 2)
    assert 0 <= float(levels_BTM.min()) <= float(levels_BTM.max()) <= 1


def test_what_is_said_to_be_heard_is_a_kind_in_the_scene(sampler):
    random = np.random.default_rng(0)
    for _ in range(40):
        scene = sampler.scene(random)
        kinds = {sampler.rows[index].group for index in scene.clips}
        heard = {
            g for g, column in zip(sampler.groups, scene.heard_FG.T, strict=True) if column.any()
        }
        assert heard <= kinds


def test_most_foregrounds_are_heard(sampler):
    random = np.random.default_rng(0)
    scenes = [sampler.scene(random, most_sounds=1) for _ in range(60)]
    named = [s for s in scenes if sampler.rows[s.clips[0]].group in sampler.groups]
    assert sum(bool(scene.heard_FG.any()) for scene in named) > 0.9 * len(named)


def test_short_pauses_belong_to_a_sound_and_long_ones_do_not():
    power = np.zeros((100, 1), np.float32)
    power[[10, 11, 20, 21, 60]] = 1.0
    active = sounding(power, frames_per_s=50.0)
    assert active[10:22].all()
    assert not active[22:60].any()
    assert not active[:10].any()


def test_a_quiet_rest_of_a_sound_does_not_count():
    power = np.ones((10, 1), np.float32)
    power[5:] = 1e-4
    assert sounding(power, frames_per_s=50.0).tolist() == [True] * 5 + [False] * 5


def test_reverberation_falls_by_sixty_decibels_in_its_time():
    power = np.zeros((101, 1), np.float32)
    power[0] = 1.0
    later = tail(power, rt60_frames=100.0)
    assert later[100, 0] / later[0, 0] == pytest.approx(1e-6, rel=0.05)
